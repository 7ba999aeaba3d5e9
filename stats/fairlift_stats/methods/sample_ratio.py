"""Sample ratio mismatch (SRM) and contamination: is the data fit for a comparison?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import chdtrc, gammaln, xlogy

from fairlift_stats.arrays import Array
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary
from fairlift_stats.methods.one_rate import wilson

__all__ = ["ALARM", "Contamination", "SampleRatio", "contamination", "sample_ratio"]

ALARM = 0.001
EXACT_BELOW = 50
# The exact test lists every table of its size: beyond this many, χ² is used.
MOST_TABLES = 50_000


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Result of the test for a sample ratio mismatch (SRM).

    Attributes:
        statistic: Pearson's χ².
        df: arms with a weight, less one.
        p_value: of the configured weights.
        alarm: p_value < 0.001: no other number can be trusted.
        expected: units per arm by the weights.
        method: exact or χ².
    """

    statistic: float
    df: int
    p_value: float
    alarm: bool
    expected: Mapping[str, float]
    method: str


@dataclass(frozen=True, slots=True)
class Contamination:
    """Units exposed to more than one variant: they are excluded, and counted here."""

    units: int
    total: int
    rate: float
    interval: Interval


def sample_ratio(
    observed: Mapping[str, int], weights: Mapping[str, float], *, exact_below: int = EXACT_BELOW
) -> SampleRatio:
    """Test for a sample ratio mismatch: are the units split in proportion to the weights?

    A variant with weight 0 must have no unit and is not counted in the degrees of freedom. With
    fewer than `exact_below` units the multinomial is summed exactly.

    Raises:
        BadSummary: a count is negative or not whole, or a variant of weight 0 has units.
        BadQuestion: variants differ, a weight is negative, or all but one are 0.

    Source: Pearson (1900); Fabijan et al. (2019) for its use. Checked against R's chisq.test.

    >>> check = sample_ratio({"a": 821_588, "b": 815_482}, {"a": 0.5, "b": 0.5})
    >>> check.alarm, f"{check.p_value:.2g}"
    (True, '1.8e-06')
    """
    _check(observed, weights)
    arms = [name for name, weight in weights.items() if weight > 0]
    counts = np.array([observed[name] for name in arms], dtype=float)
    share = np.array([weights[name] for name in arms], dtype=float)
    share /= share.max()  # so that their sum is finite, whatever they are
    expected = counts.sum() * share / share.sum()
    df = len(arms) - 1
    plan = dict(zip(arms, expected.tolist(), strict=True))
    if counts.sum() == 0:
        return SampleRatio(0.0, df, 1.0, False, plan, "no units yet")
    statistic = float(np.sum((counts - expected) ** 2 / expected))
    total = int(counts.sum())
    if total < exact_below and math.comb(total + df, df) <= MOST_TABLES:
        p, method = _multinomial_p(counts, share / share.sum()), "exact multinomial"
    else:
        p, method = float(chdtrc(df, statistic)), "χ²"
    return SampleRatio(statistic, df, p, p < ALARM, plan, method)


def contamination(units: int, total: int, *, confidence: float = 0.95) -> Contamination:
    """Share of units exposed to more than one variant, with Wilson's interval.

    Raises:
        BadSummary, TooFewUnits: the count is not within 0…total, or there are no units.
    """
    interval = wilson(units, total, confidence=confidence)
    return Contamination(units, total, units / total, interval)


def _check(observed: Mapping[str, int], weights: Mapping[str, float]) -> None:
    if set(observed) != set(weights):
        raise BadQuestion(f"variants {[*observed]} and weights {[*weights]} have different names")
    for name, count in observed.items():
        if not (0 <= count < math.inf and count == int(count)):
            raise BadSummary(f"{name}: has {count} units, must be a whole number, 0 or more")
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise BadQuestion(f"{name}: weight is {weight}, must be 0 or more, and finite")
        if weight == 0 and observed[name] > 0:
            raise BadSummary(
                f"{name}: has {observed[name]} units at weight 0; they cannot come from this split"
            )
    if sum(weight > 0 for weight in weights.values()) < 2:
        raise BadQuestion(f"weights {dict(weights)}: need two or more above 0")


def _multinomial_p(counts: Array, share: Array) -> float:
    """P(a table as likely as this one, or less), over all tables of this size."""
    total, arms = int(counts.sum()), len(share)
    bars = np.array(list(combinations_with_replacement(range(total + 1), arms - 1)))
    edges = np.column_stack(
        [np.zeros(len(bars), int), bars.reshape(len(bars), -1), np.full(len(bars), total)]
    )
    tables = np.diff(edges, axis=1)
    log_p = _log_multinomial(tables, share)
    # Equal tables differ in the last bits of their logarithms.
    as_likely = log_p <= _log_multinomial(counts[None, :], share)[0] + 1e-9
    return float(min(1.0, np.exp(log_p[as_likely]).sum()))


def _log_multinomial(tables: Array, share: Array) -> Array:
    arranged = gammaln(tables.sum(axis=1) + 1) - gammaln(tables + 1).sum(axis=1)
    return np.asarray(arranged + xlogy(tables, share).sum(axis=1))
