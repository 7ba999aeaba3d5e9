"""Findings as GitHub's workflow commands, which it shows beside the lines of a pull request.

Source: docs.github.com, "Workflow commands for GitHub Actions", setting an error message.
"""

from collections.abc import Sequence

from fairlift_cli.findings import Finding
from fairlift_cli.formats.report_path import report_path
from fairlift_cli.text import clean


def as_github(findings: Sequence[Finding]) -> str:
    """One command for each finding."""
    return "\n".join(map(_command, findings))


def _command(found: Finding) -> str:
    place = f"file={_property(report_path(found.path))},line={found.line},col={found.column}"
    return f"::{found.level} {place},title={_property(found.rule)}::{_data(found.sentence)}"


def _data(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
