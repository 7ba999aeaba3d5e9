"""Reads campaign files into messages; reports all mistakes in one run, with their lines."""

import contextlib
import functools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign

from fairlift_cli.campaign_files import STANDARD_INPUT, reason_not_to_read
from fairlift_cli.fields import MessageReader, nearest_place
from fairlift_cli.findings import Finding
from fairlift_cli.ignores import Ignore, ignores_in, mentions_ignores
from fairlift_cli.shared_definitions import Shared
from fairlift_cli.yaml_tree import (
    MAX_BYTES,
    Position,
    YamlError,
    YamlMapping,
    YamlScalar,
    YamlValue,
    yaml_documents,
)

_NOTHING = "contains no campaign; a campaign begins with `campaign: its-id`"


@dataclass(frozen=True, slots=True)
class Document:
    """One campaign of a file, as far as it could be read.

    `content` is the message and `packed` the positions, as bytes and as JSON: a folder keeps them
    for all of its campaigns, and objects take several times the memory. `flagged` holds paths with
    a mistake; a second one is not reported there.
    """

    path: str
    name: str
    content: bytes
    packed: str
    flagged: frozenset[str]

    @property
    def message(self) -> Campaign:
        """The campaign as a message; each time a new one."""
        return Campaign.FromString(self.content)

    @property
    def positions(self) -> Mapping[str, tuple[Position, str]]:
        """By field path such as `variants[1].weight`, where it stands, and how it is written."""
        return _unpacked(self.packed)

    def has_mistake_in(self, path: str) -> bool:
        """Whether a mistake at the field, or in it, was already found."""
        return any(_is_at_or_within(path, known) for known in self.flagged)

    def finding(self, rule: str, path: str, message: str) -> Finding | None:
        """The finding at its place, or None when the field already has one."""
        if any(_is_at_or_within(known, path) for known in self.flagged):
            return None
        position, written = nearest_place(self.positions, path)
        return Finding(self.path, position.line, position.column, written, message, rule)


@dataclass(slots=True)
class ReadResult:
    """The campaigns of a file, the mistakes in it, and the comments that ignore rules."""

    documents: list[Document] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ignores: list[Ignore] = field(default_factory=list)


def read(path: Path, shared: Shared | None = None) -> ReadResult:
    """The campaigns of a YAML file, or of standard input, several documents allowed.

    What cannot be read is a finding, also a file that disappears meanwhile.
    """
    if path == STANDARD_INPUT:
        name, content = "<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        name = str(path)
        if reason := reason_not_to_read(path):
            return _unreadable(name, 1, reason, "FL110")
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            return _unreadable(name, 1, f"cannot be read: {error.strerror}", "FL110")
    if len(content) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES} bytes, the most that are read; split it"
        return _unreadable(name, 1, message, "FL103")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable(name, line, "is not UTF-8; save it as UTF-8", "FL101")
    return read_text(text, name, shared)


def read_text(text: str, path: str, shared: Shared | None = None) -> ReadResult:
    """The campaigns of a YAML text; `path` is its name in findings."""
    result = ReadResult()
    # Files that were joined may have a byte order mark before any of their documents.
    text = text.replace("\n\ufeff", "\n")
    scalars: list[tuple[int, int]] | None = [] if mentions_ignores(text) else None
    try:
        for tree in yaml_documents(text, scalars):
            with contextlib.suppress(_Empty):
                result.documents.append(_document(tree, path, result, shared))
    except YamlError as error:
        place = error.position
        result.findings.append(Finding(path, place.line, place.column, "", str(error), error.rule))
    else:
        if scalars is not None:
            result.ignores = ignores_in(text, scalars)
    if not result.documents and not result.findings:
        result.findings.append(Finding(path, 1, 1, "", _NOTHING, "FL102"))
    return result


def _unreadable(path: str, line: int, reason: str, rule: str) -> ReadResult:
    return ReadResult(findings=[Finding(path, line, 1, "", reason, rule)])


class _Empty(Exception):
    """The document is empty, such as after a final `---`."""


def _document(tree: YamlValue, path: str, result: ReadResult, shared: Shared | None) -> Document:
    if not isinstance(tree, YamlMapping):
        if isinstance(tree, YamlScalar) and tree.is_null:
            raise _Empty
        message = "is not a mapping; a campaign begins with `campaign: its-id`"
        place = tree.position
        result.findings.append(Finding(path, place.line, place.column, "", message, "FL102"))
        raise _Empty
    campaign = Campaign()
    reader = MessageReader(path, shared.audiences if shared else {})
    reader.read(tree, campaign)
    if shared:
        shared.complete(campaign)
    result.findings += reader.findings
    return Document(
        path,
        campaign.name,
        campaign.SerializeToString(),
        _packed(reader.positions),
        frozenset(reader.flagged),
    )


def _packed(positions: Mapping[str, tuple[Position, str]]) -> str:
    return json.dumps(
        {
            path: (place.line, place.column, None if written == path else written)
            for path, (place, written) in positions.items()
        }
    )


@functools.lru_cache(maxsize=4)
def _unpacked(packed: str) -> dict[str, tuple[Position, str]]:
    return {
        path: (Position(line, column), path if written is None else written)
        for path, (line, column, written) in json.loads(packed).items()
    }


def _is_at_or_within(parent: str, path: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))
