"""From summaries to answers: arrays for the arithmetic, one `Result` for each metric and arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr

from fairlift_stats import score
from fairlift_stats.comparison import Comparison, compare_linear, compare_rates, linear_estimates
from fairlift_stats.flags import flags_of
from fairlift_stats.metrics import Mean, Metric, Rate, Ratio
from fairlift_stats.moments import Moments, counts, require, stack
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
from fairlift_stats.summary import Summary

if TYPE_CHECKING:
    from fairlift_stats.analysis import Analysis, Planned

__all__ = ["answer"]

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric's part of a comparison: Python numbers, the control first among the arms."""

    planned: "Planned"
    is_rate: bool
    value: list[float]
    low: list[float]
    high: list[float]
    variance: list[float]
    units: list[float]
    df: list[float]
    with_control: list[float]
    p: list[float]
    dunnett: list[float]
    difference: list[list[float]]
    lift: list[list[float]]
    reduction: list[float]

    @property
    def metric(self) -> Metric:
        """The metric."""
        return self.planned.metric

    def cannot_compare(self, i: int, n: Array) -> CannotSay | None:
        """Why treatment i (1 is the first) cannot be compared with the control; None if it can."""
        arms = (0, i)
        name = self.metric.name
        if any(n[a] == 0 for a in arms):
            return CannotSay(Reason.NO_UNITS, f"{name}: an arm has no units yet.")
        if self.is_rate:
            if any(self.units[a] == 0 for a in arms):
                return CannotSay(Reason.NO_DENOMINATOR, f"{name}: an arm has an empty base yet.")
            return None
        if not all(abs(self.value[a]) < float("inf") for a in arms):
            return CannotSay(
                Reason.NO_DENOMINATOR, f"{name}: an arm's denominator is zero; there is no ratio."
            )
        if any(self.units[a] < 2 for a in arms):
            return CannotSay(
                Reason.TOO_FEW_UNITS, f"{name}: an arm has fewer than two units to learn from."
            )
        if not self.variance[0] + self.variance[i] > 0:
            return CannotSay(
                Reason.NO_VARIATION, f"{name}: all units are the same, so chance cannot be judged."
            )
        return None


def answer(
    analysis: "Analysis", variants: tuple[str, ...], summaries: Sequence[Summary]
) -> tuple[Result, ...]:
    """Answers for all metrics and treatments; the first variant is the control."""
    moments = stack(summaries, analysis.columns)
    require(moments, analysis.products)
    rows = _rows(analysis, moments)
    adjusted = _adjusted(rows, moments.n)
    results = []
    for row, adjusted_row in zip(rows, adjusted, strict=True):
        belief = Belief(
            tuple(_facts(row, moments, a) for a in range(len(variants))),
            row.metric.direction, analysis.prior, analysis.rope, analysis.confidence,
        )  # fmt: skip
        arms = [_arm(row, moments, a, variant) for a, variant in enumerate(variants)]
        for i in range(1, len(variants)):
            results.append(
                _result(row, moments, i, arms, adjusted_row[i - 1], belief, analysis.alpha)
            )
    return tuple(results)


def _rows(analysis: "Analysis", moments: Moments) -> list[Row]:
    plain = [isinstance(p.metric, Rate) and not p.metric.covariates for p in analysis.metrics]
    rates = [p for p, is_rate in zip(analysis.metrics, plain, strict=True) if is_rate]
    others = [p for p, is_rate in zip(analysis.metrics, plain, strict=True) if not is_rate]
    rows: dict[str, Row] = {}
    if rates:
        chosen = [p.metric for p in rates if isinstance(p.metric, Rate)]
        found = compare_rates(moments, chosen, analysis.alpha)
        rows |= _split(rates, found, np.zeros_like(found.value), is_rate=True)
    if others:
        linear = linear_estimates(moments, [p.metric for p in others])
        compared = compare_linear(linear, analysis.alpha)
        rows |= _split(others, compared, linear.reduction, is_rate=False)
    return [rows[p.metric.name] for p in analysis.metrics]


def _split(
    planned: Sequence["Planned"], found: Comparison, reduction: Array, *, is_rate: bool
) -> dict[str, Row]:
    columns = [
        part.tolist()
        for part in (
            found.value, found.low, found.high, found.variance, found.units, found.df,
            found.with_control, found.p, found.dunnett, found.difference, found.lift, reduction,
        )
    ]  # fmt: skip
    return {
        p.metric.name: Row(p, is_rate, *parts) for p, *parts in zip(planned, *columns, strict=True)
    }


