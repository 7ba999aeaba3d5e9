"""A difference in money as its parts: each bar begins where the one before ends."""

from collections.abc import Iterator
from itertools import accumulate
from textwrap import wrap

from fairlift_report.parts import WaterfallView
from fairlift_report.pictures.drawing import NARROW, Picture, Spec, draw_both, spec, text_mark
from fairlift_report.view import NumberSigns
from fairlift_report.visible import visible

__all__ = ["draw_waterfall"]

_ROW = 40
# Pixels of a line of words, and of a letter as most are wide.
_LINE, _PER_SIGN = 15, 7


def draw_waterfall(waterfall: WaterfallView, signs: NumberSigns) -> Picture:
    """The parts from above to below, and last the difference that they add up to."""
    steps = [*waterfall.steps, waterfall.total]
    words = "; ".join(f"{step.label}: {step.figure}" for step in steps)
    return draw_both(
        lambda width: _spec(waterfall, width), title=waterfall.sentence, words=words, signs=signs
    )


def _spec(waterfall: WaterfallView, width: int) -> Spec:
    is_wide = width > NARROW
    ends = [0.0, *accumulate(step.amount for step in waterfall.steps), waterfall.total.amount]
    margin = 0.02 * (max(ends) - min(ends)) or 1.0
    left, right = (250, 90) if is_wide else (6, 6)
    room = left - 20 if is_wide else width - 12 - _PER_SIGN * _longest_figure(waterfall)
    lines = max(len(_lines(part.label, room)) for part in (*waterfall.steps, waterfall.total))
    # On a phone the words stand above their bar.
    step = _ROW if is_wide else _ROW + 8 + _LINE * (lines - 1)
    bars = list(_bars(waterfall, step, room, is_wide=is_wide))
    height = step * len(bars)
    scale = {"domain": [min(ends) - margin, max(ends) + margin], "nice": False, "zero": False}
    y_scale = {"domain": [height, 0], "nice": False, "zero": False}

    def x(field: str) -> Spec:
        return {"field": field, "type": "quantitative", "scale": scale, "axis": None}

    def y(field: str) -> Spec:
        return {"field": field, "type": "quantitative", "scale": y_scale, "axis": None}

    def words(field: str, colour: str, **mark: object) -> Spec:
        encoding = {"y": y("label"), "text": {"field": field}}
        return {"mark": text_mark(colour, **mark), "encoding": encoding}

    end = width - left - right + right - 2
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "color": "var(--zero)", "strokeWidth": 1.5},
            "encoding": {"x": x("zero"), "y": y("above"), "y2": {"field": "below"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 16 if is_wide else 13},
            "encoding": {
                "x": x("from"),
                "x2": {"field": "to"},
                "y": y("y"),
                "color": {"field": "colour", "type": "nominal", "scale": None},
            },
        },
        words("name", "ink", x=-left + 2, align="left", limit=room + _PER_SIGN, lineHeight=_LINE),
        words("figure", "ink", x=end, align="right", fontWeight=600),
    ]
    description = spec(width, height + 6, layers, left=left, right=right, top=2, bottom=4)
    return {**description, "data": {"values": bars}}


def _longest_figure(waterfall: WaterfallView) -> int:
    return max(len(part.figure) for part in (*waterfall.steps, waterfall.total))


def _lines(label: str, room: float) -> list[str]:
    """The label in lines that fit into so many pixels."""
    return wrap(visible(label), max(int(room / _PER_SIGN), 1)) or [""]


def _bars(waterfall: WaterfallView, step: int, room: float, *, is_wide: bool) -> Iterator[Spec]:
    """Where each bar begins and ends, and its pixels from above: on a phone below its words."""
    reached = 0.0
    parts = [*waterfall.steps, waterfall.total]
    for number, part in enumerate(parts):
        is_total = number == len(waterfall.steps)
        start = 0.0 if is_total else reached
        reached = part.amount if is_total else reached + part.amount
        tone = "ink" if is_total else "good" if part.amount > 0 else "bad"
        middle = step * (number + 0.5)
        bar = middle + (0 if is_wide else 0.7 * (step - _ROW - 8) + 9)
        yield {
            "zero": 0,
            "from": start,
            "to": reached,
            "colour": f"var(--{tone})",
            "name": _lines(part.label, room),
            "figure": visible(part.figure),
            "y": bar,
            "above": bar - (step / 2 if is_wide else 9),
            "below": bar + (step / 2 if is_wide else 9),
            "label": middle - (0 if is_wide else 11),
        }
