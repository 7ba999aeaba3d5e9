"""Holds the product's figures against the reference's."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

from .events import VariantFigures
from .histories import History
from .metrics import CATALOGUE, report
from .orders import orders_of
from .product import ProductReport

_COUNTS = ("units", "mature", "contaminated", "buyers", "orders", "refunded_orders")
_TOTALS = (*_COUNTS, "revenue", "net_revenue")
_SUMS = ("units", "immature", "numerator", "denominator")
# Of one variant, with the squares of each metric.
FIGURES = len(_TOTALS) + (len(_SUMS) + 1) * len(CATALOGUE)
# Squares go through floating point.
_ROUNDING = 1e-9


def part_differences(
    part: History, product: ProductReport, note_rounding: Callable[[float], object] = float
) -> Iterator[str]:
    """One line for each event that was refused, and for each figure that is not the same.

    Args:
        part: what happened.
        product: what the product says of it.
        note_rounding: is told the relative difference of each figure that may be rounded.
    """
    for event in part.events:
        if event.id in product.refused:
            yield f"refused {product.refused[event.id]}"
    accepted = [event for event in part.events if event.id not in product.refused]
    worth = orders_of(accepted, part.campaign.shop_currency)
    for order in worth:
        about = {e.id for e in accepted if getattr(e, "order", None) == order.order}
        if set(order.contradictions) != about & product.contradicting:
            yield f"- contradictions of {order.order}: {sorted(order.contradictions)}"
    expected = report(accepted, part.campaign, part.as_of)
    for variant, reference in expected.items():
        figures = product.figures[variant]
        yield from variant_differences(variant, reference, figures)
        for name, metric in reference.metrics.items():
            note_rounding(_relative(metric.squares, figures.metrics[name].squares))


def kind_of(line: str) -> str:
    """What kind of difference a line tells, without the variant and the values."""
    subject = line.split(": ")[0]
    first, _, rest = subject.partition(" ")
    return subject if first == "refused" else rest.split(" of ")[0]


def variant_differences(
    variant: str, reference: VariantFigures, product: VariantFigures
) -> Iterator[str]:
    """Counts and sums of money are the same to the micro."""
    for name in _TOTALS:
        yield from _different(f"{variant} {name}", getattr(reference, name), getattr(product, name))
    for metric, wanted in reference.metrics.items():
        got = product.metrics[metric]
        for name in _SUMS:
            yield from _different(
                f"{variant} {metric} {name}", getattr(wanted, name), getattr(got, name)
            )
        if not math.isclose(wanted.squares, got.squares, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            yield f"{variant} {metric} squares: {float(wanted.squares)}, is {float(got.squares)}"


def _relative(wanted: Fraction | float, got: Fraction | float) -> float:
    exact, rounded = Fraction(wanted), Fraction(got)
    largest = max(abs(exact), abs(rounded))
    return float(abs(exact - rounded) / largest) if largest else 0.0


def _different(where: str, wanted: Fraction | int, got: Fraction | int) -> Iterator[str]:
    if wanted != got:
        yield f"{where}: {float(wanted)}, is {float(got)}"
