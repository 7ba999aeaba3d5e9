"""Over time: the lift at each analysis with its interval, and the evidence with the lines."""

import math
from collections.abc import Iterator, Sequence

from fairlift_report.parts import CoursePoint, CourseView
from fairlift_report.pictures.drawing import (
    NARROW,
    WIDE,
    Picture,
    Spec,
    days_axis,
    draw_both,
    spec,
    text_mark,
)
from fairlift_report.pictures.intervals import axis_format
from fairlift_report.view import NumberSigns

__all__ = ["draw_evidence", "draw_lift_course"]

_HEIGHT = {WIDE: 230, NARROW: 210}
_LEFT, _BOTTOM = 52, 26
# Intervals at so many analyses are drawn as one band.
_BAND = 12
# Of standard errors; early lines are far away.
_FARTHEST = 6.0
_LINES = (("success", "good"), ("harm", "bad"), ("giving_up", "muted"))


def draw_lift_course(
    course: CourseView, minimum_effect: float | None, signs: NumberSigns
) -> Picture | None:
    """The lift at each analysis; None where no analysis had one."""
    points = [point for point in course.points if point.lift is not None]
    if not points:
        return None
    words = "; ".join(f"{p.day}: {p.lift.figure} ({p.lift.interval})" for p in points if p.lift)
    return draw_both(
        lambda width: _lift_spec(course, points, minimum_effect, width, signs),
        title=f"{course.heading}. {course.lift_label}",
        words=words,
        signs=signs,
    )


def draw_evidence(course: CourseView, signs: NumberSigns) -> Picture | None:
    """The evidence at each analysis and the lines in force; None where there is none."""
    points = [point for point in course.points if point.evidence is not None]
    if not points:
        return None
    words = "; ".join(f"{point.day}: {point.evidence_words}" for point in points)
    return draw_both(
        lambda width: _evidence_spec(course, points, width, signs),
        title=f"{course.heading}. {course.evidence_label}",
        words=words,
        signs=signs,
    )


def _frame(width: int, layers: Sequence[Spec], right: int) -> Spec:
    return spec(width, _HEIGHT[width], layers, left=_LEFT, right=right, top=18, bottom=_BOTTOM)


def _lift_spec(
    course: CourseView,
    points: Sequence[CoursePoint],
    effect: float | None,
    width: int,
    signs: NumberSigns,
) -> Spec:
    domain = _lift_domain(points, effect)
    y = _scale("y", domain, {"tickCount": 5, **axis_format(domain)})
    x = days_axis(signs, 8 if width > NARROW else 4)
    layers = [_level(y, 0.0, {"color": "var(--zero)", "strokeWidth": 1.5})]
    if effect is not None:
        layers.append(
            _level(y, effect, {"color": "var(--effect)", "strokeDash": [3, 3], "strokeWidth": 2})
        )
    layers += _intervals(points, domain, x, y)
    drawn = [
        {"day": p.date, "y": _within(domain, p.lift.estimate), "later": p.is_later}
        for p in points
        if p.lift is not None
    ]
    layers += _line(drawn, x, y)
    layers += _decision(course, x)
    return _frame(width, layers, 16)


