"""The rules that campaign files are checked by: their ids, levels and pages, from rules.md."""

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PAGE = Path(__file__).with_name("rules.md")
WEB_PAGE = "https://github.com/fairlift/fairlift/blob/main/docs/rules.md"

_HEADING = re.compile(r"^### (FL\d{3}): (.+)$", re.MULTILINE)


class Level(StrEnum):
    """How grave a finding is; `off` is for rules that a project does not want."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: such as FL203.
        title: what is wrong, in a few words.
        level: unless the project says otherwise.
        is_fixed: whether its level cannot be changed and no comment can ignore it, because the
            file cannot be read or the server refuses it.
        page: why it exists, an example of each kind, and how to mend it, in Markdown.
    """

    id: str
    title: str
    level: Level
    is_fixed: bool
    page: str

    @property
    def address(self) -> str:
        """Where the page can be read."""
        return f"{WEB_PAGE}#{self.id.lower()}-{_anchor(self.title)}"


@functools.cache
def rules() -> dict[str, Rule]:
    """All rules by id, in order.

    >>> rules()["FL203"].level
    <Level.WARNING: 'warning'>
    """
    text = PAGE.read_text(encoding="utf-8")
    found = list(_HEADING.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return {
        match[1]: _rule(match[1], match[2], text[match.end() : end])
        for match, end in zip(found, ends, strict=True)
    }


def _rule(rule_id: str, title: str, page: str) -> Rule:
    # A heading between two groups of rules belongs to neither of them.
    page = re.split(r"^## ", page, maxsplit=1, flags=re.MULTILINE)[0].strip()
    level, _, page = page.partition("\n")
    return Rule(
        rule_id,
        title,
        Level.ERROR if level.startswith("*Error") else Level.WARNING,
        is_fixed="always" in level,
        page=page.strip(),
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
