"""Metrics, their arms and comparisons as the contract has them."""

import math
from collections.abc import Mapping
from itertools import groupby

from fairlift.engine.plan import Plan
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_stats.effects import Arm, CannotSay, CannotSayCode, Effect, Interval, Posterior
from fairlift_stats.messages import Message, MetricName
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.result import Result
from fairlift_stats.verdict import Verdict

from fairlift_server.api.language import Tongue

_ROLES = {
    "primary": pb.METRIC_ROLE_PRIMARY,
    "secondary": pb.METRIC_ROLE_SECONDARY,
    "guardrail": pb.METRIC_ROLE_GUARDRAIL,
}
_QUANTITIES = {
    "share": value_pb2.QUANTITY_SHARE,
    "money": value_pb2.QUANTITY_MONEY,
    "count": value_pb2.QUANTITY_COUNT,
}
_DIRECTIONS = {
    "higher": value_pb2.DIRECTION_HIGHER,
    "lower": value_pb2.DIRECTION_LOWER,
}
# By treatment and metric: the interval of the lift that holds at every look.
SequentialIntervals = Mapping[tuple[str, str], Interval]


class MetricWriter:
    """Writes the metrics of one report for one reader."""

    def __init__(self, plan: Plan, tongue: Tongue) -> None:
        self._own = {metric.name: metric for metric in plan.metrics}
        self._tongue = tongue

    def written(
        self,
        analysis: Analysis,
        report: Report,
        sequential: SequentialIntervals,
        *,
        described: bool = False,
    ) -> list[pb.MetricResult]:
        """Every metric of the report, in its order.

        Args:
            analysis: what was asked.
            report: what was answered.
            sequential: intervals that hold at every look, where there are any.
            described: shown for understanding, judged by nobody.
        """
        asked = {each.metric.name: each for each in analysis.metrics}
        metrics = []
        for name, group in groupby(report.results, key=lambda result: result.metric):
            results = list(group)
            metric = asked[name].metric
            role = pb.METRIC_ROLE_DESCRIPTIVE if described else _ROLES[asked[name].role]
            metrics.append(
                pb.MetricResult(
                    metric=name,
                    display_name=self._tongue.figure(MetricName(name)),
                    role=role,
                    quantity=_QUANTITIES[metric.unit],
                    direction=_DIRECTIONS[metric.direction],
                    arms=_arms(results, report.confidence),
                    comparisons=(
                        self._comparison(
                            result,
                            report.confidence,
                            sequential.get((result.variant, name)),
                            described=described,
                        )
                        for result in results
                    ),
                )
            )
        return metrics

    def _comparison(
        self, result: Result, confidence: float, sequential: Interval | None, *, described: bool
    ) -> pb.MetricResult.Comparison:
        absent = _absent(result)
        message = pb.MetricResult.Comparison(
            variant=result.variant,
            p_value=result.p_value,
            # What nobody judges belongs to no family of tests.
            adjusted_p_value=None if described else result.adjusted_p,
            method=result.method,
            flags=(flag.code.value for flag in result.flags),
            cannot_say="" if absent is None else self._tongue.text(absent),
        )
        if isinstance(result.difference, Effect):
            message.difference = result.difference.value
            message.difference_interval.CopyFrom(
                interval_to(result.difference.interval, confidence)
            )
        if isinstance(result.lift, Effect) and absent is None:
            message.lift = result.lift.value
            message.lift_interval.CopyFrom(interval_to(result.lift.interval, confidence))
        if sequential is not None:
            message.sequential_lift_interval.CopyFrom(interval_to(sequential, confidence))
        if result.non_inferiority is not None:
            message.within_margin = result.non_inferiority.holds
            message.margin = result.non_inferiority.margin
        if isinstance(result.posterior, Posterior):
            message.posterior.CopyFrom(_posterior(result.posterior, confidence))
        return message


def why_not(reason: CannotSayCode) -> Message:
    """Why there is no number."""
    return Message.of(f"cannot_say.{reason.value}")


def _absent(result: Result) -> Message | None:
    """Why there is no lift; None when there is one."""
    found = result.difference if isinstance(result.difference, CannotSay) else result.lift
    return why_not(found.reason) if isinstance(found, CannotSay) else None


def interval_to(interval: Interval, confidence: float) -> value_pb2.Interval:
    """The interval; an end that is not finite is left out."""
    message = value_pb2.Interval(confidence=confidence)
    if math.isfinite(interval.low):
        message.lower = interval.low
    if math.isfinite(interval.high):
        message.upper = interval.high
    return message


def _arms(results: list[Result], confidence: float) -> list[pb.MetricResult.ArmEstimate]:
    first = results[0]
    posterior = first.posterior
    control = _arm(first.control, confidence)
    if isinstance(posterior, Posterior):
        control.probability_best = posterior.control_p_best
        control.expected_loss = posterior.control_expected_loss
        if first.control.estimate:
            control.expected_loss_relative = posterior.control_expected_loss / abs(
                first.control.estimate
            )
    return [control, *(_treatment(result, confidence) for result in results)]


def _arm(arm: Arm, confidence: float) -> pb.MetricResult.ArmEstimate:
    message = pb.MetricResult.ArmEstimate(variant=arm.variant, units=arm.n)
    if arm.estimate is not None and math.isfinite(arm.estimate):
        message.estimate = arm.estimate
    if arm.interval is not None:
        message.interval.CopyFrom(interval_to(arm.interval, confidence))
    return message


def _treatment(result: Result, confidence: float) -> pb.MetricResult.ArmEstimate:
    message = _arm(result.treatment, confidence)
    posterior = result.posterior
    if isinstance(posterior, Posterior):
        message.probability_best = posterior.p_best
        message.expected_loss = posterior.expected_loss
        if math.isfinite(posterior.expected_loss_relative):
            message.expected_loss_relative = posterior.expected_loss_relative
    return message


def _posterior(posterior: Posterior, confidence: float) -> pb.MetricResult.Posterior:
    message = pb.MetricResult.Posterior(
        interval=interval_to(posterior.interval, confidence),
        probability_better=posterior.p_positive,
        probability_equivalent=posterior.p_equivalent,
    )
    if math.isfinite(posterior.lift):
        message.mean = posterior.lift
    return message


def sequential_intervals(verdict: Verdict) -> dict[tuple[str, str], Interval]:
    """By treatment and primary metric, the interval of the lift that holds at every look."""
    return {
        (found.arm, found.metric): found.raw.lift_interval
        for found in verdict.facts.comparisons
        if found.raw is not None and found.raw.lift_interval is not None
    }
