"""Findings for people and editors: a line for each; of each file only the first ones."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from fairlift_cli.findings import Finding
from fairlift_cli.rules import Level
from fairlift_cli.text import clean

# The limit per file; the other formats list all findings.
MAX_PRINTED: Final = 20

_COLOURS = {Level.ERROR: "\x1b[31m", Level.WARNING: "\x1b[33m"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def as_text(findings: Sequence[Finding], *, coloured: bool = False) -> str:
    """One line for each finding; errors of a file come before its warnings."""
    return "\n".join(_lines(findings, coloured=coloured))


def _lines(findings: Sequence[Finding], *, coloured: bool) -> Iterator[str]:
    graver_first = sorted(findings, key=lambda found: (found.path, found.level is Level.WARNING))
    for _path, group in groupby(graver_first, key=lambda finding: finding.path):
        of_file = list(group)
        # The line "and 1 more" would be no shorter than the finding itself.
        printed = of_file if len(of_file) <= MAX_PRINTED + 1 else of_file[:MAX_PRINTED]
        for finding in printed:
            yield _coloured(finding) if coloured else str(finding)
        if more := len(of_file) - len(printed):
            path = clean(printed[0].path_in_text)
            yield f"{path}: ... and {more} more; `fairlift check --format json` prints all"


def _coloured(finding: Finding) -> str:
    place = clean(f"{finding.path_in_text}:{finding.line}:{finding.column}:")
    kind = f"{finding.level} {finding.rule}:"
    return (
        f"{_DIM}{place}{_PLAIN} {_COLOURS[finding.level]}{kind}{_PLAIN} {clean(finding.sentence)}"
    )
