"""What is asked of a frame, whichever library it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from fairlift_stats.arrays import Array
from fairlift_stats.data.summary import Pair, Summary, Triple

__all__ = [
    "MOST_WHOLE",
    "Cells",
    "Column",
    "ColumnFacts",
    "ColumnKind",
    "FrameTable",
    "Label",
    "NeededSums",
    "RepeatedUnits",
]

# A value of the column that splits the frame, as Python has it; None where it is missing.
Label: TypeAlias = str | int | bool | None
Cells: TypeAlias = Mapping[tuple[Label, ...], Summary]

# Sums and distances of whole numbers up to here fit into 64 bits.
MOST_WHOLE: Final = 2**62


class ColumnKind(Enum):
    """What a column holds, as far as it matters here; the value says it in a message."""

    WHOLE = "whole numbers"
    NUMBER = "numbers"
    DECIMAL = "decimals"
    BOOLEAN = "booleans"
    TEXT = "text"
    CATEGORY = "categories"
    TIME = "times"
    OTHER = "values of mixed or unknown type"

    @property
    def is_number(self) -> bool:
        """Can it be added up?"""
        return self in _NUMBERS

    @property
    def is_label(self) -> bool:
        """Can it split a frame into groups?"""
        return self in _LABELS


_NUMBERS = {ColumnKind.WHOLE, ColumnKind.NUMBER, ColumnKind.DECIMAL, ColumnKind.BOOLEAN}
_LABELS = {ColumnKind.WHOLE, ColumnKind.BOOLEAN, ColumnKind.TEXT, ColumnKind.CATEGORY}


class Column(NamedTuple):
    """A column of a summary, as it is made from a column of the frame.

    Attributes:
        name: in the summary.
        source: in the frame.
        part: its values; its values with 0 where one is missing; or 1 where one is missing, else 0.
    """

    name: str
    source: str
    part: Literal["values", "filled", "missing"] = "values"


@dataclass(frozen=True, slots=True)
class NeededSums:
    """What is added up of each group of rows.

    Attributes:
        columns: their sums.
        products: sums of products of two of them.
        thirds: sums of products of three of them.
    """

    columns: tuple[Column, ...]
    products: tuple[Pair, ...]
    thirds: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What decides whether a column can be analysed.

    Attributes:
        missing: rows without a value: null, or NaN.
        least, most: of the other rows; 0 where there are none.
        is_0_or_1: no other value occurs.
    """

    missing: int
    least: float
    most: float
    is_0_or_1: bool


@dataclass(frozen=True, slots=True)
class RepeatedUnits:
    """Units with more than one row.

    Attributes:
        units: how many.
        in_several_variants: how many of them have rows in more than one variant.
        example: one of them.
    """

    units: int
    in_several_variants: int
    example: object


class FrameTable(Protocol):
    """A frame that is open for questions; answers are plain Python and numpy."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""

    def kind(self, column: str) -> ColumnKind:
        """What a column holds."""

    def examples(self, column: str) -> list[object]:
        """The first few values of a column."""

    def facts(self, columns: Sequence[str]) -> Mapping[str, ColumnFacts]:
        """The facts of some columns of numbers."""

    def labels(self, column: str, most: int) -> Mapping[Label, int]:
        """The different values of a column, each with its rows; of more than `most`, some."""

    def missing(self, column: str) -> int:
        """Rows without a value in a column of any kind."""

    def repeated(self, unit: str, variant: str) -> RepeatedUnits | None:
        """The units with more than one row; None if there are none."""

    def cells(self, sums: "NeededSums", by: Sequence[str]) -> Cells:
        """The summary of each group of rows."""

    def rows(self, columns: Sequence[Column], by: str) -> Mapping[Label, Mapping[str, Array]]:
        """The values themselves by variant; fetched from where they are."""

    def frame_of(self, rows: Sequence[Mapping[str, object]], types: Mapping[str, type]) -> object:
        """A small table in the library of the frame, with these columns."""
