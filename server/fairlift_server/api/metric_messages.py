"""Metrics with their arms and comparisons as the contract's MetricResult."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_stats.effects import Arm, CannotSay, CannotSayCode, Effect, Interval, Posterior
from fairlift_stats.messages import Message, MetricName
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.result import Result
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import Safety

from fairlift_server.api.language import ReaderLanguage

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
# What the statistics call their methods.
_METHODS = {
    "Miettinen–Nurminen score test and intervals": pb.METHOD_SCORE,
    "Welch t, Fieller lift": pb.METHOD_WELCH_FIELLER,
    "ratio of sums per unit, Welch t on its linear form, Fieller lift": pb.METHOD_RATIO_DELTA,
    "quantile, its error from order statistics (Woodruff), normal test, Fieller lift": (
        pb.METHOD_QUANTILE
    ),
}
_ADJUSTED = ", adjusted by arm"
# By treatment and metric: the interval of the lift that holds at every look.
SequentialIntervals = Mapping[tuple[str, str], Interval]
# By treatment and guardrail: what the verdict says of it.
GuardrailStates = Mapping[tuple[str, str], Safety]
# Variants and metrics of which units entered, and no window is over.
WaitingArms = Set[tuple[str, str]]


def metrics_to(
    analysis: Analysis,
    report: Report,
    reader: ReaderLanguage,
    sequential: SequentialIntervals,
    guardrails: GuardrailStates,
    waiting: WaitingArms,
    *,
    descriptive: bool = False,
) -> Iterator[pb.MetricResult]:
    """The metrics of the report, in its order.

    Args:
        analysis: of which the report is the result.
        report: one result per metric and treatment.
        reader: for display names and sentences.
        sequential: intervals that hold at every look, where there are any.
        guardrails: whether they are shown to be safe.
        waiting: variants and metrics of which units entered, and no window is over.
        descriptive: these metrics are shown for context and have no role in the plan.
    """
    planned = {metric_in_role.metric.name: metric_in_role for metric_in_role in analysis.metrics}
    for name, group in groupby(report.results, key=lambda result: result.metric):
        results = list(group)
        metric = planned[name].metric
        yield pb.MetricResult(
            metric=name,
            display_name=reader.figure(MetricName(name)),
            role=pb.METRIC_ROLE_DESCRIPTIVE if descriptive else _ROLES[planned[name].role],
            quantity=_QUANTITIES[metric.unit],
            direction=_DIRECTIONS[metric.direction],
            arms=_arms(results, report.confidence),
            comparisons=(
                _comparison(
                    result,
                    report.confidence,
                    sequential.get((result.variant, name)),
                    guardrails.get((result.variant, name), "open"),
                    _missing_lift(result, waiting),
                    reader,
                    descriptive=descriptive,
                )
                for result in results
            ),
        )


def cannot_say_message(reason: CannotSayCode) -> Message:
    """The sentence that says why there is no figure."""
    return Message.of(f"cannot_say.{reason.value}")


def interval_to(interval: Interval, confidence: float) -> value_pb2.Interval:
    """The interval; an end that is not finite is left out."""
    return value_pb2.Interval(
        confidence=confidence, lower=_finite(interval.low), upper=_finite(interval.high)
    )


def sequential_intervals(verdict: Verdict, look_day: str) -> SequentialIntervals:
    """By treatment and primary metric: the interval of the lift that holds at every look.

    Rows show the newest look, of `look_day`. The verdict's figures may be of the look that decided,
    or of the last one that judged; an interval of another look than its row's is left out.
    """
    return {
        (comparison.arm, comparison.metric): comparison.raw.lift_interval
        for comparison in verdict.facts.arms
        if comparison.raw is not None
        and comparison.raw.lift_interval is not None
        and comparison.raw.at == look_day
    }


def guardrail_states(verdict: Verdict) -> GuardrailStates:
    """By treatment and guardrail: whether it is shown to be safe."""
    return {(rail.arm, rail.metric): rail.state for rail in verdict.facts.guardrails}


def _comparison(
    result: Result,
    confidence: float,
    sequential: Interval | None,
    state: Safety,
    missing: CannotSayCode | None,
    reader: ReaderLanguage,
    *,
    descriptive: bool,
) -> pb.MetricResult.Comparison:
    difference = result.difference if isinstance(result.difference, Effect) else None
    lift = result.lift if isinstance(result.lift, Effect) and missing is None else None
    margin = result.non_inferiority
    posterior = result.posterior if isinstance(result.posterior, Posterior) else None
    method, adjusted, _ = result.method.partition(_ADJUSTED)
    return pb.MetricResult.Comparison(
        variant=result.variant,
        difference=None if difference is None else difference.value,
        difference_interval=_effect_interval(difference, confidence),
        lift=None if lift is None else lift.value,
        lift_interval=_effect_interval(lift, confidence),
        p_value=result.p_value,
        # A descriptive metric is part of no family of tests.
        adjusted_p_value=None if descriptive else result.adjusted_p,
        sequential_lift_interval=(
            None if sequential is None else interval_to(sequential, confidence)
        ),
        posterior=None if posterior is None else _posterior(posterior, confidence),
        guardrail=pb.GUARDRAIL_STANDING_UNSPECIFIED if margin is None else _standing(state),
        margin=None if margin is None or margin.is_absolute else margin.margin,
        absolute_margin=margin.margin if margin is not None and margin.is_absolute else None,
        method=_METHODS[method] if method else pb.METHOD_UNSPECIFIED,
        covariate_adjusted=bool(adjusted),
        flags=(pb.Flag.Value(f"FLAG_{flag.code.name}") for flag in result.flags),
        cannot_say="" if missing is None else reader.text(cannot_say_message(missing)),
        cannot_say_reason=(
            pb.CANNOT_SAY_REASON_UNSPECIFIED if missing is None else _reason(missing)
        ),
    )


def _standing(state: Safety) -> pb.GuardrailStanding.ValueType:
    return pb.GuardrailStanding.Value(f"GUARDRAIL_STANDING_{state.upper()}")


def _reason(missing: CannotSayCode) -> pb.CannotSayReason.ValueType:
    return pb.CannotSayReason.Value(f"CANNOT_SAY_REASON_{missing.name}")


def _missing_lift(result: Result, waiting: WaitingArms) -> CannotSayCode | None:
    """Why there is no lift; None when there is one."""
    for effect in (result.difference, result.lift):
        if isinstance(effect, CannotSay):
            arms = {(arm.variant, result.metric) for arm in (result.control, result.treatment)}
            if effect.reason is CannotSayCode.NO_UNITS and arms & waiting:
                return CannotSayCode.NO_MATURE_UNITS
            return effect.reason
    return None


def _arms(results: Sequence[Result], confidence: float) -> Iterator[pb.MetricResult.ArmEstimate]:
    """The control, and after it every treatment."""
    yield _control(results[0], confidence)
    for result in results:
        posterior = result.posterior
        if isinstance(posterior, Posterior):
            yield _arm(
                result.treatment,
                confidence,
                probability_best=posterior.p_best,
                expected_loss=posterior.expected_loss,
                expected_loss_relative=_finite(posterior.expected_loss_relative),
            )
        else:
            yield _arm(result.treatment, confidence)


def _control(result: Result, confidence: float) -> pb.MetricResult.ArmEstimate:
    arm, posterior = result.control, result.posterior
    if not isinstance(posterior, Posterior):
        return _arm(arm, confidence)
    loss = posterior.control_expected_loss
    return _arm(
        arm,
        confidence,
        probability_best=posterior.control_p_best,
        expected_loss=loss,
        # Its sign would be the control's noise where the control has no lift.
        expected_loss_relative=loss / abs(arm.estimate)
        if arm.estimate and posterior.lift is not None
        else None,
    )


def _arm(
    arm: Arm,
    confidence: float,
    *,
    probability_best: float | None = None,
    expected_loss: float | None = None,
    expected_loss_relative: float | None = None,
) -> pb.MetricResult.ArmEstimate:
    return pb.MetricResult.ArmEstimate(
        variant=arm.variant,
        units=arm.n,
        estimate=None if arm.estimate is None else _finite(arm.estimate),
        interval=None if arm.interval is None else interval_to(arm.interval, confidence),
        probability_best=probability_best,
        expected_loss=expected_loss,
        expected_loss_relative=expected_loss_relative,
    )


def _posterior(posterior: Posterior, confidence: float) -> pb.MetricResult.Posterior:
    return pb.MetricResult.Posterior(
        mean=_finite(posterior.lift),
        interval=None
        if posterior.interval is None
        else interval_to(posterior.interval, confidence),
        probability_better=posterior.p_positive,
        probability_equivalent=posterior.p_equivalent,
    )


def _effect_interval(effect: Effect | None, confidence: float) -> value_pb2.Interval | None:
    return None if effect is None else interval_to(effect.interval, confidence)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
