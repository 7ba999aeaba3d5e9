"""What a treatment is worth in money a week if all visitors were shown it.

Difference per unit, times the units of a week. The interval is that of the difference, so it holds
however often somebody looks: the verdict's own where it has one, or else the normal mixture's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

from fairlift_stats.effects import Effect, Interval
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.report.result import Result
from fairlift_stats.sequential.anytime.mixture import mixture_line
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.sequential.traffic import PresentTraffic, present_traffic
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import Estimate, estimate_between
from fairlift_stats.verdict.ruling import FINAL

__all__ = ["WeeklyWorth", "chosen_worth", "weekly_worth"]

WorthMeaning: TypeAlias = Literal["open", "gain", "saved"]
WorthEstimate: TypeAlias = Literal["measured", "corrected", "shrunk"]
NoWorth: TypeAlias = Literal["no_answer", "few_orders", "no_traffic", "broken"]

# Data of which no figure can be trusted.
_BROKEN: Final = frozenset({"split", "skew", "skew_at_end"})


@dataclass(frozen=True, slots=True)
class WeeklyWorth:
    """What one treatment is worth.

    Attributes:
        variant: the treatment.
        metric: money per unit, of which it is made.
        meaning: nothing is decided; the verdict ships this variant; or it was shown to do harm and
            costs money, so that stopping it saves some.
        traffic: units that enter the campaign; None where none has.
        share: of the audience that enters the campaign; the others are counted in.
        difference: per unit, treatment less control; None where `missing` says why.
        confidence: of its interval.
        estimate: how the difference was estimated.
        missing: why there is no figure.
    """

    variant: str
    metric: str
    meaning: WorthMeaning
    traffic: PresentTraffic | None
    share: float
    difference: Estimate | None
    confidence: float
    estimate: WorthEstimate = "measured"
    missing: NoWorth | None = None

    @property
    def weekly_units(self) -> float:
        """Units a week if the audience entered in full."""
        return 0.0 if self.traffic is None else self.traffic.weekly / self.share

    @property
    def weekly(self) -> float | None:
        """Money a week; below zero it is a loss."""
        return None if self.difference is None else self.difference.value * self.weekly_units

    @property
    def weekly_interval(self) -> Interval | None:
        """Of the money a week."""
        if self.difference is None:
            return None
        ends = self.difference.interval
        return Interval(ends.low * self.weekly_units, ends.high * self.weekly_units)


class OfVariant(Protocol):
    """What one treatment is worth, here or in a message."""

    @property
    def variant(self) -> str:
        """The treatment."""


W = TypeVar("W", bound=OfVariant)


def chosen_worth(
    worths: Sequence[W], variant: str | None, weekly: Callable[[W], float | None]
) -> W | None:
    """The worth of the variant that the verdict speaks of, or else the best one.

    A worth without a figure is chosen where none has one, never before a loss.

    Args:
        worths: one for each treatment.
        variant: that the verdict speaks of, if of any.
        weekly: money a week of a worth; None where it has no figure.
    """

    def rank(worth: W) -> tuple[bool, float]:
        figure = weekly(worth)
        is_it = worth.variant == variant
        return is_it, -math.inf if figure is None else figure

    return max(worths, key=rank, default=None)


def weekly_worth(
    plan: SequentialPlan,
    looks: Sequence[Look],
    verdict: Verdict,
    result: Result,
    *,
    share: float = 1.0,
    stopped: date | None = None,
) -> WeeklyWorth:
    """What a treatment is worth, by its result on a metric of money per unit.

    Args:
        plan: of the campaign.
        looks: all of them.
        verdict: of these looks.
        result: of the newest look.
        share: of the audience that enters the campaign, above 0.
        stopped: the day on which a person stopped entry.
    """
    # What was decided stands: traffic and difference are those of the look that decided.
    is_final = verdict.kind in FINAL
    until = [look for look in looks if look.day <= verdict.facts.day] if is_final else looks
    traffic = present_traffic(plan, until, stopped=stopped)
    difference, confidence, estimate = _difference(
        plan, until[-1], verdict, result, of_all=not is_final
    )
    missing = _missing(plan, looks[-1], verdict, result, traffic)
    if missing is not None:
        difference = None
    elif difference is None:
        missing = "no_answer"
    return WeeklyWorth(
        variant=result.variant,
        metric=result.metric,
        meaning="open"
        if difference is None
        else _meaning(verdict, result.variant, difference.value),
        traffic=traffic,
        share=share,
        difference=difference,
        confidence=confidence,
        estimate=estimate,
        missing=missing,
    )


def _missing(
    plan: SequentialPlan,
    last: Look,
    verdict: Verdict,
    result: Result,
    traffic: PresentTraffic | None,
) -> NoWorth | None:
    """Why nothing can be said, the gravest reason first."""
    if verdict.cause in _BROKEN:
        return "broken"
    if traffic is None or not traffic.a_day:
        return "no_traffic"
    orders = (last.count(arm).orders for arm in (plan.control, result.variant))
    if any(found is not None and found < plan.minimum_orders for found in orders):
        return "few_orders"
    return None


def _difference(
    plan: SequentialPlan, look: Look, verdict: Verdict, result: Result, *, of_all: bool
) -> tuple[Estimate | None, float, WorthEstimate]:
    """The figure of the verdict, or else one of the look with an interval of its own.

    Args:
        plan: of the campaign.
        look: that decided, or else the newest.
        verdict: of these looks.
        result: of the newest look.
        of_all: the look is the newest.
    """
    arm, metric, facts = result.variant, result.metric, verdict.facts
    for standing in facts.arms:
        if (standing.arm, standing.metric) != (arm, metric):
            continue
        is_told = (verdict.variant, verdict.metric) == (arm, metric)
        shown = verdict.estimate if is_told else standing.corrected or standing.raw
        if shown is not None and _is_finite(shown):
            is_measured = shown is not standing.corrected
            by_prior = plan.engine == "bayes_expected_loss"
            way: WorthEstimate = "shrunk" if by_prior else "corrected"
            return shown, facts.confidence, "measured" if is_measured else way
    for rail in facts.guardrails:
        is_it = (rail.arm, rail.metric) == (arm, metric)
        # A guardrail keeps the figure with which it was first settled; later ones know more.
        is_new = rail.decided_at in (None, look.at)
        if is_it and is_new and rail.raw is not None and _is_finite(rail.raw):
            return rail.raw, rail.confidence, "measured"
    # Several treatments share the error, as in the table.
    alpha = result.answers.question.alpha / len(plan.treatments)
    evidence = None if of_all else look.of(metric, arm)
    difference = None
    if evidence is not None:
        difference = _always_valid(plan, look, evidence.contrast, evidence.units, alpha)
    elif isinstance(result.difference, Effect):
        units = result.units_of_all_arms
        difference = _always_valid(plan, look, result.contrast, units, alpha)
    return difference, 1 - alpha, "measured"


def _is_finite(estimate: Estimate) -> bool:
    return math.isfinite(estimate.interval.high - estimate.interval.low)


def _always_valid(
    plan: SequentialPlan, look: Look, contrast: Contrast, units: int, alpha: float
) -> Estimate | None:
    """A difference, as wide as the normal mixture that is tuned to the plan's end.

    Its interval holds at every look, with no line of the plan: of a metric that the plan does not
    judge, or has not judged yet.

    Source: Howard, Ramdas, McAuliffe & Sekhon (2021); see `mixture_line`.
    """
    k = mixture_line(plan.information(units), alpha=alpha)
    return estimate_between(contrast, (0.0, k, -k), at=look.at, largest_k=k)


def _meaning(verdict: Verdict, arm: str, difference: float) -> WorthMeaning:
    if verdict.kind == "ship" and verdict.variant == arm:
        return "gain"
    harmed = {s.arm for s in verdict.facts.arms if s.crossing == "harm"}
    harmed |= {rail.arm for rail in verdict.facts.guardrails if rail.state == "harmed"}
    harmed |= {alarm.arm for alarm in verdict.facts.alarms if alarm.raised_at is not None}
    return "saved" if arm in harmed and difference < 0 else "open"
