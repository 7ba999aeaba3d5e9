"""Findings: what is wrong in campaign files, or doubtful, each by its rule and its place."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from fairlift_cli.rules import Level
from fairlift_cli.text import clean


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One finding: its position, the field (empty: the whole file), a message and the rule.

    `line` and `column` count from 1.
    """

    path: str
    line: int
    column: int
    field: str
    message: str
    rule: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        place = f"{self.path_in_text}:{self.line}:{self.column}"
        return clean(f"{place}: {self.level} {self.rule}: {self.sentence}")

    @property
    def path_in_text(self) -> str:
        """The path, so that no log takes the beginning of a line for a command."""
        return f"./{self.path}" if self.path.startswith(("::", "##")) else self.path

    @property
    def sentence(self) -> str:
        """Field and message, without the position."""
        return f"{self.field} {self.message}".strip()


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by file, line and column, without repetitions."""
    return sorted(set(findings))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message that suggests the closest known word; empty when none is close."""
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is meant, or the closest one, or None when none is close."""
    names = sorted(known)
    meant = _MEANT.get(word.lower())
    if meant in names:
        return meant
    matches = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return matches[0] if matches else None


# What people write who know other tools, and the word for it here.
_MEANT = {
    "less": "lt",
    "less_than": "lt",
    "<": "lt",
    "at_most": "le",
    "<=": "le",
    "greater": "gt",
    "more": "gt",
    "more_than": "gt",
    "above": "gt",
    "below": "lt",
    ">": "gt",
    "at_least": "ge",
    ">=": "ge",
    "equals": "eq",
    "equal": "eq",
    "is": "eq",
    "==": "eq",
    "=": "eq",
    "not_equal": "ne",
    "not_equals": "ne",
    "!=": "ne",
    "user": "visitor",
    "cookie": "visitor",
    "session": "visitor",
    "device": "visitor",
    "account": "customer",
    "client": "customer",
    "member": "customer",
    "int": "number",
    "integer": "number",
    "float": "number",
    "decimal": "number",
    "text": "string",
    "str": "string",
    "boolean": "bool",
    "flag": "bool",
    "date": "time",
    "datetime": "time",
    "timestamp": "time",
    "array": "list",
    "starts_with": "prefix",
    "ends_with": "suffix",
    "experiment": "campaign",
    "test": "campaign",
    "id": "campaign",
    "key": "campaign",
    "title": "display_name",
    "groups": "variants",
    "variations": "variants",
    "arms": "variants",
    "targeting": "audience",
    "filter": "audience",
    "segment": "audience",
    "rollout": "traffic",
    "percentage": "traffic",
    "coverage": "traffic",
    "split": "weight",
    "share": "weight",
    "value": "payload",
    "params": "payload",
    "config": "payload",
    "mde": "minimum_effect",
    "sample_size": "planned_units",
    "significance": "alpha",
}
