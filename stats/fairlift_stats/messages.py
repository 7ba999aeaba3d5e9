"""Messages as keys and figures, which the locale turns into sentences of any language."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Amount",
    "Day",
    "Figure",
    "Listed",
    "Message",
    "MetricName",
    "Names",
    "Number",
    "PValue",
    "Percent",
    "Points",
    "UnitWord",
    "VariantName",
    "Verbatim",
    "unique_names",
]

UnitWord: TypeAlias = Literal["visitor", "customer"]


@dataclass(frozen=True, slots=True)
class Percent:
    """A share or lift: 0.041 is 4.1 %."""

    value: float
    digits: int = 1
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A difference of two shares: 0.012 is 1.20 percentage points, and no lift of 1.2 %."""

    value: float
    digits: int = 2
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in units of its currency; `whole` leaves out cents."""

    value: float
    currency: str
    signed: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A count, or a number with digits."""

    value: float
    digits: int = 0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class PValue:
    """A p-value with its sign of equality: p = 0.667, or p < 0.001."""

    value: float


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day, ISO 8601."""

    iso: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text that is not translated, such as a segment's name."""

    value: str


@dataclass(frozen=True, slots=True)
class VariantName:
    """A variant by its id; it may have a display name."""

    name: str


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric by its id; built-in metrics have a display name in each language."""

    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: A, B and C; or A, B or C."""

    items: "tuple[Figure, ...]"
    joined: Literal["and", "or"] = "and"


@dataclass(frozen=True, slots=True)
class Names:
    """Display names of variants and metrics, by id.

    `unit` is what is randomised and counted: visitors or customers.
    """

    variants: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    unit: UnitWord = "visitor"


def unique_names(names_by_id: Mapping[str, str]) -> dict[str, str]:
    """Display names by id, without empty ones and without names that several ids share."""
    uses = Counter(names_by_id.values())
    return {key: name for key, name in names_by_id.items() if name and uses[name] == 1}


@dataclass(frozen=True, slots=True)
class Message:
    """A key of the catalogues and the figures of its places.

    `count` names the figure that decides singular or plural.
    """

    key: str
    figures: "tuple[tuple[str, Figure], ...]" = ()
    count: str | None = None

    @classmethod
    def of(cls, key: str, /, **figures: "Figure") -> "Message":
        """A message with these figures, in the order of their names."""
        return cls(key, tuple(sorted(figures.items())))

    @classmethod
    def counted(cls, key: str, by: str, /, **figures: "Figure") -> "Message":
        """A message whose figure `by` decides singular or plural."""
        return cls(key, tuple(sorted(figures.items())), by)

    def figure(self, name: str) -> "Figure":
        """The figure of one place."""
        return dict(self.figures)[name]


# A message within a message is a part of its sentence.
Figure: TypeAlias = (
    Percent
    | Points
    | Amount
    | Number
    | PValue
    | Day
    | Verbatim
    | VariantName
    | MetricName
    | Listed
    | Message
)
