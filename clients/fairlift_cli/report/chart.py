"""A text chart of intervals: which variant is better, by how much, with what certainty."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from fairlift_cli.screen import Glyphs

_TICKS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: an estimate and its interval, whose ends may be infinite.

    A verdict's figure that differs from that of all data has its own mark.
    """

    label: str
    lower: float
    estimate: float
    upper: float
    is_verdict: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from `low` to `high` over a number of columns."""

    low: float
    high: float
    columns: int

    def column(self, value: float) -> int:
        """The column of a value, from 0; values outside are put at the edge."""
        clamped = min(max(value, self.low), self.high)
        return round((clamped - self.low) / (self.high - self.low) * (self.columns - 1))

    @property
    def step(self) -> float:
        """The distance between ticks, a round number."""
        return _round_step((self.high - self.low) / _TICKS)

    def ticks(self) -> list[float]:
        """Round values along the axis; 0 is one of them."""
        step = self.step
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [index * step for index in range(first, last + 1)]


def axis(bars: Sequence[Bar], columns: int) -> Axis:
    """A scale that shows 0 and all finite ends."""
    ends = [end for bar in bars for end in (bar.lower, bar.estimate, bar.upper)]
    finite = [end for end in ends if math.isfinite(end)] + [0.0]
    low, high = min(finite), max(finite)
    margin = max((high - low) * 0.06, 0.005)
    return Axis(low - margin, high + margin, columns)


def draw(
    bars: Sequence[Bar], *, width: int, glyphs: Glyphs, label: Callable[[float, int], str]
) -> list[str]:
    """The rows of the picture, the scale first; none is wider than `width`.

    `label` formats a value with a number of decimals.
    """
    names = max((cell_len(bar.label) for bar in bars), default=0)
    names = min(names, max(width // 3, 8))
    scale = axis(bars, max(width - names - 2, 10))
    cells = ("".join(_row(bar, scale, glyphs)) for bar in bars)
    labels = (_fit(bar.label, names) for bar in bars)
    rows = (f"{label}  {row}".rstrip() for label, row in zip(labels, cells, strict=True))
    return [" " * (names + 2) + _scale(scale, label), *rows]


def _row(bar: Bar, scale: Axis, glyphs: Glyphs) -> list[str]:
    cells = [" "] * scale.columns
    zero = scale.column(0.0)
    left, right = scale.column(bar.lower), scale.column(bar.upper)
    for column in range(left, right + 1):
        cells[column] = glyphs.line
    cells[zero] = glyphs.crossed_zero if left < zero < right else glyphs.zero
    cells[left] = glyphs.left if math.isfinite(bar.lower) else glyphs.beyond_left
    cells[right] = glyphs.right if math.isfinite(bar.upper) else glyphs.beyond_right
    if math.isfinite(bar.estimate):
        cells[scale.column(bar.estimate)] = glyphs.verdict if bar.is_verdict else glyphs.point
    return cells


def _scale(scale: Axis, label: Callable[[float, int], str]) -> str:
    cells = [" "] * scale.columns
    digits = 0 if scale.step >= 0.01 else 1
    # 0 is what people look for, so it gets its label before its neighbours.
    for tick in sorted(scale.ticks(), key=lambda value: (value != 0, value)):
        text = label(tick, digits)
        start = min(max(scale.column(tick) - len(text) // 2, 0), scale.columns - len(text))
        around = cells[max(start - 1, 0) : start + len(text) + 1]
        if start >= 0 and all(cell == " " for cell in around):
            cells[start : start + len(text)] = text
    return "".join(cells).rstrip()


def _fit(text: str, width: int) -> str:
    if cell_len(text) > width:
        return f"{set_cell_size(text, width - 1)}~"
    return set_cell_size(text, width)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
