"""From summaries to answers: one `Result` for each metric and treatment arm."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr

from fairlift_stats import score
from fairlift_stats.flags import flags_of
from fairlift_stats.metrics import Mean, Ratio
from fairlift_stats.moments import Moments, require, stack
from fairlift_stats.multiplicity import adjusted_p, holm_families
from fairlift_stats.posteriors import ArmFacts, Belief
from fairlift_stats.results import (
    Arm,
    CannotSay,
    Effect,
    Interval,
    NonInferiority,
    Reason,
    Result,
)
from fairlift_stats.rows import Row, rows_of
from fairlift_stats.summary import Summary

if TYPE_CHECKING:
    from fairlift_stats.analysis import Analysis

__all__ = ["answer"]

Array: TypeAlias = npt.NDArray[np.float64]


def answer(
    analysis: "Analysis", variants: tuple[str, ...], summaries: Sequence[Summary]
) -> tuple[Result, ...]:
    """Answers for all metrics and treatments; the first variant is the control."""
    moments = stack(summaries, analysis.columns)
    require(moments, analysis.products)
    rows = rows_of(analysis.metrics, analysis.layout, moments, analysis.alpha)
    treatments = range(1, len(variants))
    whys = [[row.cannot_compare(i) for i in treatments] for row in rows]
    adjusted = _adjusted(rows, whys)
    results: list[Result] = []
    for row, why, adjusted_row in zip(rows, whys, adjusted, strict=True):
        belief = Belief(
            partial(facts_of, row, moments), row.metric.direction,
            analysis.prior, analysis.rope, analysis.confidence,
        )  # fmt: skip
        arms = [_arm(row, a, variant) for a, variant in enumerate(variants)]
        results += [
            _result(row, moments, i, arms, why[i - 1], adjusted_row[i - 1], belief, analysis.alpha)
            for i in treatments
        ]
    return tuple(results)


def facts_of(row: Row, moments: Moments) -> tuple[ArmFacts, ...]:
    """What each arm's posterior is made of."""
    arms = range(len(row.n))
    if row.is_rate:
        return tuple(
            ArmFacts(row.value[a], row.variance[a], row.units[a], (row.events[a], row.units[a]))
            for a in arms
        )
    plain = [(row.value[a], row.variance[a], row.units[a], None) for a in arms]
    if not (isinstance(row.metric, Mean) and row.metric.buyers and not row.metric.covariates):
        return tuple(ArmFacts(*each) for each in plain)
    c = moments.at(row.metric.column)
    total = moments.totals[:, c]
    squares = moments.covariances[:, c, c] * np.maximum(moments.n - 1, 0)
    squares = squares + total * total / np.maximum(moments.n, 1)
    spending = zip(row.n, row.events, total.tolist(), squares.tolist(), strict=True)
    return tuple(ArmFacts(*each, spent) for each, spent in zip(plain, spending, strict=True))


def _adjusted(rows: list[Row], whys: list[list[CannotSay | None]]) -> list[list[float | None]]:
    """Holm over primary metrics, BH over secondary ones; guardrails are judged one by one."""
    found = [_known(row.joint_p, why) for row, why in zip(rows, whys, strict=True)]
    primary, secondary = (
        [i for i, row in enumerate(rows) if row.planned.role == role and not all(whys[i])]
        for role in ("primary", "secondary")
    )
    holm = holm_families([[1.0 if p is None else p for p in found[i]] for i in primary])
    for i, family in zip(primary, holm, strict=True):
        found[i] = _known(family, whys[i])
    each = iter(
        adjusted_p([p for i in secondary for p in found[i] if p is not None], "BH").tolist()
    )
    for i in secondary:
        found[i] = [None if p is None else next(each) for p in found[i]]
    return found


def _known(values: list[float], whys: list[CannotSay | None]) -> list[float | None]:
    return [None if why else value for value, why in zip(values, whys, strict=True)]


def _arm(row: Row, a: int, variant: str) -> Arm:
    n, value, units = int(row.n[a]), row.value[a], row.units[a]
    if units == 0 or not math.isfinite(value):
        return Arm(variant, n, None, None)
    if not row.is_rate and units < 2:
        return Arm(variant, n, value, None)
    return Arm(variant, n, value, Interval(row.low[a], row.high[a]))


