"""Tables of the calibration page."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from fairlift_stats.methods.one_rate import clopper_pearson

# Of the bounds by which a measured share is held against a promise.
CONFIDENCE = 0.99
HELD, MISSED = "yes", "**no**"

Side: TypeAlias = Literal["at most", "at least", "about"]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of so many simulated campaigns did something."""

    hits: int
    runs: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> "Share":
        """The share of answers that are yes."""
        listed = [bool(answer) for answer in answers]
        return cls(sum(listed), len(listed))

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.runs

    @property
    def bounds(self) -> tuple[float, float]:
        """Exact binomial bounds of the true share."""
        limits = clopper_pearson(self.hits, self.runs, confidence=CONFIDENCE)
        return limits.low, limits.high

    def holds(self, promised: float, side: Side = "at most") -> bool:
        """Whether the promise lies within the bounds, or on the right side of them."""
        low, high = self.bounds
        return (side == "at least" or low <= promised) and (side == "at most" or promised <= high)

    def against(self, promised: float, side: Side = "at most") -> tuple[str, str, str]:
        """Three cells: what was measured, what is promised, and whether it holds."""
        held = HELD if self.holds(promised, side) else MISSED
        return str(self), f"{side} {promised:.4g}", held

    def __str__(self) -> str:
        """The share with its bounds."""
        low, high = self.bounds
        return f"{self.value:.4f} ({low:.4f}–{high:.4f})"


# The heads of the cells of `Share.against`.
AGAINST: tuple[str, str, str] = ("measured (99 % bounds)", "promised", "holds")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with four digits."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def share_bounds(share: float, runs: int) -> str:
    """The bounds of a share, for tables whose runs are said elsewhere."""
    low, high = Share(round(share * runs), runs).bounds
    return f"{low:.4f}–{high:.4f}"


def introduced(section: Callable[[Path], str]) -> Callable[[Path], str]:
    """The section with its docstring as first paragraph."""

    def written(folder: Path) -> str:
        return f"{section.__doc__}\n\n{section(folder)}"

    return written