def _lift_domain(points: Sequence[CoursePoint], effect: float | None) -> tuple[float, float]:
    """Zero, the planned effect, all lifts but those of the first days, and the last intervals."""
    lifts = [point.lift for point in points if point.lift is not None]
    settled = lifts[len(lifts) // 3 :]
    ends = [0.0, *([effect] if effect is not None else []), *(row.estimate for row in settled)]
    bounded = [row for row in lifts if math.isfinite(row.high - row.low)]
    for row in bounded[len(bounded) // 2 :]:
        ends += [row.low, row.high]
    margin = 0.08 * (max(ends) - min(ends)) or 0.01
    return min(ends) - margin, max(ends) + margin


def _intervals(
    points: Sequence[CoursePoint], domain: tuple[float, float], x: Spec, y: Spec
) -> Iterator[Spec]:
    low, high = domain
    values = [
        {"day": p.date, "y": max(p.lift.low, low), "y2": min(p.lift.high, high)}
        for p in points
        if p.lift is not None and math.isfinite(p.lift.high - p.lift.low)
    ]
    is_band = len(values) > _BAND
    mark: Spec = (
        {"type": "area", "opacity": 0.18, "color": "var(--accent)"}
        if is_band
        else {"type": "rule", "opacity": 0.3, "strokeWidth": 10, "color": "var(--accent)"}
    )
    if values:
        encoding = {"x": x, "y": y, "y2": {"field": "y2"}}
        yield {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _line(values: Sequence[Spec], x: Spec, y: Spec) -> Iterator[Spec]:
    """The course; what came after the decision is faint."""
    last = next((n for n, value in enumerate(values) if value["later"]), len(values))
    for part, opacity in ((values[:last], 1.0), (values[max(last - 1, 0) :], 0.35)):
        if len(part) > 1 or (part and opacity == 1.0):
            mark = {"type": "line", "color": "var(--accent)", "strokeWidth": 2, "opacity": opacity,
                    "point": {"filled": True, "size": 28, "color": "var(--accent)",
                                            "opacity": opacity}}  # fmt: skip
            yield {"data": {"values": list(part)}, "mark": mark, "encoding": {"x": x, "y": y}}


def _decision(course: CourseView, x: Spec) -> Iterator[Spec]:
    """A line through the day of the decision, with its words above the plot."""
    dates = [point.date for point in course.points]
    for point in course.points:
        if point.is_decision:
            data = {"values": [{"day": point.date, "text": course.decision}]}
            rule = {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5}
            yield {"data": data, "mark": rule, "encoding": {"x": x}}
            share = dates.index(point.date) / max(len(dates) - 1, 1)
            align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
            words = text_mark("ink", y=-9, align=align, fontWeight=600)
            yield {"data": data, "mark": words, "encoding": {"x": x, "text": {"field": "text"}}}


def _evidence_spec(
    course: CourseView, points: Sequence[CoursePoint], width: int, signs: NumberSigns
) -> Spec:
    ends = [0.0, 3.0, -3.0]
    for point in points:
        ends += [v for v in (point.evidence, point.success, point.harm) if v is not None]
    domain = max(min(ends) - 0.4, -_FARTHEST), min(max(ends) + 0.4, _FARTHEST)
    y = _scale("y", domain, {"tickCount": 5})
    x = days_axis(signs, 8 if width > NARROW else 4)
    layers = [_level(y, 0.0, {"color": "var(--zero)", "strokeWidth": 1.5})]
    for (name, tone), label in zip(_LINES, course.line_labels, strict=True):
        layers += _plan_line(points, name, tone, label, x, y, domain)
    drawn = [
        {"day": p.date, "y": _within(domain, p.evidence), "later": p.is_later}
        for p in points
        if p.evidence is not None
    ]
    layers += _line(drawn, x, y)
    layers += _decision(course, x)
    return _frame(width, layers, 86)


def _plan_line(
    points: Sequence[CoursePoint],
    name: str,
    tone: str,
    label: str,
    x: Spec,
    y: Spec,
    domain: tuple[float, float],
) -> Iterator[Spec]:
    """One line of the plan where it was in force and on the scale, with its name at its end."""
    values = [
        {"day": point.date, "y": value}
        for point in points
        if (value := getattr(point, name)) is not None and _within(domain, value) == value
    ]
    if not values:
        return
    colour = f"var(--{tone})"
    mark = {"type": "tick", "orient": "horizontal", "color": colour, "thickness": 2.5, "size": 13}
    shared: Spec = {"x": x, "y": y}
    yield {"data": {"values": values}, "mark": mark, "encoding": shared}
    # Success and giving up come together at the end: their names would lie on each other.
    is_at_end = name != "giving_up"
    where: Spec = {"align": "left", "dx": 9} if is_at_end else {"align": "center", "dy": 12}
    end = {**values[-1 if is_at_end else 0], "text": label}
    yield {
        "data": {"values": [end]},
        "mark": text_mark(tone, fontWeight=600, **where),
        "encoding": {**shared, "text": {"field": "text"}},
    }


def _within(domain: tuple[float, float], value: float) -> float:
    """The value, or the end of the scale that it is beyond."""
    return min(max(value, domain[0]), domain[1])


def _level(y: Spec, value: float, mark: Spec) -> Spec:
    return {
        "data": {"values": [{"y": value}]},
        "mark": {"type": "rule", **mark},
        "encoding": {"y": y},
    }


def _scale(field: str, domain: tuple[float, float], axis: Spec) -> Spec:
    scale = {"domain": list(domain), "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}
