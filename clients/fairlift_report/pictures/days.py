"""Who entered on each day, and beneath it how they were split."""

from collections.abc import Iterator, Sequence

from fairlift_report.parts import MOST_SPLIT_LINES, DaysView
from fairlift_report.pictures.drawing import NARROW, Picture, Spec, days_axis, draw_both, spec
from fairlift_report.view import NumberSigns

__all__ = ["draw_days", "draw_split"]

_LEFT = 52
_COLOURS = ("var(--muted)", "var(--accent)", "var(--good)", "var(--careful)")


def draw_days(days: DaysView, signs: NumberSigns) -> Picture:
    """Visitors by day, all variants together."""
    values = [{"day": day, "y": total} for day, total in zip(days.dates, days.totals, strict=True)]
    rows = (row for group in days.table.groups for row in group.rows)
    words = "; ".join(f"{row.name}: {', '.join(row.cells)}" for row in rows)

    def describe(width: int) -> Spec:
        # Bars leave a little room between days.
        plot = width - _LEFT - 16
        size = max(min(0.7 * plot / max(len(values), 1), 24), 1)
        mark = {"type": "bar", "color": "var(--accent)", "opacity": 0.55, "size": round(size, 1)}
        y = {"field": "y", "type": "quantitative", "axis": {"tickCount": 3, "format": ",d"}}
        encoding = {"x": days_axis(signs, 8 if width > NARROW else 4, padding=size), "y": y}
        layer = {"data": {"values": values}, "mark": mark, "encoding": encoding}
        return spec(width, 150, [layer], left=_LEFT, right=16, top=8, bottom=26)

    return draw_both(describe, title=days.heading, words=words, signs=signs)


def draw_split(days: DaysView, signs: NumberSigns) -> Picture:
    """The share of each variant on each day, and among all who have entered by its end."""

    def describe(width: int) -> Spec:
        return _split_spec(days, width, signs)

    return draw_both(describe, title=days.split_label, words=days.split_words, signs=signs)


def _split_spec(days: DaysView, width: int, signs: NumberSigns) -> Spec:
    own, so_far = (_shown(days, shares) for shares in (days.shares, days.shares_so_far))
    planned = list(days.planned[:MOST_SPLIT_LINES])
    ends = [share for _, share, _ in (*own, *so_far)] + planned
    low = max(min(ends, default=0.0) - 0.03, 0.0)
    high = min(max(ends, default=1.0) + 0.03, 1.0)
    scale = {"domain": [low, high], "nice": False, "zero": False, "clamp": True}
    axis = {"tickCount": 3, "format": ".0%"}
    y: Spec = {"field": "y", "type": "quantitative", "scale": scale, "axis": axis}
    x = days_axis(signs, 8 if width > NARROW else 4)
    # A day that differs stands out; among all visitors so far it would move the line a little.
    dots = {"type": "point", "filled": True, "size": 26 if width > NARROW else 16, "opacity": 0.8}
    layers = [
        *_planned_lines(planned, y),
        _of_variants(so_far, {"type": "line", "strokeWidth": 2}, x, y),
        _of_variants(own, dots, x, y),
    ]
    return spec(width, 130, layers, left=_LEFT, right=16, top=8, bottom=26)


def _shown(days: DaysView, shares: Sequence[Sequence[float]]) -> list[tuple[str, float, int]]:
    """Day, share and place of each variant that is drawn."""
    return [
        (date, share, index)
        for date, of_day in zip(days.dates, shares, strict=True)
        for index, share in enumerate(of_day[:MOST_SPLIT_LINES])
    ]


def _of_variants(shares: Sequence[tuple[str, float, int]], mark: Spec, x: Spec, y: Spec) -> Spec:
    """A layer with a mark in the colour of each variant."""
    values = [{"day": date, "y": share, "variant": str(index)} for date, share, index in shares]
    scale = {"domain": ["0", "1", "2", "3"], "range": _COLOURS}
    colour = {"field": "variant", "type": "nominal", "legend": None, "scale": scale}
    return {"data": {"values": values}, "mark": mark, "encoding": {"x": x, "y": y, "color": colour}}


def _planned_lines(planned: list[float], y: Spec) -> Iterator[Spec]:
    for share in sorted(set(planned)):
        mark = {"type": "rule", "color": "var(--effect)", "strokeDash": [3, 3], "strokeWidth": 1.5}
        yield {"data": {"values": [{"y": share}]}, "mark": mark, "encoding": {"y": y}}
