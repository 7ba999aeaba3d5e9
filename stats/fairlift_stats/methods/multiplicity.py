"""Multiple comparisons: p-values adjusted so that a family keeps its error rate."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.arrays import Array
from fairlift_stats.errors import BadQuestion

__all__ = ["Adjustment", "adjusted_p", "benjamini_hochberg", "holm_families"]

Adjustment: TypeAlias = Literal[
    "bonferroni", "sidak", "holm", "holm-sidak", "hochberg", "hommel", "BH", "BY", "none"
]


def adjusted_p(p: npt.ArrayLike, how: Adjustment) -> Array:
    """Adjusted p-values, in the order of the input.

    Holm, Hommel, Hochberg, Bonferroni and Šidák hold the chance of any false claim; BH and BY the
    share of false claims among all. Hochberg and Hommel assume positive dependence, as does BH.

    Raises:
        BadQuestion: a p-value is outside [0, 1], or the method is unknown.

    Source: Holm (1979), Hochberg (1988), Hommel (1988), Benjamini and Hochberg (1995), Benjamini
    and Yekutieli (2001); checked against R's p.adjust and statsmodels.

    >>> adjusted_p([0.01, 0.04, 0.03], "holm").tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.atleast_1d(np.asarray(p, dtype=float))
    if values.ndim > 1 or not ((values >= 0) & (values <= 1)).all():  # NaN fails too
        raise BadQuestion(f"p: has {values.tolist()}, one family, each between 0 and 1")
    m = len(values)
    if m == 0:
        return values
    order = np.argsort(values, kind="stable")
    ordered, rank = values[order], np.arange(1, m + 1)
    match how.lower():
        case "none":
            adjusted = ordered
        case "bonferroni":
            adjusted = m * ordered
        case "sidak":
            adjusted = _sidak(m, ordered)
        case "holm":
            adjusted = np.maximum.accumulate((m - rank + 1) * ordered)
        case "holm-sidak":
            adjusted = np.maximum.accumulate(_sidak(m - rank + 1, ordered))
        case "hochberg" | "simes-hochberg":
            adjusted = _step_up((m - rank + 1) * ordered)
        case "bh" | "fdr_bh" | "fdr":
            adjusted = np.array(benjamini_hochberg(ordered.tolist()))
        case "by" | "fdr_by":
            adjusted = _step_up(np.sum(1 / rank) * m / rank * ordered)
        case "hommel":
            adjusted = _hommel(ordered)
        case _:
            raise BadQuestion(f"adjustment {how!r} is not known; use one of {Adjustment}")
    result = np.empty(m)
    result[order] = np.minimum(adjusted, 1)
    return result


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """p-values adjusted by BH, in the order of the input; for few numbers lists beat arrays."""
    adjusted, least = list(p), 1.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)[::-1]):
        least = min(least, len(p) / (len(p) - rank) * p[i])
        adjusted[i] = least
    return adjusted


def holm_families(p: Sequence[Sequence[float]]) -> list[list[float]]:
    """Holm over metrics of several arms, each metric's p-values already adjusted for its arms.

    A metric stops counting against the others only when all its arms are rejected.

    Source: the closure of Bonferroni over metrics (Marcus, Peritz, Gabriel 1976); checked against
    the enumeration of all intersections.

    >>> holm_families([[1e-6, 0.30], [0.04, 0.50]])
    [[2e-06, 0.6], [0.08, 0.6]]
    """
    adjusted = []
    for i, arms in enumerate(p):
        # The intersection with k other metrics that is hardest to reject has their worst arms.
        others = sorted((max(row) for j, row in enumerate(p) if j != i), reverse=True)
        limits = [1.0, *others]
        adjusted.append(
            [
                min(1.0, max(k * min(value, limit) for k, limit in enumerate(limits, start=1)))
                for value in arms
            ]
        )
    return adjusted


def _sidak(times: npt.ArrayLike, p: Array) -> Array:
    """1 − (1 − p)^times, for small p too."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(np.asarray(times) * np.log1p(-p)))


def _step_up(scaled: Array) -> Array:
    return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1])


def _hommel(p: Array) -> Array:
    """Closed testing with Simes at every intersection, in O(m²)."""
    m = len(p)
    simes = np.full(m, np.min(m * p / np.arange(1, m + 1)))
    adjusted = simes.copy()
    for size in range(m - 1, 1, -1):
        inside, beyond = np.arange(m - size + 1), np.arange(m - size + 1, m)
        least = np.min(size * p[beyond] / np.arange(2, size + 1))
        simes[inside] = np.minimum(size * p[inside], least)
        simes[beyond] = simes[m - size]
        adjusted = np.maximum(adjusted, simes)
    return np.maximum(adjusted, p)
