"""Comments that ignore a rule: `# fairlift: ignore FL203 because the old shop gets a thousandth`.

A comment behind a value is about its line, one on a line of its own about the next line with
content. The reason is required, and a comment that ignores nothing is a finding itself.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairlift_cli.findings import Finding
from fairlift_cli.rules import Level, rules
from fairlift_cli.yaml_tree import YamlError, with_plain_breaks, yaml_documents

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*fairlift:(.*)$", re.MULTILINE)
_WORDS = re.compile(r"\s*ignore\s+((?:FL\d{3}[\s,]*)+)(?:because\s+(\S.*))?\s*")
_HOW = "write `# fairlift: ignore FL203 because …`, with the reason"


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment: where it stands, the line that it is about, and the rules that it ignores."""

    line: int
    column: int
    about: int
    rules: tuple[str, ...]
    has_reason: bool


def mentions_ignores(text: str) -> bool:
    """Whether the text may have such comments, at the cost of one search."""
    return "fairlift:" in text


def ignores_in(text: str, scalars: Sequence[tuple[int, int]]) -> list[Ignore]:
    """The comments of a file; `scalars` has the first and last character of its values, in order.

    What looks like a comment inside a value is text.
    """
    starts = [start for start, _ in scalars]
    text = with_plain_breaks(text)
    lines = text.split("\n")
    found: list[Ignore] = []
    line, counted = 1, 0
    for match in _COMMENT.finditer(text):
        at = match.start()
        line += text.count("\n", counted, at)
        counted = at
        index = bisect_right(starts, at) - 1
        if index >= 0 and at < _end_of_value(text, *scalars[index]):
            continue
        column = at - text.rfind("\n", 0, at)
        words = _WORDS.fullmatch(match[1])
        named = tuple(re.findall(r"FL\d{3}", words[1])) if words else ()
        reason = bool(words and words[2])
        about = line if column > 1 and lines[line - 1][: column - 1].strip() else 0
        found.append(Ignore(line, column, about, named, reason))
    return _with_next_lines(found, lines)


def ignores_of(path: Path) -> list[Ignore]:
    """The comments of a YAML file; none if it is no file that can be read."""
    if not path.is_file():  # a pipe would be waited for
        return []
    scalars: list[tuple[int, int]] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
        list(yaml_documents(text, scalars))
    except (OSError, UnicodeDecodeError, YamlError):
        return []
    return ignores_in(text, scalars)


def _end_of_value(text: str, start: int, end: int) -> int:
    """A block of text ends for the parser where the next value begins; its comments do not."""
    if text[start : start + 1] not in ("|", ">"):
        return end
    indent = 0
    last = start
    position = text.find("\n", start, end)
    while 0 <= position < end:
        following = text.find("\n", position + 1, end)
        row = text[position + 1 : end if following < 0 else following]
        if row.strip():
            depth = len(row) - len(row.lstrip(" "))
            indent = indent or depth
            if depth < indent:
                break
            last = position + 1 + len(row)
        position = following
    return last


def _with_next_lines(found: list[Ignore], lines: Sequence[str]) -> list[Ignore]:
    """Comments on lines of their own are about the next line that has content."""
    next_content = [len(lines) + 1] * (len(lines) + 2)
    for number in range(len(lines), 0, -1):
        is_content = _is_content(lines[number - 1])
        next_content[number] = number if is_content else next_content[number + 1]
    return [
        ignore if ignore.about else replace(ignore, about=next_content[ignore.line])
        for ignore in found
    ]


def _is_content(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith("#")


def without_ignored(
    findings: Iterable[Finding], ignores: Mapping[str, Sequence[Ignore]]
) -> Iterator[Finding]:
    """The findings that no comment ignores, and what is wrong with the comments.

    Args:
        findings: of all files.
        ignores: the comments of each file, by its path.
    """
    by_line = {
        (path, ignore.about, rule): [0]
        for path, of_file in ignores.items()
        for ignore in of_file
        if ignore.has_reason
        for rule in ignore.rules
    }
    findings = list(findings)
    # Beside an error not every rule is judged, so nothing is known to be ignored in vain.
    judged_in_part = {f.path for f in findings if rules()[f.rule].level is Level.ERROR}
    for finding in findings:
        used = by_line.get((finding.path, finding.line, finding.rule))
        if used is not None and not rules()[finding.rule].is_fixed:
            used[0] += 1
        else:
            yield finding
    for path, of_file in ignores.items():
        for ignore in of_file:
            for found in _about(path, ignore, by_line):
                if found.rule != "FL902" or path not in judged_in_part:
                    yield found


def _about(
    path: str, ignore: Ignore, used: Mapping[tuple[str, int, str], Sequence[int]]
) -> Iterator[Finding]:
    def finding(rule: str, message: str) -> Finding:
        return Finding(path, ignore.line, ignore.column, "", message, rule)

    if not ignore.rules:
        yield finding("FL903", f"this comment is not understood; {_HOW}")
        return
    for rule in ignore.rules:
        if rule not in rules():
            yield finding("FL903", f"{rule} is not a rule; `fairlift explain` lists all")
        elif rules()[rule].is_fixed:
            yield finding("FL904", f"{rule} cannot be ignored; correct what it reports")
        elif not ignore.has_reason:
            yield finding("FL901", f"has no reason to ignore {rule}; {_HOW}")
        elif not used[path, ignore.about, rule][0]:
            where = f"line {ignore.about}"
            yield finding("FL902", f"ignores {rule}, which {where} does not break; remove it")
