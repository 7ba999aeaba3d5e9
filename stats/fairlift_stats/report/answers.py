"""All results of one metric: numbers at once, everything else when it is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

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
from fairlift_stats.methods.contrast import NON_INFERIORITY_LEVEL, Contrast, Margin
from fairlift_stats.methods.two_rates import TwoRates
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
        largest_k: per treatment, the largest critical value that the page around the table shows:
            a lift is shown everywhere or nowhere.
    """

    row: ResultRow
    variants: tuple[str, ...]
    reasons: Sequence[CannotSay | None]
    adjusted: Sequence[float | None]
    moments: Moments = field(repr=False, compare=False)
    question: Question = field(repr=False, compare=False)
    largest_k: Sequence[float] = ()

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
        return self._differences[i - 1]

    def lift(self, i: int) -> Effect | CannotSay:
        """Treatment ÷ control − 1."""
        return self._lifts[i - 1]

    def _largest_k(self, i: int) -> float:
        """The largest critical value that the page shows for this comparison."""
        own = float(-ndtri(self.question.alpha / 2))
        return max(own, self.largest_k[i - 1] if self.largest_k else 0.0)

    def p_value(self, i: int) -> float | None:
        """Two-sided, of no difference."""
        return None if self.reasons[i - 1] else self.row.p[i - 1]

    def flags(self, i: int) -> tuple[Flag, ...]:
        """What to know before trusting the numbers."""
        return () if self.reasons[i - 1] else flags_of(self.row, self.moments.summaries, i)

    def non_inferiority(self, i: int) -> NonInferiority | None:
        """Whether a guardrail holds; None for other roles."""
        planned = self.row.planned
        if planned.absolute_margin is not None:
            margin = Margin(planned.absolute_margin, is_absolute=True)
        elif planned.margin is not None:
            margin = Margin(planned.margin)
        else:
            return None
        z = None
        if self.reasons[i - 1] is None:
            z = self.contrast(i).non_inferiority_z(
                margin, self.row.metric.direction, self._largest_k(i)
            )
        p = None if z is None else float(ndtr(-z))
        holds = p is not None and p < NON_INFERIORITY_LEVEL
        return NonInferiority(margin.size, p, holds, margin.is_absolute)

    def contrast(self, i: int) -> Contrast:
        """A treatment's figures beside the control's."""
        return _contrast(self.row, i)

    @property
    def method(self) -> str:
        """The test in words."""
        return _method(self.row)

    def posterior(self, i: int) -> Posterior | CannotSay:
        """The posterior of a treatment; computed for all treatments at the first call.

        There is none without data: it would be the prior alone. Without a meaningful lift it has
        the chances and losses of the difference. A rate's lift without an upper end has one.
        """
        answer = self.reasons[i - 1] or self._posteriors[i - 1]
        if isinstance(answer, CannotSay) or not self.row.metric.is_never_negative:
            return answer
        return answer.possible()

    @cached_property
    def _posteriors(self) -> MetricPosteriors:
        question = self.question
        treatments = range(1, len(self.variants))
        return MetricPosteriors(
            _arm_data(self.row, self.moments), tuple(map(self._has_posterior_lift, treatments)),
            self.row.metric.direction, question.prior, question.rope, question.confidence,
        )  # fmt: skip

    # A table asks for ends of the same interval one by one.
    @cached_property
    def _differences(self) -> tuple[Effect | CannotSay, ...]:
        return tuple(
            reason or _effect(limits)
            for reason, limits in zip(self.reasons, self.row.difference, strict=True)
        )

    @cached_property
    def _lifts(self) -> tuple[Effect | CannotSay, ...]:
        return tuple(
            reason or _lift(self.row, i, self._largest_k(i))
            for i, reason in enumerate(self.reasons, 1)
        )

    def _has_posterior_lift(self, i: int) -> bool:
        lift = self.lift(i)
        return not (isinstance(lift, CannotSay) and math.isinf(lift.interval.low))


def _effect(limits: EffectLimits) -> Effect:
    return Effect(
        limits.value,
        Interval(limits.low, limits.high),
        Interval(limits.simultaneous_low, limits.simultaneous_high),
    )


def _lift(row: ResultRow, i: int, k: float) -> Effect | CannotSay:
    limits = row.lift[i - 1]
    why = _contrast(row, i).no_lift(k)
    ends = (limits.low, limits.high, limits.simultaneous_low, limits.simultaneous_high)
    if why is None and not all(map(math.isfinite, ends)):
        why = CannotSayCode.CONTROL_NEAR_ZERO
    if why is None:
        effect = _effect(limits)
        return effect.possible() if row.metric.is_never_negative else effect
    # The lower limit of a rate's lift holds though there is no upper one.
    interval = Interval(limits.low if row.is_rate else -math.inf, math.inf)
    words = _NO_LIFT[why].format(control=row.value[0])
    return CannotSay(why, f"{row.metric.name}: {words}.", interval)


_NO_LIFT = {
    CannotSayCode.NO_EVENTS: "neither arm has an event: any lift is possible",
    CannotSayCode.CONTROL_ZERO: (
        "the control is at zero, so there is no share of it; read the difference"
    ),
    CannotSayCode.NOT_POSITIVE: (
        "the control's estimate is {control:g}; a share of it has no meaning; read the difference"
    ),
    CannotSayCode.CONTROL_NEAR_ZERO: (
        "the control's estimate cannot be told from zero, so the lift has no finite limits; read "
        "the difference"
    ),
    CannotSayCode.TREATMENT_ZERO: (
        "all units of the treatment are zero, so chance cannot be judged in its lift; read the "
        "difference"
    ),
}


def _contrast(row: ResultRow, i: int) -> Contrast:
    """A treatment's figures beside the control's."""
    return Contrast(
        control=row.value[0],
        treatment=row.value[i],
        control_variance=row.variance[0],
        treatment_variance=row.variance[i],
        covariance=row.with_control[i - 1],
        df=row.df[i - 1],
        rates=TwoRates(row.events[i], row.units[i], row.events[0], row.units[0])
        if row.is_rate
        else None,
    )


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
