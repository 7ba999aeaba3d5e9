"""Parts of a plan that are lists of values: bands of segments, worths of actions, order lines."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from fairlift.engine.errors import Violation
from fairlift.engine.measure import LineMeasure

_ACTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
BOUNDS_MAX = 19
CATEGORIES_MAX = 100
PRODUCTS_MAX = 1_000
# The store's limit of a line's category and product id.
_TEXT_MAX = 256


@dataclass(frozen=True, slots=True)
class SegmentBands:
    """The bands in which the values of a numeric segment are shown.

    Attributes:
        attribute: one of the plan's segments.
        bounds: rising; each is the lowest value of its band.
    """

    attribute: str
    bounds: tuple[float, ...]

    def label(self, value: float) -> str:
        """The band of a value.

        >>> SegmentBands("cart_value", (30, 50)).label(49.99)
        '30–50'
        """
        below = sum(bound <= value for bound in self.bounds)
        if below == 0:
            return f"< {self.bounds[0]:g}"
        if below == len(self.bounds):
            return f"≥ {self.bounds[-1]:g}"
        return f"{self.bounds[below - 1]:g}–{self.bounds[below]:g}"


@dataclass(frozen=True, slots=True)
class MicroValue:
    """What one action is worth.

    Attributes:
        action: its name.
        weight: in the shop's currency; None is worked out from the control.
    """

    action: str
    weight: float | None = None


def bands_violations(
    bands: tuple[SegmentBands, ...], segments: Collection[str]
) -> Iterator[Violation]:
    """Broken rules of bands, by field path."""
    times = Counter(each.attribute for each in bands)
    for index, each in enumerate(bands):
        where = f"bands[{index}]"
        if each.attribute not in segments:
            known = ", ".join(segments) or "none"
            yield Violation(
                f"{where}.attribute",
                f"is {each.attribute!r}, must be one of the plan's segments; they are {known}",
            )
        elif times[each.attribute] > 1:
            yield Violation(f"{where}.attribute", f"{each.attribute} is listed twice")
        bounds = each.bounds
        if not 1 <= len(bounds) <= BOUNDS_MAX:
            yield Violation(
                f"{where}.bounds", f"has {len(bounds)} bounds, must have 1 to {BOUNDS_MAX}"
            )
        elif not all(map(math.isfinite, bounds)) or any(a >= b for a, b in pairwise(bounds)):
            yield Violation(f"{where}.bounds", "must be numbers that rise, such as [30, 50]")


def worth_violations(micro_values: tuple[MicroValue, ...]) -> Iterator[Violation]:
    """Broken rules of the worths of actions, by field path."""
    times = Counter(each.action for each in micro_values)
    for index, each in enumerate(micro_values):
        where = f"micro_values[{index}]"
        if not _ACTION_NAME.fullmatch(each.action):
            yield Violation(
                f"{where}.action",
                f"is {each.action!r}, must be lower-case letters, digits and _, a letter first",
            )
        elif times[each.action] > 1:
            yield Violation(f"{where}.action", f"{each.action} is listed twice")
        if each.weight is not None and not (math.isfinite(each.weight) and each.weight > 0):
            yield Violation(
                f"{where}.weight",
                f"is {each.weight}, must be above 0: money that one action is worth, such as 300",
            )


def line_violations(where: str, measure: LineMeasure) -> Iterator[Violation]:
    """Broken rules of a measure on lines, by field path."""
    for name, values, most in (
        ("categories", measure.categories, CATEGORIES_MAX),
        ("products", measure.products, PRODUCTS_MAX),
    ):
        if len(values) > most:
            yield Violation(where, f"has {len(values)} {name}, must have at most {most}")
        if any(not value or len(value) > _TEXT_MAX for value in values):
            yield Violation(where, f"has {name} that are empty or longer than {_TEXT_MAX}")
