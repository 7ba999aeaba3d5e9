"""Reads campaign files into messages; reports all mistakes in one run, with their lines."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign

from fairlift_cli.fields import MessageReader
from fairlift_cli.findings import Finding
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

    `positions` holds, by field path such as `variants[1].weight`, the position and the path as
    the file writes it. `flagged` holds paths with a mistake; a second one is not reported there.
    """

    path: str
    message: Campaign
    positions: Mapping[str, tuple[Position, str]]
    flagged: frozenset[str]

    def finding(self, path: str, message: str) -> Finding | None:
        """The mistake at its line, or None when the field already has one."""
        if any(_is_at_or_within(known, path) for known in self.flagged):
            return None
        nearest = path
        while nearest and nearest not in self.positions:
            nearest = nearest[: max(nearest.rfind("."), nearest.rfind("["), 0)]
        position, written = self.positions[nearest]
        return Finding(self.path, position.line, None, written + path[len(nearest) :], message)


@dataclass(slots=True)
class ReadResult:
    """The campaigns of a file, and the mistakes in it."""

    documents: list[Document] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read(path: Path) -> ReadResult:
    """The campaigns of a YAML file, several documents allowed.

    Raises:
        OSError: the file cannot be opened or read.
    """
    name = str(path)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        size = path.stat().st_size
        message = f"the file has {size} bytes, must have at most {MAX_BYTES}; split it"
        return ReadResult(findings=[Finding(name, 1, None, "", message)])
    try:
        return read_text(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return ReadResult(
            findings=[Finding(name, line, None, "", "is not UTF-8; save it as UTF-8")]
        )


def read_text(text: str, path: str) -> ReadResult:
    """The campaigns of a YAML text; `path` is its name in findings."""
    result = ReadResult()
    try:
        for tree in yaml_documents(text):
            with contextlib.suppress(_Empty):
                result.documents.append(_document(tree, path, result))
    except YamlError as error:
        result.findings.append(Finding(path, error.position.line, None, "", str(error)))
    if not result.documents and not result.findings:
        result.findings.append(Finding(path, 1, None, "", _NOTHING))
    return result


class _Empty(Exception):
    """The document is empty, such as after a final `---`."""


def _document(tree: YamlValue, path: str, result: ReadResult) -> Document:
    if not isinstance(tree, YamlMapping):
        if isinstance(tree, YamlScalar) and tree.is_null:
            raise _Empty
        message = "is not a mapping; a campaign begins with `campaign: its-id`"
        result.findings.append(Finding(path, tree.position.line, None, "", message))
        raise _Empty
    campaign = Campaign()
    reader = MessageReader(path)
    reader.read(tree, campaign)
    result.findings += reader.findings
    return Document(path, campaign, reader.positions, frozenset(reader.flagged))


def _is_at_or_within(parent: str, path: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))
