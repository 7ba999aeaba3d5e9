"""Looks through a text file before it is read: its encoding, its lines, and that it rests."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fairlift.engine.errors import WrongState

MAX_LINE_BYTES = 2_000_000
_PIECE_BYTES = 1 << 20
_BLANK = re.compile(r"\n(?=\n)")
# How files begin that are no text yet, and what to do with them.
_NO_TEXT = {
    b"PK\x03\x04": "is a workbook of a spreadsheet, or a zip file; save it as CSV, or unpack it",
    b"\x1f\x8b": "is compressed; unpack it first",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class FileState:
    """By what a file that changes is noticed."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """The state of a file now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file that can be read.

    Attributes:
        path: of the text in UTF-8 whose lines end with a line feed: the file itself, or a copy.
        lines: how many there are.
        blank: how many of them are empty.
    """

    path: Path
    lines: int
    blank: int


def readable_text(path: Path, encoding: str, copy: Path) -> TextFile:
    """The file, if it is text of this encoding whose lines are not too long.

    It is read in pieces: no line is ever held whole.

    Args:
        path: of the file.
        encoding: of its text.
        copy: where a text in another encoding, or with other ends of lines, is written.

    Raises:
        WrongState: it is not; the line is named. Or the copy cannot be written.
    """
    name = codecs.lookup(encoding).name
    lines = _Lines(path)
    with path.open("rb") as source:
        start = source.read(2 * MAX_LINE_BYTES)
    _refuse_other_kinds(path, start, name)
    # DuckDB reads no row of a text whose lines end as on Windows when it is told so.
    is_windows = b"\r\n" in start
    if name == "utf-8" and not is_windows:
        for text in _decoded(path, name):
            lines.add(text)
        return TextFile(path, lines.total, lines.blank)
    try:
        _copy_text(path, name, copy, lines)
    except OSError as error:
        raise WrongState(
            f"{path} cannot be copied to {copy.parent}: {error.strerror}; a text in {encoding}, or "
            "with lines that end as on Windows, needs a copy: free the disk, or set TMPDIR"
        ) from None
    return TextFile(copy, lines.total, lines.blank)


def _copy_text(path: Path, name: str, copy: Path, lines: "_Lines") -> None:
    """Writes the text in UTF-8, with a line feed at the end of each line."""
    with copy.open("w", encoding="utf-8", newline="") as target:
        end = ""
        for text in _decoded(path, name):
            # A piece may end between the two characters of a line's end.
            text = end + text
            end = "\r" if text.endswith("\r") else ""
            text = text.removesuffix("\r").replace("\r\n", "\n")
            lines.add(text)
            target.write(text)
        target.write(end)


def _refuse_other_kinds(path: Path, start: bytes, name: str) -> None:
    for begin, text in _NO_TEXT.items():
        if start.startswith(begin):
            raise WrongState(f"{path} {text}")
    if start.startswith(_UTF_16) and not name.startswith("utf-16"):
        raise WrongState(
            f"{path} is text in UTF-16; set `encoding: utf-16` in the mapping's `file`"
        )
    if b"\r" in start and b"\n" not in start:
        raise WrongState(
            f"{path}: its lines end with a carriage return alone; save it with line feeds"
        )


class _Lines:
    """Counts the lines of a text, and refuses one that is too long.

    A line within one piece is shorter than it; only a line that crosses pieces can be too long.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 1
        self._length = 0
        self.blank = 0

    def add(self, piece: str) -> None:
        if "\0" in piece:
            line = self._number + piece[: piece.index("\0")].count("\n")
            text = "holds a null character: it is no text file, or one in UTF-16"
            raise WrongState(f"{self._path}: line {line} {text}")
        first, last = piece.find("\n"), piece.rfind("\n")
        self._check(self._length + (len(piece) if first < 0 else first))
        self.blank += len(_BLANK.findall(piece)) + (first == 0 and self._length == 0)
        self._number += piece.count("\n")
        self._length = self._length + len(piece) if last < 0 else len(piece) - last - 1

    @property
    def total(self) -> int:
        """How many lines there are: what follows the last line's end is none if it is empty."""
        return self._number if self._length else self._number - 1

    def _check(self, length: int) -> None:
        if length > MAX_LINE_BYTES:
            raise WrongState(
                f"{self._path}: line {self._number} has more than {MAX_LINE_BYTES:,} characters, "
                "the most that a line may have; is the file of another kind?"
            )


def _decoded(path: Path, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(name)()
    line = 1
    with path.open("rb") as source:
        is_last = False
        while not is_last:
            piece = source.read(_PIECE_BYTES)
            is_last = not piece
            try:
                text = decoder.decode(piece, final=is_last)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise WrongState(_undecodable(path, name, line)) from None
            line += text.count("\n")
            yield text


def _undecodable(path: Path, name: str, line: int) -> str:
    text = f"{path} is no {name} text: line {line} holds bytes that {name} does not have; set"
    if name == "utf-8":
        return f"{text} `encoding: windows-1252` in the mapping's `file` if a spreadsheet wrote it"
    return f"{text} another `encoding` in the mapping's `file`"
