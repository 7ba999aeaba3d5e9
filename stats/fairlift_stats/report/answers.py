"""All answers about one metric: numbers at once, what is read from them when it is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import ndtr, stdtr

from fairlift_stats.bayes.posteriors import ArmFacts, Belief
from fairlift_stats.data.metrics import Mean, Quantile, Ratio
from fairlift_stats.data.moments import Moments
from fairlift_stats.effects import (
    Arm,
    CannotSay,
    Effect,
    Flag,
    Interval,
    NonInferiority,
    Posterior,
    Reason,
)
from fairlift_stats.methods import score
from fairlift_stats.report.question import Question
from fairlift_stats.report.rows import Row
from fairlift_stats.report.warnings import flags_of

__all__ = ["Answers"]


@dataclass(frozen=True)
class Answers:
    """What is known about one metric; treatments count from 1, the control is 0.

    Attributes:
        row: the numbers.
        variants: names of the arms.
        whys: why a treatment cannot be compared; None where it can.
        adjusted: p-values, adjusted for the arms and for the metrics of the same role.
    """

    row: Row
    variants: tuple[str, ...]
    whys: Sequence[CannotSay | None]
    adjusted: Sequence[float | None]
    moments: Moments = field(repr=False, compare=False)
    question: Question = field(repr=False, compare=False)

    def arm(self, a: int) -> Arm:
        """An arm's own estimate."""
        row, variant = self.row, self.variants[a]
        n, value, units = int(row.n[a]), row.value[a], row.units[a]
        if units == 0 or not math.isfinite(value):
            return Arm(variant, n, None, None)
        if not row.is_rate and units < 2:
            return Arm(variant, n, value, None)
        return Arm(variant, n, value, Interval(row.low[a], row.high[a]))

    def difference(self, i: int) -> Effect | CannotSay:
        """Treatment − control."""
        return self.whys[i - 1] or _effect(self.row.difference[i - 1])

    def lift(self, i: int) -> Effect | CannotSay:
        """Treatment ÷ control − 1."""
        return self.whys[i - 1] or _lift(self.row, i)

    def p_value(self, i: int) -> float | None:
        """Two-sided, of no difference."""
        return None if self.whys[i - 1] else self.row.p[i - 1]

    def flags(self, i: int) -> tuple[Flag, ...]:
        """What to know before trusting the numbers."""
        return () if self.whys[i - 1] else flags_of(self.row, self.moments.summaries, i)

    def non_inferiority(self, i: int) -> NonInferiority | None:
        """The answer of a guardrail; None for other roles."""
        margin, alpha = self.row.planned.margin, self.question.alpha
        if margin is None:
            return None
        return _guard(self.row, i, margin, alpha, self.whys[i - 1])

    @property
    def method(self) -> str:
        """The test in words."""
        return _method(self.row)

    def posterior(self, i: int) -> Posterior | CannotSay:
        """The belief about a treatment; worked out for all of them at the first call.

        Where there are no data, or no plain meaning of a lift, there is none: it would be the prior
        alone, or a ratio whose sign is the control's noise. A rate's lift that only lacks an upper
        end has one.
        """
        lift = self.lift(i)
        if self.whys[i - 1] or (isinstance(lift, CannotSay) and math.isinf(lift.interval.low)):
            assert isinstance(lift, CannotSay)
            return lift
        return self._belief[i - 1]

    @cached_property
    def _belief(self) -> Belief:
        asked = self.question
        return Belief(
            _facts_of(self.row, self.moments), self.row.metric.direction,
            asked.prior, asked.rope, asked.confidence,
        )  # fmt: skip


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
            f"{name}: the control's estimate is {control:g}; a lift over it has no clear meaning, "
            "read the difference.",
        )
    if not (low <= value <= high):  # NaN: Fieller's set is unbounded
        return CannotSay(
            Reason.CONTROL_NEAR_ZERO,
            f"{name}: the control's estimate is too close to zero, so no finite lift can be "
            "given; read the difference.",
        )
    if low == high:
        return CannotSay(
            Reason.TREATMENT_ZERO,
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
    if isinstance(row.metric, Quantile):
        return "quantile, its error from order statistics (Woodruff), normal test, Fieller lift"
    if isinstance(row.metric, Ratio):
        words = "ratio of sums per unit, Welch t on its linear form, Fieller lift"
    else:
        words = "Welch t, Fieller lift"
    return f"{words}, adjusted by arm (CUPED, Lin)" if row.metric.covariates else words


def _facts_of(row: Row, moments: Moments) -> tuple[ArmFacts, ...]:
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
