"""Metrics with their arms and comparisons as the contract's MetricResult."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_stats.effects import Arm, CannotSay, CannotSayCode, Effect, Interval, Posterior
from fairlift_stats.messages import Message, MetricName, Verbatim
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.result import Result
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import ArmStanding, Estimate, GuardrailStanding

from fairlift_server.api.funnel_messages import Steps
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.worth_messages import worth_to
from fairlift_server.results.action_worth import ActionWorth
from fairlift_server.results.live_figures import LiveFigures

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
# By treatment and metric: the estimate whose intervals hold at every look, and their confidence.
SequentialIntervals = Mapping[tuple[str, str], tuple[Estimate, float]]
# By treatment and guardrail: what the verdict says of it.
GuardrailStates = Mapping[tuple[str, str], pb.GuardrailStanding.ValueType]
# Variants and metrics of which units entered, and no window is over.
WaitingArms = Set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MetricState:
    """What is known of metrics beside the report of the newest look.

    Attributes:
        live: figures as of now; None once the campaign has ended and nothing is provisional.
        failures: by metric, why it could not be computed.
        intervals: of lifts, where they hold at every look.
        guardrails: whether they are shown to be safe.
        waiting: variants and metrics of which units entered, and no window is over.
        steps: by metric, of funnels.
        worths: by metric, what its action is taken to be worth.
        unknown_worths: by metric, the action whose worth cannot be worked out yet.
        unseen: by metric, that nothing of what it begins with was ever there.
        currency: of amounts of money.
    """

    live: LiveFigures | None
    failures: Mapping[str, str]
    intervals: SequentialIntervals
    guardrails: GuardrailStates
    waiting: WaitingArms
    steps: Steps
    worths: Mapping[str, ActionWorth] = field(default_factory=dict)
    unknown_worths: Mapping[str, str] = field(default_factory=dict)
    unseen: Mapping[str, Message] = field(default_factory=dict)
    currency: str = ""


def metrics_to(
    analysis: Analysis,
    report: Report | None,
    arms: Sequence[str],
    reader: ReaderLanguage,
    state: MetricState,
    *,
    descriptive: bool = False,
) -> Iterator[pb.MetricResult]:
    """The metrics of an analysis, in its order, those that have no result too.

    Args:
        analysis: the metrics.
        report: one result per metric and treatment; None before the first look.
        arms: the control first.
        reader: for display names and sentences.
        state: what is known beside the report.
        descriptive: these metrics are shown for context and have no role in the plan.
    """
    results: dict[str, list[Result]] = {}
    for result in () if report is None else report.results:
        results.setdefault(result.metric, []).append(result)
    for in_role in analysis.metrics:
        metric = in_role.metric
        own = results.get(metric.name, [])
        message = pb.MetricResult(
            metric=metric.name,
            display_name=reader.figure(MetricName(metric.name)),
            role=pb.METRIC_ROLE_DESCRIPTIVE if descriptive else _ROLES[in_role.role],
            quantity=_QUANTITIES[metric.unit],
            direction=_DIRECTIONS[metric.direction],
            arms=_arms(own, analysis.confidence)
            if own
            else (pb.MetricResult.ArmEstimate(variant=arm) for arm in arms),
            comparisons=(
                _comparison(result, analysis.confidence, state, reader, descriptive=descriptive)
                for result in own
            ),
            steps=state.steps.get(metric.name, ()),
        )
        if metric.name in state.failures:
            why = Verbatim(state.failures[metric.name])
            message.error = reader.text(Message.of("metric.failed", why=why))
        elif metric.name in state.unseen:
            message.error = reader.text(state.unseen[metric.name])
            # A zero would look like a result, and so would what compares two of them.
            del message.arms[:], message.comparisons[:]
            message.arms.extend(pb.MetricResult.ArmEstimate(variant=arm) for arm in arms)
        elif metric.name in state.unknown_worths:
            action = Verbatim(state.unknown_worths[metric.name])
            message.error = reader.text(Message.of("metric.unknown_worth", action=action))
        elif metric.name in state.worths:
            worth = state.worths[metric.name]
            message.worth.CopyFrom(worth_to(worth, message.comparisons, reader, state.currency))
        if state.live is not None:
            for arm in () if metric.name in state.unseen else message.arms:
                _add_provisional(arm, metric.name, state.live)
        yield message


def _add_provisional(arm: pb.MetricResult.ArmEstimate, metric: str, live: LiveFigures) -> None:
    """What all units give, with those whose window is open: shown, never judged."""
    arm.immature_units = live.immature[arm.variant, metric]
    estimate = _finite(live.estimates.get((arm.variant, metric)))
    if estimate is not None:
        arm.provisional_estimate = estimate


def cannot_say_message(reason: CannotSayCode) -> Message:
    """The sentence that says why there is no figure."""
    return Message.of(f"cannot_say.{reason.value}")


def interval_to(interval: Interval, confidence: float) -> value_pb2.Interval:
    """The interval; an end that is not finite is left out."""
    return value_pb2.Interval(
        confidence=confidence, lower=_finite(interval.low), upper=_finite(interval.high)
    )


def sequential_intervals(verdict: Verdict, look_day: str) -> SequentialIntervals:
    """By treatment and judged metric: the estimate whose intervals hold at every look.

    Rows show the newest look, of `look_day`. The verdict's figures may be of the look that decided,
    or of the last one that judged; an interval of another look than its row's is left out.
    """
    confidence = verdict.facts.confidence
    judged: list[tuple[ArmStanding | GuardrailStanding, float]] = [
        *((comparison, confidence) for comparison in verdict.facts.arms),
        *((rail, rail.confidence) for rail in verdict.facts.guardrails),
    ]
    return {
        (comparison.arm, comparison.metric): (comparison.raw, confidence)
        for comparison, confidence in judged
        if comparison.raw is not None
        and math.isfinite(comparison.raw.interval.high - comparison.raw.interval.low)
        and comparison.raw.at == look_day
    }


def guardrail_states(verdict: Verdict) -> GuardrailStates:
    """By treatment and guardrail: whether it is shown to be safe."""
    return {
        (rail.arm, rail.metric): pb.GUARDRAIL_STANDING_NO_SHARE
        if rail.has_no_share
        else pb.GuardrailStanding.Value(f"GUARDRAIL_STANDING_{rail.state.upper()}")
        for rail in verdict.facts.guardrails
    }


def _comparison(
    result: Result,
    confidence: float,
    state: MetricState,
    reader: ReaderLanguage,
    *,
    descriptive: bool,
) -> pb.MetricResult.Comparison:
    missing = _missing_lift(result, state.waiting)
    key = result.variant, result.metric
    sequential, level = (None, 0.0) if descriptive else state.intervals.get(key, (None, 0.0))
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
        sequential_lift_interval=_interval_of(
            None if sequential is None else sequential.lift_interval, level
        ),
        sequential_difference_interval=_interval_of(
            None if sequential is None else sequential.interval, level
        ),
        posterior=None if posterior is None else _posterior(posterior, confidence),
        guardrail=pb.GUARDRAIL_STANDING_UNSPECIFIED if margin is None else _standing(state, result),
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


def _standing(state: MetricState, result: Result) -> pb.GuardrailStanding.ValueType:
    return state.guardrails.get((result.variant, result.metric), pb.GUARDRAIL_STANDING_OPEN)


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


def _interval_of(interval: Interval | None, confidence: float) -> value_pb2.Interval | None:
    return None if interval is None else interval_to(interval, confidence)


def _effect_interval(effect: Effect | None, confidence: float) -> value_pb2.Interval | None:
    return None if effect is None else interval_to(effect.interval, confidence)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
