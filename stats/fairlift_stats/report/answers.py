"""All results of one metric: numbers at once, everything else when it is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import ndtr, stdtr

from fairlift_stats.bayes.posteriors import ArmData, BuyerSums, MetricPosteriors, TrialCounts
from fairlift_stats.data.metrics import Mean, Quantile, Ratio
from fairlift_stats.data.moments import Moments
from fairlift_stats.effects import (
    Arm,
    CannotSay,
    CannotSayCode,
    Effect,
    Flag,
    Interval,
    NonInferiority,
    Posterior,
)
from fairlift_stats.methods import score
from fairlift_stats.report.comparison import EffectLimits
from fairlift_stats.report.question import Question
from fairlift_stats.report.result_rows import ResultRow
from fairlift_stats.report.warnings import flags_of

__all__ = ["Answers"]


@dataclass(frozen=True)
class Answers:
    """The results of one metric for all treatments, numbered from 1; the control is 0.

    Attributes:
        row: the numbers.
        variants: names of the arms.
        reasons: per treatment, why it cannot be compared; None where it can.
        adjusted: p-values, adjusted for the arms and for the metrics of the same role.
    """

    row: ResultRow
    variants: tuple[str, ...]
    reasons: Sequence[CannotSay | None]
    adjusted: Sequence[float | None]
    moments: Moments = field(repr=False, compare=False)
    question: Question = field(repr=False, compare=False)

    def arm(self, a: int) -> Arm:
        """An arm's own estimate."""
        row, variant = self.row, self.variants[a]
        n, value, units = int(row.n[a]), row.value[a], row.units[a]
        if units == 0 or not math.isfinite(value):
            return Arm(variant, n, None, None)
        if not row.is_rate and (units < 2 or math.isnan(row.variance[a])):
            return Arm(variant, n, value, None)
        return Arm(variant, n, value, Interval(row.low[a], row.high[a]))

    def difference(self, i: int) -> Effect | CannotSay:
        """Treatment − control."""
        return self.reasons[i - 1] or _effect(self.row.difference[i - 1])

    def lift(self, i: int) -> Effect | CannotSay:
        """Treatment ÷ control − 1."""
        return self.reasons[i - 1] or _lift(self.row, i)

    def p_value(self, i: int) -> float | None:
        """Two-sided, of no difference."""
        return None if self.reasons[i - 1] else self.row.p[i - 1]

    def flags(self, i: int) -> tuple[Flag, ...]:
        """What to know before trusting the numbers."""
        return () if self.reasons[i - 1] else flags_of(self.row, self.moments.summaries, i)

    def non_inferiority(self, i: int) -> NonInferiority | None:
        """Whether a guardrail holds; None for other roles."""
        margin, alpha = self.row.planned.margin, self.question.alpha
        if margin is None:
            return None
        return _guard(self.row, i, margin, alpha, self.reasons[i - 1])

    @property
    def method(self) -> str:
        """The test in words."""
        return _method(self.row)

    def posterior(self, i: int) -> Posterior | CannotSay:
        """The posterior of a treatment; computed for all treatments at the first call.

        There is none without data or without a meaningful lift: it would be the prior alone, or a
        ratio whose sign is the control's noise. A rate's lift without an upper end has one.
        """
        lift = self.lift(i)
        if self.reasons[i - 1] or (isinstance(lift, CannotSay) and math.isinf(lift.interval.low)):
            assert isinstance(lift, CannotSay)
            return lift
        return self._posteriors[i - 1]

    @cached_property
    def _posteriors(self) -> MetricPosteriors:
        question = self.question
        return MetricPosteriors(
            _arm_data(self.row, self.moments), self.row.metric.direction,
            question.prior, question.rope, question.confidence,
        )  # fmt: skip


def _effect(limits: EffectLimits) -> Effect:
    return Effect(
        limits.value,
        Interval(limits.low, limits.high),
        Interval(limits.simultaneous_low, limits.simultaneous_high),
    )


def _lift(row: ResultRow, i: int) -> Effect | CannotSay:
    limits = row.lift[i - 1]
    value, low, high = limits.value, limits.low, limits.high
    name, control = row.metric.name, row.value[0]
    if row.is_rate:
        if control == 0:
            reason, why = (
                CannotSayCode.CONTROL_ZERO,
                "the control has no event: a lift has no upper end",
            )
            if row.value[i] == 0:
                reason, why = (
                    CannotSayCode.NO_EVENTS,
                    "neither arm has an event: any lift is possible",
                )
            return CannotSay(reason, f"{name}: {why}.", Interval(low, math.inf))
        return _effect(limits)
    if control <= 0:
        return CannotSay(
            CannotSayCode.CONTROL_ZERO if control == 0 else CannotSayCode.NOT_POSITIVE,
            f"{name}: the control's estimate is {control:g}; a share of it has no meaning; "
            "read the difference.",
        )
    if not (low <= value <= high):  # NaN: Fieller's set is unbounded
        return CannotSay(
            CannotSayCode.CONTROL_NEAR_ZERO,
            f"{name}: the control's estimate cannot be told from zero, so the lift has no "
            "finite limits; read the difference.",
        )
    if low == high:
        return CannotSay(
            CannotSayCode.TREATMENT_ZERO,
            f"{name}: all units of the treatment are zero, so chance cannot be judged in its lift; "
            "read the difference.",
        )
    if math.isnan(limits.simultaneous_high):  # unbounded at the wider level only
        limits = EffectLimits(value, low, -math.inf, high, math.inf)
    return _effect(limits)


def _guard(
    row: ResultRow, i: int, margin: float, alpha: float, why_not: CannotSay | None
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


def _method(row: ResultRow) -> str:
    if row.is_rate:
        return "Miettinen–Nurminen score test and intervals"
    if isinstance(row.metric, Quantile):
        return "quantile, its error from order statistics (Woodruff), normal test, Fieller lift"
    if isinstance(row.metric, Ratio):
        words = "ratio of sums per unit, Welch t on its linear form, Fieller lift"
    else:
        words = "Welch t, Fieller lift"
    return f"{words}, adjusted by arm (CUPED, Lin)" if row.metric.covariates else words


def _arm_data(row: ResultRow, moments: Moments) -> tuple[ArmData, ...]:
    """What each arm's posterior is computed from."""
    arms = range(len(row.n))
    if row.is_rate:
        return tuple(
            ArmData(
                row.value[a], row.variance[a], row.units[a],
                trials=TrialCounts(row.events[a], row.units[a]),
            )
            for a in arms
        )  # fmt: skip
    if not (isinstance(row.metric, Mean) and row.metric.buyers and not row.metric.covariates):
        return tuple(ArmData(row.value[a], row.variance[a], row.units[a]) for a in arms)
    column = moments.at(row.metric.column)
    totals = moments.totals[:, column]
    squares = moments.covariances[:, column, column] * np.maximum(moments.n - 1, 0)
    squares = squares + totals * totals / np.maximum(moments.n, 1)
    return tuple(
        ArmData(
            row.value[a], row.variance[a], row.units[a],
            buyers=BuyerSums(row.n[a], row.events[a], float(totals[a]), float(squares[a])),
        )
        for a in arms
    )  # fmt: skip
