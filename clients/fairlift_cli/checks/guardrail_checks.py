"""Guardrails whose margin is no bound: one that cannot be judged, or that cannot fail."""

from collections.abc import Iterator
from typing import Final

from fairlift.engine.metric import Direction, Quantity
from fairlift.engine.plan import Plan, PlannedMetric

from fairlift_cli.checks.judgement import Judgement

# Campaigns change a metric by a few per cent; one that takes half of it needs no guardrail.
_LARGEST_MARGIN: Final = 0.5
# A share lies between 0 and 1, so no two differ by more.
_ALL_OF_A_SHARE: Final = 1.0
_POINTS = 100


def guardrail_judgements(plan: Plan) -> Iterator[Judgement]:
    """What is doubtful in the margins of the plan's guardrails."""
    yield from _shares_of_a_loss(plan)
    yield from _never_failing(plan)


def can_fail(plan: Plan, guardrail: PlannedMetric) -> bool:
    """Whether some change that a campaign could bring lies beyond the guardrail's margin."""
    return not _reason_never_to_fail(plan, guardrail)


def _never_failing(plan: Plan) -> Iterator[Judgement]:
    for index, planned in enumerate(plan.guardrails):
        if reason := _reason_never_to_fail(plan, planned):
            name = "margin" if planned.margin is not None else "absolute_margin"
            yield Judgement("FL528", f"guardrails[{index}].{name}", reason)


def _reason_never_to_fail(plan: Plan, planned: PlannedMetric) -> str:
    metric = plan.metric(planned.metric)
    if planned.margin is not None and planned.margin >= _LARGEST_MARGIN:
        percent = f"{100 * planned.margin:g}%"
        change = (
            f"adds {percent} to" if metric.direction is Direction.LOWER else f"takes {percent} of"
        )
        return (
            f"is {percent}: a campaign that {change} {planned.metric} would be called "
            "safe; say how much worse the shop would accept, such as 5%"
        )
    absolute = planned.absolute_margin
    if metric.reads_as is Quantity.SHARE and absolute is not None and absolute >= _ALL_OF_A_SHARE:
        meant = f"{absolute:g}%" if absolute < _POINTS else "0.5%"
        return (
            f"is {absolute:g}, and {planned.metric} is a share, from 0 to 1: it cannot change by "
            f"as much, so the guardrail cannot fail; write points with a %, such as {meant}"
        )
    return ""


def _shares_of_a_loss(plan: Plan) -> Iterator[Judgement]:
    """A margin in per cent of a metric that may be below zero, where nothing is a share of it."""
    for index, planned in enumerate(plan.guardrails):
        if planned.margin is not None and plan.metric(planned.metric).may_be_negative:
            yield Judgement(
                "FL511",
                f"guardrails[{index}].margin",
                f"is {100 * planned.margin:g}% of the control's {planned.metric}, which may be at "
                "or below zero: the guardrail then cannot be judged, and a winner is not shipped; "
                "say absolute_margin, in the metric's own unit",
            )
