"""Findings as GitLab's code quality report, which it shows in a merge request.

Source: docs.gitlab.com, "Code Quality report format".
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

from fairlift_cli.findings import Finding
from fairlift_cli.formats.report_path import report_path
from fairlift_cli.rules import Level
from fairlift_cli.text import clean


def as_gitlab(findings: Sequence[Finding]) -> str:
    """A JSON list with an issue for each finding.

    A fingerprint does not depend on the line, so that a finding stays the same one when lines
    are added above it.
    """
    seen: Counter[str] = Counter()
    issues = []
    for found in findings:
        identity = "\n".join((found.path, found.rule, found.field, found.message))
        seen[identity] += 1
        content = f"{identity}\n{seen[identity]}".encode(errors="surrogateescape")
        issues.append(
            {
                "description": clean(found.sentence),
                "check_name": found.rule,
                "fingerprint": hashlib.sha256(content).hexdigest(),
                "severity": "major" if found.level is Level.ERROR else "minor",
                "location": {
                    "path": report_path(found.path),
                    "lines": {"begin": found.line},
                },
            }
        )
    return json.dumps(issues, indent=2)
