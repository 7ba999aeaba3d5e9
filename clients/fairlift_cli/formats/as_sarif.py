"""Findings as SARIF 2.1.0, which GitHub's code scanning and most dashboards read."""

import json
from collections.abc import Sequence
from typing import Any

from fairlift_cli.findings import Finding
from fairlift_cli.formats.report_path import report_uri
from fairlift_cli.rules import Rule, rules
from fairlift_cli.text import clean

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(findings: Sequence[Finding], *, version: str) -> str:
    """One run, with the metadata of the rules that were broken and a region for each finding."""
    broken = sorted({found.rule for found in findings})
    index_of = {rule: index for index, rule in enumerate(broken)}
    driver = {
        "name": "fairlift check",
        "version": version,
        "informationUri": "https://github.com/fairlift/fairlift",
        "rules": [_metadata(rules()[rule]) for rule in broken],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, index_of[found.rule]) for found in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _metadata(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "help": {"text": rule.page, "markdown": rule.page},
        "helpUri": rule.address,
        "defaultConfiguration": {"level": str(rule.level)},
    }


def _result(found: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": str(found.level),
        "message": {"text": clean(found.sentence)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": report_uri(found.path)},
                    "region": {"startLine": found.line, "startColumn": found.column},
                }
            }
        ],
    }