def _adjusted(rows: list[Row], n: Array) -> list[list[float | None]]:
    """Holm over primary metrics, BH over secondary ones; guardrails are judged one by one."""
    p = np.array([row.dunnett for row in rows])
    known = np.array([[row.cannot_compare(i, n) is None for i in range(1, len(n))] for row in rows])
    p = np.where(known, p, np.nan)
    for role in ("primary", "secondary"):
        at = [i for i, row in enumerate(rows) if row.planned.role == role and known[i].any()]
        if role == "primary" and at:
            p[at] = np.where(known[at], holm_families(np.where(known[at], p[at], 1.0)), np.nan)
        elif at:
            family = p[at]
            family[known[at]] = adjusted_p(family[known[at]], "BH")
            p[at] = family
    return [[value if ok else None for value, ok in zip(r, k, strict=True)]
            for r, k in zip(p.tolist(), known.tolist(), strict=True)]  # fmt: skip


def _facts(row: Row, moments: Moments, a: int) -> ArmFacts:
    events = spending = None
    if row.is_rate and isinstance(row.metric, Rate):
        x, n = counts(moments, row.metric)
        events = (float(x[a]), float(n[a]))
    elif isinstance(row.metric, Mean) and row.metric.buyers and not row.metric.covariates:
        c = moments.at(row.metric.column)
        n, total = float(moments.n[a]), float(moments.totals[a, c])
        squares = float(moments.covariances[a, c, c]) * max(n - 1, 0) + total * total / max(n, 1)
        spending = (n, float(moments.totals[a, moments.at(row.metric.buyers)]), total, squares)
    return ArmFacts(row.value[a], row.variance[a], row.units[a], events, spending)


def _arm(row: Row, moments: Moments, a: int, variant: str) -> Arm:
    n = int(moments.n[a])
    base = row.units[a]
    if base == 0 or not abs(row.value[a]) < float("inf"):
        return Arm(variant, n, None, None)
    if not row.is_rate and base < 2:
        return Arm(variant, n, row.value[a], None)
    return Arm(variant, n, row.value[a], Interval(row.low[a], row.high[a]))


def _result(
    row: Row,
    moments: Moments,
    i: int,
    arms: list[Arm],
    adjusted: float | None,
    belief: Belief,
    alpha: float,
) -> Result:
    why_not = row.cannot_compare(i, moments.n)
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
        non_inferiority=None if margin is None else _guard(row, i, margin, alpha, why_not, moments),
        method=_method(row),
        flags=() if why_not else flags_of(row.metric, moments, i, row.variance, row.reduction),
        beliefs=belief,
        position=i - 1,
    )


def _effect(five: list[float]) -> Effect:
    value, low, high, wide_low, wide_high = five
    return Effect(value, Interval(low, high), Interval(wide_low, wide_high))


def _lift(row: Row, i: int) -> Effect | CannotSay:
    value, low, high, *_ = five = row.lift[i - 1]
    name, control = row.metric.name, row.value[0]
    if row.is_rate:
        if control == 0 and row.value[i] == 0:
            return CannotSay(
                Reason.NO_EVENTS,
                f"{name}: neither arm has an event, so any lift is possible.",
                Interval(-1.0, float("inf")),
            )
        return _effect(five)
    if control <= 0:
        return CannotSay(
            Reason.NOT_POSITIVE,
            f"{name}: the control's estimate is {control:g}; a share of it has no plain meaning, "
            "read the difference.",
        )
    if not (low <= value <= high):  # NaN: Fieller's set is unbounded
        return CannotSay(
            Reason.CONTROL_NEAR_ZERO,
            f"{name}: the control's estimate cannot be told from zero, so no finite lift can be "
            "given; read the difference.",
        )
    return _effect(five)


def _guard(
    row: Row, i: int, margin: float, alpha: float, why_not: CannotSay | None, moments: Moments
) -> NonInferiority:
    """One-sided test that the treatment keeps more than 1 − margin of the control (or less)."""
    if why_not:
        return NonInferiority(margin, None, holds=False)
    higher = row.metric.direction == "higher"
    ratio = 1 - margin if higher else 1 + margin
    if row.is_rate and isinstance(row.metric, Rate):
        x, n = counts(moments, row.metric)
        z = float(score.ratio_z(x[i], n[i], x[0], n[0], np.float64(ratio)))
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
