"""What we say is a key and its figures, so that any language can say it."""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Amount", "Day", "Figure", "Message", "MetricName", "Number", "Percent", "Text"]


@dataclass(frozen=True, slots=True)
class Percent:
    """A share or lift: 0.041 is 4.1 %."""

    value: float
    digits: int = 1
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in units of its currency."""

    value: float
    currency: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A count, or a number with digits."""

    value: float
    digits: int = 0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day, ISO 8601."""

    iso: str


@dataclass(frozen=True, slots=True)
class Text:
    """A name that is not translated: a variant's."""

    value: str


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric; those of the catalogue have a name in each language."""

    name: str


Figure: TypeAlias = Percent | Amount | Number | Day | Text | MetricName


@dataclass(frozen=True, slots=True)
class Message:
    """A key of the catalogues and the figures of its places.

    `count` names the figure that decides singular or plural.
    """

    key: str
    figures: tuple[tuple[str, Figure], ...] = ()
    count: str | None = None

    @classmethod
    def of(cls, key: str, /, **figures: Figure) -> "Message":
        """A message with these figures, in the order of their names."""
        return cls(key, tuple(sorted(figures.items())))

    @classmethod
    def counted(cls, key: str, by: str, /, **figures: Figure) -> "Message":
        """A message whose figure `by` decides singular or plural."""
        return cls(key, tuple(sorted(figures.items())), by)

    def figure(self, name: str) -> Figure:
        """The figure of one place."""
        return dict(self.figures)[name]
