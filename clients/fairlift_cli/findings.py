"""What is wrong with a file, and the three ways of saying so."""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

from fairlift_cli.text import clean

# What people read; programs get everything.
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake: where it stands, the field (empty: the whole file) and what is wrong.

    `line` and `column` count from 1; a column is given where it helps, such as in an audience.
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
        """Field and message, without the place."""
        return f"{self.field} {self.message}".strip()


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By file, then line, each once."""
    return sorted(set(findings), key=lambda each: (each.path, each.line, each.column or 0, each))


def as_text(findings: Sequence[Finding]) -> str:
    """One line for each finding, as editors and people read them; of each file the first few."""
    return "\n".join(_lines(findings))


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for path, group in groupby(findings, key=lambda each: each.path):
        found = list(group)
        # One more is no longer than the line that would stand for it.
        shown = found if len(found) <= MOST_SHOWN + 1 else found[:MOST_SHOWN]
        yield from map(str, shown)
        if left := len(found) - len(shown):
            yield f"{clean(path)}: ... and {left} more; `fairlift check --format json` prints all"


def as_json(findings: Sequence[Finding], *, campaigns: int) -> str:
    """One JSON object, for programs."""
    return json.dumps(
        {"campaigns": campaigns, "findings": [asdict(each) for each in findings]}, indent=2
    )


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands: GitHub shows them beside the lines of the change.

    Source: docs.github.com, "Workflow commands for GitHub Actions", setting an error message.
    """
    return "\n".join(
        f"::error file={_property(each.path)},line={each.line}"
        + ("" if each.column is None else f",col={each.column}")
        + f"::{_data(each.sentence)}"
        for each in findings
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message: the known word that was probably meant, or nothing."""
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, if any does."""
    matches = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _data(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
