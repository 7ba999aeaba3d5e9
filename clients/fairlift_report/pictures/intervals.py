"""Rows of estimates with their intervals on one scale of lifts, as headline and segments have."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlift_report.pictures.drawing import NARROW, Spec, spec, text_mark
from fairlift_report.table import IntervalView
from fairlift_report.visible import visible

__all__ = ["PictureRow", "axis_format", "intervals_spec", "lift_domain"]

_WIDE_ROW, _NARROW_ROW, _TITLE = 36, 44, 32
# Above the plot nothing; below it the labels of the axis.
_TOP, _BOTTOM = 2, 28
# On a phone the name stands so far above its interval.
_RISE = 15


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A row of the picture.

    Attributes:
        label: its name; of a title, all there is.
        interval: None of a title.
        faint: the same from a segment's own data, drawn behind it; None where there is none.
        effect: the lift that the plan wanted to find; None where it names none.
    """

    label: str
    interval: IntervalView | None
    faint: IntervalView | None = None
    effect: float | None = None


def lift_domain(rows: Sequence[IntervalView], more: Sequence[float] = ()) -> tuple[float, float]:
    """A scale that holds zero, the estimates and these, and as much of the intervals as is of use.

    One interval that is many times as long as the others would press them together: it is cut.
    """
    lengths = sorted(row.high - row.low for row in rows if math.isfinite(row.high - row.low))
    usual = lengths[len(lengths) // 2] if lengths else 0.5
    reach = max(2 * usual, 0.02)
    ends = [0.0, *more]
    for row in rows:
        low, high = row.estimate - reach, row.estimate + reach
        ends += [row.estimate, max(row.low, low), min(row.high, high)]
    margin = 0.05 * (max(ends) - min(ends)) or 0.01
    return min(ends) - margin, max(ends) + margin


def axis_format(domain: tuple[float, float]) -> Spec:
    """How the axis of lifts is labelled: zero without a sign."""
    digits = 0 if domain[1] - domain[0] > 0.05 else 1
    return {"labelExpr": f"datum.value === 0 ? '0' : format(datum.value, '+.{digits}%')"}


def intervals_spec(lines: Sequence[PictureRow], width: int) -> Spec:
    """The description of the rows, for a page or for a phone."""
    is_wide = width > NARROW
    step = _WIDE_ROW if is_wide else _NARROW_ROW
    middles, top = list[float](), 0.0
    for line in lines:
        size = step if line.interval is not None else _TITLE
        middles.append(top + size / 2 + (0 if is_wide or line.interval is None else 6))
        top += size
    effects = [line.effect for line in lines if line.effect is not None]
    domain = lift_domain([line.interval for line in lines if line.interval is not None], effects)
    left, right = (200, 200) if is_wide else (6, 6)
    height = round(top)
    plot = _Plot(domain, height, width - left - right, left, right, is_wide)
    placed = list(zip(middles, lines, strict=True))
    layers = [
        *plot.axis(placed),
        *plot.effects(placed, step),
        *plot.bars(placed),
        *plot.words(placed),
    ]
    return spec(
        width, height + _TOP + _BOTTOM, layers, left=left, right=right, top=_TOP, bottom=_BOTTOM
    )


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things stand, in pixels."""

    domain: tuple[float, float]
    height: int
    width: int
    left: int
    right: int
    is_wide: bool

    def x(self, field: str) -> Spec:
        scale = {"domain": list(self.domain), "nice": False, "zero": False, "clamp": True}
        axis = {"tickCount": 6 if self.is_wide else 4, "labelBound": 8, **axis_format(self.domain)}
        return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}

    @property
    def y(self) -> Spec:
        scale = {"domain": [self.height, 0], "nice": False, "zero": False}
        return {"field": "y", "type": "quantitative", "scale": scale, "axis": None}

    def axis(self, placed: Sequence[tuple[float, PictureRow]]) -> Iterator[Spec]:
        """The line of no change; on a phone beside the bars alone, not through the words."""
        rows = [middle for middle, line in placed if line.interval is not None]
        spans = [(0.0, float(self.height))] if self.is_wide else [(y - 9, y + 12) for y in rows]
        yield {
            "data": {"values": [{"x": 0, "y": start, "y2": end} for start, end in spans]},
            "mark": {"type": "rule", "color": "var(--zero)", "strokeWidth": 1.5},
            "encoding": {"x": self.x("x"), "y": self.y, "y2": {"field": "y2"}},
        }

    def effects(self, placed: Sequence[tuple[float, PictureRow]], step: int) -> Iterator[Spec]:
        """A dashed line beside the rows of the metric that it was planned for."""
        above = step / 2 if self.is_wide else 9
        values = [
            {"y": middle - above, "y2": middle + step / 2, "x": line.effect}
            for middle, line in placed
            if line.effect is not None
        ]
        if values:
            mark = {
                "type": "rule",
                "color": "var(--effect)",
                "strokeWidth": 2,
                "strokeDash": [3, 3],
            }
            encoding = {"x": self.x("x"), "y": self.y, "y2": {"field": "y2"}}
            yield {"data": {"values": values}, "mark": mark, "encoding": encoding}

    def bars(self, placed: Sequence[tuple[float, PictureRow]]) -> Iterator[Spec]:
        faint = [(middle, line.faint) for middle, line in placed if line.faint is not None]
        if faint:
            mark = {"type": "rule", "strokeWidth": 1.5, "opacity": 0.55, "color": "var(--muted)"}
            yield self._rule(faint, mark)
            yield self._points(faint, {"filled": False, "size": 40, "opacity": 0.7})
        rows = [(middle, line.interval) for middle, line in placed if line.interval is not None]
        yield self._rule(rows, {"type": "rule", "strokeWidth": 10, "opacity": 0.3})
        yield self._points(rows, {"filled": True, "size": 120, "opacity": 1})

    def _rule(self, rows: Sequence[tuple[float, IntervalView]], mark: Spec) -> Spec:
        low, high = self.domain
        values = [
            {"y": y, "low": max(row.low, low), "high": min(row.high, high), "colour": colour(row)}
            for y, row in rows
            if row.low < high and row.high > low
        ]
        colours: Spec = {"color": {"field": "colour", "type": "nominal", "scale": None}}
        encoding = {
            "y": self.y,
            "x": self.x("low"),
            "x2": {"field": "high"},
            **({} if "color" in mark else colours),
        }
        return {"data": {"values": values}, "mark": mark, "encoding": encoding}

    def _points(self, rows: Sequence[tuple[float, IntervalView]], mark: Spec) -> Spec:
        low, high = self.domain
        values = [
            {
                "y": y,
                "x": row.estimate,
                "colour": colour(row) if mark["filled"] else "var(--muted)",
                "shape": "diamond" if row.is_verdict else "circle",
            }
            for y, row in rows
            if low <= row.estimate <= high
        ]
        encoding = {
            "y": self.y,
            "x": self.x("x"),
            "color": {"field": "colour", "type": "nominal", "scale": None},
            "shape": {"field": "shape", "type": "nominal", "scale": None},
        }
        return {"data": {"values": values}, "mark": {"type": "point", **mark}, "encoding": encoding}

    def words(self, placed: Sequence[tuple[float, PictureRow]]) -> Iterator[Spec]:
        rise = 0 if self.is_wide else _RISE
        rows = [(middle - rise, line) for middle, line in placed if line.interval is not None]
        titles = [(middle + 3, line.label) for middle, line in placed if line.interval is None]
        start, end = -self.left + 2, self.width + self.right - 2
        room = self.left - 16 if self.is_wide else 0.72 * self.width
        yield self._text(titles, x=start, align="left", fontWeight=600, limit=self.width)
        yield self._text(
            [(y, line.label) for y, line in rows], x=start, align="left", limit=round(room)
        )
        shown = [
            (y, f"{row.figure}  ({row.interval})" if self.is_wide else row.figure)
            for y, line in rows
            if (row := line.interval) is not None
        ]
        yield self._text(shown, x=end, align="right", fontWeight=600 if not self.is_wide else 500)

    def _text(self, texts: Sequence[tuple[float, str]], **mark: object) -> Spec:
        values = [{"y": y, "text": visible(text)} for y, text in texts]
        encoding = {"y": self.y, "text": {"field": "text"}}
        return {"data": {"values": values}, "mark": text_mark("ink", **mark), "encoding": encoding}


def colour(row: IntervalView) -> str:
    """The verdict's where it decided; blue where it leaves out zero at every look; else grey."""
    if row.is_one_look or row.low <= 0 <= row.high:
        return "var(--muted)"
    return f"var(--{row.tone or 'accent'})"
