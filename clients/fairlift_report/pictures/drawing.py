"""Draws a Vega-Lite description as an SVG that speaks: role, title, description, page's colours."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree

from fairlift_report.view import NumberSigns
from fairlift_report.visible import visible

__all__ = ["NARROW", "WIDE", "Picture", "Spec", "days_axis", "draw_both", "spec", "text_mark"]

Spec: TypeAlias = Mapping[str, object]

# Of a page, and of a phone; in pixels.
WIDE, NARROW = 880, 330
_VERSION = "5.20"
_SVG = "http://www.w3.org/2000/svg"
# What a page's own style says, or what is of use only where scripts run.
_NEEDLESS = {
    "class",
    "pointer-events",
    "aria-hidden",
    "aria-roledescription",
    "role",
    "font-family",
    "stroke-miterlimit",
    "version",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture twice, as SVG: for a page, and for a phone and paper."""

    wide: str
    narrow: str


def spec(
    width: int, height: int, layers: Sequence[Spec], *, left: int, right: int, top: int, bottom: int
) -> Spec:
    """A description of so many pixels in all, with room around the plot for words."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width - left - right,
        "height": height - top - bottom,
        "padding": {"left": left, "right": right, "top": top, "bottom": bottom},
        "autosize": {"type": "none"},
        "background": None,
        "layer": list(layers),
        "config": {
            "aria": False,
            "view": {"stroke": None},
            "axis": {
                "domain": False,
                "ticks": False,
                "title": None,
                "gridColor": "var(--line)",
                "labelColor": "var(--muted)",
                "labelFontSize": 12,
                "labelPadding": 6,
            },
            "text": {"fontSize": 12.5},
        },
    }


def text_mark(colour: str, **more: object) -> Spec:
    """A mark of words in a colour of the page, such as ink or muted."""
    return {"type": "text", "color": f"var(--{colour})", "baseline": "middle", **more}


def days_axis(signs: NumberSigns, ticks: int, *, padding: float = 0.0) -> Spec:
    """The days of the field `day`, ISO 8601, without their year."""
    axis = {
        "format": signs.day_format,
        "tickCount": ticks,
        "grid": False,
        "labelFlush": False,
        "labelOverlap": True,
    }
    scale = {"type": "utc", **({"padding": padding} if padding else {})}
    return {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "axis": axis,
            "scale": scale}  # fmt: skip


def draw_both(
    describe: Callable[[int], Spec], *, title: str, words: str, signs: NumberSigns
) -> Picture:
    """The picture at both widths.

    Args:
        describe: a description in Vega-Lite of a width in pixels, as `spec` makes it.
        title: what it shows.
        words: what is to be seen, for those who do not see it.
        signs: of numbers and months in the reader's language.
    """
    wide, narrow = (_draw(describe(width), title, words, signs) for width in (WIDE, NARROW))
    return Picture(wide, narrow)


def _draw(description: Spec, title: str, words: str, signs: NumberSigns) -> str:
    """An `svg` element, which needs nothing outside it."""
    # It takes a moment to load, and only pictures need it.
    from vl_convert import vegalite_to_svg

    number_format: Mapping[str, object] = {
        "decimal": signs.decimal,
        "thousands": signs.thousands,
        "grouping": [3],
        "currency": ["", ""],
        "percent": signs.percent,
        "minus": "-",
    }
    svg = vegalite_to_svg(
        dict(description),
        vl_version=_VERSION,
        allowed_base_urls=[],
        format_locale=dict(number_format),
        time_format_locale=_time_format(signs),
    )
    return _finished(svg, visible(title), visible(words))


def _time_format(signs: NumberSigns) -> dict[str, object]:
    months = list(signs.months)
    weekdays = [str(day) for day in range(7)]  # never shown
    return {
        "dateTime": "%x",
        "date": signs.day_format,
        "time": "%H:%M",
        "periods": ["", ""],
        "days": weekdays,
        "shortDays": weekdays,
        "months": months,
        "shortMonths": months,
    }


def _finished(svg: str, title: str, words: str) -> str:
    """The SVG with a title and a description, and without what a page does not need."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get("class") in ("background", "foreground") or child.get("d") == "":
                parent.remove(child)
    for element in root.iter():
        _round(element)
        for name in [*element.attrib]:
            is_default = (name, element.get(name)) in _DEFAULTS
            if name in _NEEDLESS or name.startswith("aria-") or is_default:
                del element.attrib[name]
            elif name in _GEOMETRY:
                element.set(name, _LONG_NUMBER.sub(_short, element.attrib[name]))
    _prune(root)
    view_box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update({"viewBox": view_box, "role": "img", "fill": "none"})
    for name, text in (("desc", words), ("title", title)):
        said = ElementTree.Element(f"{{{_SVG}}}{name}")
        said.text = text
        root.insert(0, said)
    written = ElementTree.tostring(root, encoding="unicode")
    # Within a page the name space is known.
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", written, count=2)


def _round(element: ElementTree.Element) -> None:
    """Makes the path of a dot a circle: a page has hundreds, and each would be twice as long."""
    place, radius = _PLACE.fullmatch(element.get("transform", "")), _DOT.match(element.get("d", ""))
    if place and radius:
        element.tag = f"{{{_SVG}}}circle"
        for name in ("transform", "d", "stroke-width"):
            element.attrib.pop(name, None)
        numbers = (*map(float, place.groups()), float(radius["radius"]))
        for name, number in zip(("cx", "cy", "r"), numbers, strict=True):
            element.set(name, f"{number:.1f}".removesuffix(".0"))


def _short(match: re.Match[str]) -> str:
    """A tenth of a pixel is as fine as an eye can see."""
    return f"{float(match.group()):.1f}".removesuffix(".0")


_PLACE = re.compile(r"translate\(([-\d.]+),([-\d.]+)\)")
# As Vega draws a circle: from its right end along the two halves.
_DOT = re.compile(r"M(?P<radius>[\d.]+),0A(?P=radius),(?P=radius),0,1,1,-(?P=radius),0A")
_LONG_NUMBER = re.compile(r"\d+\.\d{2,}")
_GEOMETRY = {"transform", "d", "x", "y", "x2", "y2", "width", "height"}
_DEFAULTS = {("opacity", "1"), ("stroke-width", "1"), ("font-weight", "normal"), ("fill", "none")}


def _prune(element: ElementTree.Element) -> None:
    """Removes groups that draw nothing, and unwraps those that add nothing."""
    children: list[ElementTree.Element] = []
    for child in element:
        _prune(child)
        if child.tag != f"{{{_SVG}}}g":
            children.append(child)
        elif not child.attrib:
            children.extend(child)
        elif len(child):
            children.append(child)
    element[:] = children
