"""Findings: mistakes in campaign files and warnings, and their three output formats."""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

from fairlift_cli.text import clean

# The limit of the text format, per file; the other formats list all findings.
MAX_PRINTED: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake: its position, the field (empty: the whole file) and a message.

    `line` and `column` count from 1; `column` is set where it helps, such as in an audience.
    """

    path: str
    line: int
    column: int | None
    field: str
    message: str

    def __str__(self) -> str:
        column = "" if self.column is None else f":{self.column}"
        return clean(f"{self.path}:{self.line}{column}: {self.sentence}")

    @property
    def sentence(self) -> str:
        """Field and message, without the position."""
        return f"{self.field} {self.message}".strip()


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by file and line, without repetitions."""
    return sorted(
        set(findings),
        key=lambda finding: (finding.path, finding.line, finding.column or 0, finding),
    )


def as_text(findings: Sequence[Finding], warnings: Sequence[Finding] = ()) -> str:
    """One line for each finding, for people and editors; only the first findings of each file."""
    of_warnings = (
        clean(f"{found.path}:{found.line}: warning: {found.sentence}") for found in warnings
    )
    return "\n".join((*_lines(findings), *of_warnings))


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for path, group in groupby(findings, key=lambda finding: finding.path):
        of_file = list(group)
        # The line "and 1 more" would be no shorter than the finding itself.
        printed = of_file if len(of_file) <= MAX_PRINTED + 1 else of_file[:MAX_PRINTED]
        yield from map(str, printed)
        if more := len(of_file) - len(printed):
            yield f"{clean(path)}: ... and {more} more; `fairlift check --format json` prints all"


def as_json(
    findings: Sequence[Finding], warnings: Sequence[Finding] = (), *, campaigns: int
) -> str:
    """One JSON object, for programs."""
    return json.dumps(
        {
            "campaigns": campaigns,
            "findings": [asdict(finding) for finding in findings],
            "warnings": [asdict(warning) for warning in warnings],
        },
        indent=2,
    )


def as_github(findings: Sequence[Finding], warnings: Sequence[Finding] = ()) -> str:
    """Workflow commands: GitHub shows them beside the lines of the change.

    Source: docs.github.com, "Workflow commands for GitHub Actions", setting an error message.
    """
    return "\n".join(
        f"::{command} file={_property(finding.path)},line={finding.line}"
        + ("" if finding.column is None else f",col={finding.column}")
        + f"::{_data(finding.sentence)}"
        for command, listed in (("error", findings), ("warning", warnings))
        for finding in listed
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message that suggests the closest known word; empty when none is close."""
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The closest known word, or None when none is close."""
    matches = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _data(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
