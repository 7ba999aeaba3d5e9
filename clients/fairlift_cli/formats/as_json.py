"""Findings as one JSON object, for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from fairlift_cli.findings import Finding
from fairlift_cli.rules import Level


def as_json(findings: Sequence[Finding], *, campaigns: int) -> str:
    """All findings with their levels, and how many campaigns, errors and warnings there are."""
    errors = sum(found.level is Level.ERROR for found in findings)
    return json.dumps(
        {
            "campaigns": campaigns,
            "errors": errors,
            "warnings": len(findings) - errors,
            "findings": [asdict(found) for found in findings],
        },
        indent=2,
    )
