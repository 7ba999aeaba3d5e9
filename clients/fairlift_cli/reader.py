"""From a campaign file to messages: every mistake is found in one run, with its line."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign

from fairlift_cli.fields import MessageReader
from fairlift_cli.findings import Finding
from fairlift_cli.yaml_tree import MAX_BYTES, Fields, Place, YamlError, trees

_NOTHING = "contains no campaign; a campaign begins with `campaign: its-id`"


@dataclass(frozen=True, slots=True)
class Document:
    """One campaign of a file, as far as it could be read.

    `places` are known by field path, such as `variants[1].weight`, with the path as it was
    written; `flagged` are the paths with a mistake already: what follows from it is not news.
    """

    path: str
    message: Campaign
    places: Mapping[str, tuple[Place, str]]
    flagged: frozenset[str]

    def finding(self, path: str, message: str) -> Finding | None:
        """The mistake at its line, or None when it only follows from one that is known."""
        if any(_holds(known, path) for known in self.flagged):
            return None
        nearest = path
        while nearest and nearest not in self.places:
            nearest = nearest[: max(nearest.rfind("."), nearest.rfind("["), 0)]
        place, written = self.places[nearest]
        return Finding(self.path, place.line, None, written + path[len(nearest) :], message)


@dataclass(slots=True)
class Reading:
    """What a file holds, and what is wrong with it."""

    documents: list[Document] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read(path: Path) -> Reading:
    """The campaigns of a YAML file, several documents allowed.

    Raises:
        OSError: the file cannot be read at all.
    """
    name = str(path)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        size = path.stat().st_size
        message = f"the file has {size} bytes, must have at most {MAX_BYTES}; split it"
        return Reading(findings=[Finding(name, 1, None, "", message)])
    try:
        return read_text(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Reading(findings=[Finding(name, line, None, "", "is not UTF-8; save it as UTF-8")])


def read_text(text: str, path: str) -> Reading:
    """The campaigns of a YAML text; `path` is what findings call it."""
    reading = Reading()
    try:
        for tree in trees(text):
            with contextlib.suppress(_Empty):
                reading.documents.append(_document(tree, path, reading))
    except YamlError as error:
        reading.findings.append(Finding(path, error.place.line, None, "", str(error)))
    if not reading.documents and not reading.findings:
        reading.findings.append(Finding(path, 1, None, "", _NOTHING))
    return reading


class _Empty(Exception):
    """A document with nothing in it, such as after a last `---`."""


def _document(tree: object, path: str, reading: Reading) -> Document:
    if not isinstance(tree, Fields):
        place = getattr(tree, "place", Place(1, 1))
        if getattr(tree, "is_null", False):
            raise _Empty
        message = "is not a mapping; a campaign begins with `campaign: its-id`"
        reading.findings.append(Finding(path, place.line, None, "", message))
        raise _Empty
    campaign = Campaign()
    reader = MessageReader(path)
    reader.read(tree, campaign)
    reading.findings += reader.findings
    return Document(path, campaign, reader.places, frozenset(reader.flagged))


def _holds(known: str, path: str) -> bool:
    return path == known or path.startswith((f"{known}.", f"{known}["))
