"""Reads the files beside campaigns: the project, shared definitions, traffic and tests."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fairlift_cli.campaign_files import reason_not_to_read
from fairlift_cli.findings import Finding, did_you_mean
from fairlift_cli.yaml_tree import (
    MAX_BYTES,
    Position,
    YamlEntry,
    YamlError,
    YamlList,
    YamlMapping,
    YamlValue,
    yaml_documents,
)
from fairlift_cli.yaml_values import WrongValue, required_scalar

Read = TypeVar("Read")


class SideFile:
    """One file beside campaigns; its mistakes go to a list, under one rule.

    Args:
        path: of the file.
        rule: that a mistake in it breaks.
        findings: where mistakes are added.
    """

    def __init__(self, path: Path, rule: str, findings: list[Finding]) -> None:
        self.name = path_as_shown(path)
        self.findings = findings
        self._path = path
        self._rule = rule

    def documents(self) -> list[YamlValue]:
        """The YAML documents of the file, as far as it can be read."""
        found: list[YamlValue] = []
        if reason := reason_not_to_read(self._path):
            self.mistake("", reason)
            return found
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.mistake("", f"cannot be read: {error.strerror}")
            return found
        if len(content) > MAX_BYTES:
            self.mistake("", f"has more than {MAX_BYTES} bytes, the most that are read")
            return found
        try:
            found.extend(yaml_documents(content.decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.mistake("", "is not UTF-8; save it as UTF-8", Position(line, 1))
        except YamlError as error:
            self.mistake("", str(error), error.position)
        return found

    def mapping(self, described: str) -> "MappingReader | None":
        """The mapping that the file is; None with a finding when it is none."""
        before = len(self.findings)
        documents = self.documents()
        if len(self.findings) > before:
            return None
        if len(documents) == 1 and isinstance(documents[0], YamlMapping):
            return MappingReader(documents[0], self)
        self.mistake("", f"is not {described}: it must be one mapping, such as `key: value`")
        return None

    def mistake(self, field: str, message: str, at: Position = Position(1, 1)) -> None:  # noqa: B008  # it is frozen
        """Adds a mistake."""
        self.findings.append(Finding(self.name, at.line, at.column, field, message, self._rule))

    def add(self, findings: Iterable[Finding], below: str = "") -> None:
        """Adds what another reader found in the file, with its fields below a key."""
        for found in findings:
            self.mistake(below + found.field, found.message, Position(found.line, found.column))


class MappingReader:
    """Takes the keys of one mapping; a key that is there twice is a mistake.

    Attributes:
        line: where it begins.
    """

    def __init__(self, tree: YamlMapping, file: SideFile, where: str = "") -> None:
        self.line = tree.position.line
        self.file = file
        self._entries = {entry.key: entry for entry in tree.entries}
        self._position = tree.position
        self._where = where
        for entry, first in tree.repeated:
            message = f"appears twice, first on line {first.line}; keep one"
            self.mistake(entry.key, message, entry.position)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def entries(self) -> tuple[YamlEntry, ...]:
        """The entries in order."""
        return tuple(self._entries.values())

    def entry(self, key: str) -> YamlEntry | None:
        """The entry of the key, if it is there."""
        return self._entries.get(key)

    def check_keys(self, known: Iterable[str]) -> None:
        """Lists every key that is not known."""
        known = tuple(known)
        for key in self._entries:
            if key not in known:
                hint = did_you_mean(key, known) or f"; known keys are {', '.join(sorted(known))}"
                self.mistake(key, f"is not known{hint}")

    def position_of(self, key: str) -> Position:
        """Where the key stands; where the mapping begins if it lacks the key."""
        entry = self._entries.get(key)
        return self._position if entry is None else entry.position

    def line_of(self, key: str) -> int:
        """The line of the key; of the mapping if it lacks the key."""
        return self.position_of(key).line

    def take(self, key: str, read: Callable[[YamlValue], Read], default: Read) -> Read:
        """The value of the key, or the default if it is absent or wrong.

        `read` raises WrongValue.
        """
        entry = self._entries.get(key)
        if entry is None:
            return default
        try:
            return read(entry.value)
        except WrongValue as mistake:
            self.mistake(key, str(mistake), entry.value.position)
            return default

    def texts(self, key: str, described: str) -> list[str]:
        """The texts of the list under the key; none if it is absent."""
        entry = self._entries.get(key)
        if entry is None:
            return []
        if not isinstance(entry.value, YamlList):
            self.mistake(key, f"must be a list of {described}", entry.value.position)
            return []
        texts: list[str] = []
        for index, item in enumerate(entry.value.items):
            try:
                texts.append(required_scalar(item, "a text").text)
            except WrongValue as mistake:
                self.mistake(f"{key}[{index}]", str(mistake), item.position)
        return texts

    def mapping(self, key: str) -> "MappingReader | None":
        """The mapping under the key; None if it is absent, or wrong."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not isinstance(entry.value, YamlMapping):
            message = "must be a mapping such as {key: value}"
            self.mistake(key, message, entry.value.position)
            return None
        return MappingReader(entry.value, self.file, f"{self._where}{key}.")

    def mistake(self, key: str, message: str, at: Position | None = None) -> None:
        """Lists a mistake of the key; `at` is where, if not at the key."""
        self.file.mistake(self.path_of(key), message, at or self.position_of(key))

    def path_of(self, key: str) -> str:
        """The path of the key from the top of the file, as findings name it."""
        return f"{self._where}{key}"


def path_as_shown(path: Path) -> str:
    """The path from the working directory, if it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