def _result(
    row: Row,
    moments: Moments,
    i: int,
    arms: list[Arm],
    why_not: CannotSay | None,
    adjusted: float | None,
    belief: Belief,
    alpha: float,
) -> Result:
    margin = row.planned.margin
    return Result(
        metric=row.metric.name,
        role=row.planned.role,
        variant=arms[i].variant,
        control=arms[0],
        treatment=arms[i],
        difference=why_not or _effect(row.difference[i - 1]),
        lift=why_not or _lift(row, i),
        p_value=None if why_not else row.p[i - 1],
        adjusted_p=adjusted,
        non_inferiority=None if margin is None else _guard(row, i, margin, alpha, why_not),
        method=_method(row),
        flags=() if why_not else flags_of(row, moments.summaries, i),
        beliefs=belief,
        position=i - 1,
    )


def _effect(five: list[float]) -> Effect:
    value, low, wide_low, high, wide_high = five
    return Effect(value, Interval(low, high), Interval(wide_low, wide_high))


def _lift(row: Row, i: int) -> Effect | CannotSay:
    value, low, _, high, wide = five = row.lift[i - 1]
    name, control = row.metric.name, row.value[0]
    if row.is_rate:
        if control == 0:
            reason, why = Reason.CONTROL_ZERO, "the control has no event: a lift has no upper end"
            if row.value[i] == 0:
                reason, why = Reason.NO_EVENTS, "neither arm has an event: any lift is possible"
            return CannotSay(reason, f"{name}: {why}.", Interval(low, math.inf))
        return _effect(five)
    if control <= 0:
        return CannotSay(
            Reason.CONTROL_ZERO if control == 0 else Reason.NOT_POSITIVE,
            f"{name}: the control's estimate is {control:g}; a share of it has no plain meaning, "
            "read the difference.",
        )
    if not (low <= value <= high):  # NaN: Fieller's set is unbounded
        return CannotSay(
            Reason.CONTROL_NEAR_ZERO,
            f"{name}: the control's estimate cannot be told from zero, so no finite lift can be "
            "given; read the difference.",
        )
    if low == high:
        return CannotSay(
            Reason.NO_VARIATION,
            f"{name}: all units of the treatment are zero, so chance cannot be judged in its lift; "
            "read the difference.",
        )
    if math.isnan(wide):  # unbounded at the wider level only
        five = [value, low, -math.inf, high, math.inf]
    return _effect(five)


def _guard(
    row: Row, i: int, margin: float, alpha: float, why_not: CannotSay | None
) -> NonInferiority:
    """One-sided test that the treatment keeps more than 1 − margin of the control (or less)."""
    if why_not:
        return NonInferiority(margin, None, holds=False)
    higher = row.metric.direction == "higher"
    ratio = 1 - margin if higher else 1 + margin
    if row.is_rate:
        x, n = np.array(row.events), np.array(row.units)
        arms = (x[i : i + 1], n[i : i + 1], x[:1], n[:1])
        z = float(score.ratio_z(*arms, np.array([ratio]))[0])
        p = float(ndtr(-z if higher else z))
    else:
        v, q, cov = row.value, row.variance, row.with_control[i - 1]
        if v[0] <= 0:
            return NonInferiority(margin, None, holds=False)
        spread = q[i] - 2 * ratio * cov + ratio * ratio * q[0]
        t = (v[i] - ratio * v[0]) / spread**0.5
        p = float(stdtr(row.df[i - 1], -t if higher else t))
    return NonInferiority(margin, p, holds=p < alpha)


def _method(row: Row) -> str:
    if row.is_rate:
        return "Miettinen–Nurminen score test and intervals"
    if isinstance(row.metric, Ratio):
        words = "ratio of sums per unit, Welch t on its linear form, Fieller lift"
    else:
        words = "Welch t, Fieller lift"
    return f"{words}, adjusted by arm (CUPED, Lin)" if row.metric.covariates else words
