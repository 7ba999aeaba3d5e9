"""Plans and metrics."""

from collections.abc import Iterable
from typing import assert_never

from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Direction,
    FunnelMetric,
    Kind,
    LineKind,
    LineMeasure,
    LineOf,
    MeanMetric,
    Measure,
    Metric,
    OrderMeasure,
    QuantileMetric,
    Quantity,
    RateMetric,
    RatioMetric,
    ReturnMeasure,
)
from fairlift.engine.plan import (
    DEFAULT_WINDOW_DAYS,
    AlwaysValid,
    Decide,
    ExactConversion,
    ExpectedLoss,
    FixedHorizon,
    GroupSequential,
    HwangShihDecani,
    ObrienFleming,
    Plan,
    PlannedMetric,
    Pocock,
    PowerSpending,
    Spending,
    Stopping,
    Yeast,
)
from fairlift.engine.plan_lists import MicroValue, SegmentBands
from fairlift.v1 import event_service_pb2, value_pb2
from fairlift.v1 import plan_pb2 as pb
from fairlift.wire.enums import EnumTable
from fairlift.wire.identity import IDENTITY_POLICIES
from fairlift.wire.violations import Findings

_ORDER = EnumTable(OrderMeasure, pb.OrderMeasure, "ORDER_MEASURE")
_ACTION = EnumTable(ActionOf, pb.ActionMeasure.Of, "OF")
_LINE_OF = EnumTable(LineOf, pb.LineMeasure.Of, "OF")
_LINE_KIND = EnumTable(LineKind, event_service_pb2.LineKind, "LINE_KIND")
_DIRECTION = EnumTable(Direction, value_pb2.Direction, "DIRECTION")
_DECIDE = EnumTable(Decide, pb.Decide, "DECIDE")
_QUANTITY = EnumTable(Quantity, value_pb2.Quantity, "QUANTITY")

# Keeps the place of a metric that broke rules, so that the others keep theirs.
_BROKEN = Metric("broken", RateMetric(OrderMeasure.ORDERS))
_WORTHLESS = MicroValue("broken")


def plan_from(message: pb.Plan) -> Plan:
    """The plan; what the message leaves out takes the plan's defaults.

    Raises:
        InvalidCampaign: with every broken rule.
    """
    findings = Findings()
    metrics = tuple(
        # mypy cannot infer the type of a lambda with a default argument.
        findings.take(f"metrics[{i}]", lambda m=m: metric_from(m), _BROKEN)  # type: ignore[misc]
        for i, m in enumerate(message.metrics)
    )
    stopping = findings.take("stopping", lambda: _stopping_from(message.stopping), None)
    no_days: int | None = None
    window_days = findings.take("window", lambda: _window_days_from(message), no_days)
    micro_values = tuple(
        findings.take(f"micro_values[{i}]", lambda v=v: _micro_value_from(v), _WORTHLESS)  # type: ignore[misc]
        for i, v in enumerate(message.micro_values)
    )
    present = {
        name: getattr(message, name)
        for name in ("alpha", "power", "minimum_days", "maximum_days", "settle_hours")
        if message.HasField(name)
    }
    if message.rule_version:
        present["rule_version"] = message.rule_version
    plan = findings.take(
        "",
        lambda: Plan(
            primary=_planned_from(message.primary),
            secondary=_planned_from(message.secondary),
            guardrails=_planned_from(message.guardrails),
            metrics=tuple(metric for metric in metrics if metric is not _BROKEN),
            planned_units=message.planned_units,
            window_days=window_days,
            decide=_DECIDE.get(message.decide, Decide.WEEKLY),
            stopping=stopping or GroupSequential(),
            segments=tuple(message.segments),
            bands=tuple(SegmentBands(b.attribute, tuple(b.bounds)) for b in message.bands),
            micro_values=micro_values,
            covariate_days=message.covariate_days,
            identity_policy=IDENTITY_POLICIES.get(
                message.identity_policy, IdentityPolicy.FIRST_SEEN
            ),
            **present,
        ),
        None,
    )
    findings.raise_any()
    assert plan is not None  # for the type checker: no finding, so there is a plan
    return plan


def plan_to(plan: Plan) -> pb.Plan:
    """The plan as a message, with its hash left to the caller."""
    return pb.Plan(
        primary=map(_planned_to, plan.primary),
        secondary=map(_planned_to, plan.secondary),
        guardrails=map(_planned_to, plan.guardrails),
        metrics=map(metric_to, plan.metrics),
        alpha=plan.alpha,
        power=plan.power,
        planned_units=plan.planned_units,
        minimum_days=plan.minimum_days,
        maximum_days=plan.maximum_days,
        window_days=plan.window_days,
        window=pb.WINDOW_OPEN_ENDED if plan.window_days is None else pb.WINDOW_UNSPECIFIED,
        decide=_DECIDE.to(plan.decide),
        settle_hours=plan.settle_hours,
        rule_version=plan.rule_version,
        stopping=_stopping_to(plan.stopping),
        segments=plan.segments,
        bands=[pb.SegmentBands(attribute=b.attribute, bounds=b.bounds) for b in plan.bands],
        micro_values=map(_micro_value_to, plan.micro_values),
        covariate_days=plan.covariate_days,
        identity_policy=IDENTITY_POLICIES.to(plan.identity_policy),
    )


def inherited(message: pb.Plan, sealed: Plan) -> pb.Plan:
    """The plan with what it leaves out as the sealed plan has it, and under the sealed rule.

    So a file that says nothing of a key stays unchanged when a default changes. Lists are as
    written: their default is to be empty.
    """
    kept, completed = plan_to(sealed), pb.Plan()
    completed.CopyFrom(message)
    for name in ("alpha", "power", "minimum_days", "maximum_days", "settle_hours"):
        if not message.HasField(name):
            setattr(completed, name, getattr(kept, name))
    if not message.HasField("stopping"):
        completed.stopping.CopyFrom(kept.stopping)
    if not (message.HasField("window_days") or message.window):
        completed.window = kept.window
        if kept.HasField("window_days"):
            completed.window_days = kept.window_days
    completed.decide = message.decide or kept.decide
    completed.identity_policy = message.identity_policy or kept.identity_policy
    completed.rule_version = kept.rule_version
    return completed


def _window_days_from(message: pb.Plan) -> int | None:
    """The window in days; None where it has no end.

    Raises:
        InvalidCampaign: window and window_days are both present, or the window is not known.
    """
    if message.window == pb.WINDOW_UNSPECIFIED:
        return message.window_days if message.HasField("window_days") else DEFAULT_WINDOW_DAYS
    if message.HasField("window_days"):
        raise InvalidCampaign([Violation("", "is set beside window_days; a plan has one of them")])
    match message.window:
        case pb.WINDOW_SAME_VISIT:
            return 0
        case pb.WINDOW_OPEN_ENDED:
            return None
        case number:
            rule = f"is {number}, must be one of same_visit, open_ended"
            raise InvalidCampaign([Violation("", rule)])


def metric_from(message: pb.Metric) -> Metric:
    """The metric.

    Raises:
        InvalidCampaign: a part that it needs is absent.
    """
    return Metric(
        name=message.name,
        kind=_kind_from(message),
        direction=_DIRECTION.get(message.direction, Direction.HIGHER),
        quantity=_QUANTITY.need(message.quantity, "quantity") if message.quantity else None,
        cap=_cap_from(message.cap),
        window_days=message.window_days if message.HasField("window_days") else None,
        display_name=message.display_name,
    )


def metric_to(metric: Metric) -> pb.Metric:
    """The metric as a message."""
    message = pb.Metric(
        name=metric.name,
        display_name=metric.display_name,
        direction=_DIRECTION.to(metric.direction),
        window_days=metric.window_days,
    )
    if metric.quantity is not None:
        message.quantity = _QUANTITY.to(metric.quantity)
    match metric.cap:
        case CapAtQuantile(quantile):
            message.cap.quantile = quantile
        case CapAtAmount(amount):
            message.cap.amount = amount
    match metric.kind:
        case RateMetric(of):
            message.rate.of.CopyFrom(_measure_to(of))
        case MeanMetric(of):
            message.mean.of.CopyFrom(_measure_to(of))
        case QuantileMetric(of, at):
            message.quantile.of.CopyFrom(_measure_to(of))
            message.quantile.at = at
        case RatioMetric(numerator, denominator):
            message.ratio.numerator.CopyFrom(_measure_to(numerator))
            message.ratio.denominator.CopyFrom(_measure_to(denominator))
        case FunnelMetric(steps):
            message.funnel.steps.extend(map(_measure_to, steps))
    return message


def _kind_from(message: pb.Metric) -> Kind:
    match message.WhichOneof("kind"):
        case "rate":
            return RateMetric(_measure_from(message.rate.of, "rate.of"))
        case "mean":
            return MeanMetric(_measure_from(message.mean.of, "mean.of"))
        case "ratio":
            return RatioMetric(
                _measure_from(message.ratio.numerator, "ratio.numerator"),
                _measure_from(message.ratio.denominator, "ratio.denominator"),
            )
        case "quantile":
            return QuantileMetric(
                _measure_from(message.quantile.of, "quantile.of"), message.quantile.at
            )
        case "funnel":
            steps = enumerate(message.funnel.steps)
            return FunnelMetric(
                tuple(_measure_from(step, f"funnel.steps[{i}]") for i, step in steps)
            )
        case _:
            raise InvalidCampaign(
                [Violation("", "has no kind; give one of rate, mean, ratio, quantile, funnel")]
            )


def _measure_from(message: pb.Measure, field: str) -> Measure:
    match message.WhichOneof("kind"):
        case "order":
            return _ORDER.need(message.order, f"{field}.order")
        case "action":
            return ActionMeasure(message.action.name, _ACTION.get(message.action.of, ActionOf.ANY))
        case "returned":
            back = message.returned
            return ReturnMeasure(back.from_day, back.to_day, back.bought)
        case "lines":
            lines = message.lines
            return LineMeasure(
                _LINE_OF.get(lines.of, LineOf.REVENUE),
                tuple(_LINE_KIND.need(kind, f"{field}.lines.kinds") for kind in lines.kinds),
                tuple(lines.categories),
                tuple(lines.products),
            )
        case _:
            raise InvalidCampaign(
                [Violation(field, "is missing; give one of order, action, returned, lines")]
            )


def _measure_to(measure: Measure) -> pb.Measure:
    match measure:
        case OrderMeasure():
            return pb.Measure(order=_ORDER.to(measure))
        case ActionMeasure(name, of):
            return pb.Measure(action=pb.ActionMeasure(name=name, of=_ACTION.to(of)))
        case ReturnMeasure(first, last, bought):
            back = pb.ReturnMeasure(from_day=first, to_day=last, bought=bought)
            return pb.Measure(returned=back)
        case LineMeasure(line_of, kinds, categories, products):
            lines = pb.LineMeasure(
                of=_LINE_OF.to(line_of),
                kinds=map(_LINE_KIND.to, kinds),
                categories=categories,
                products=products,
            )
            return pb.Measure(lines=lines)
        case _:
            assert_never(measure)


def _micro_value_from(message: pb.MicroValue) -> MicroValue:
    match message.WhichOneof("worth"):
        case "weight":
            return MicroValue(message.action, message.weight)
        case "calibrated":
            return MicroValue(message.action)
        case _:
            raise InvalidCampaign([Violation("", "has no worth; give weight, or calibrated: {}")])


def _micro_value_to(value: MicroValue) -> pb.MicroValue:
    if value.weight is None:
        return pb.MicroValue(action=value.action, calibrated=pb.MicroValue.Calibrated())
    return pb.MicroValue(action=value.action, weight=value.weight)


def _cap_from(message: pb.Cap) -> CapAtQuantile | CapAtAmount | None:
    match message.WhichOneof("kind"):
        case "quantile":
            return CapAtQuantile(message.quantile)
        case "amount":
            return CapAtAmount(message.amount)
        case _:
            return None


def _planned_from(messages: Iterable[pb.PlannedMetric]) -> tuple[PlannedMetric, ...]:
    return tuple(
        PlannedMetric(
            message.metric,
            message.minimum_effect if message.HasField("minimum_effect") else None,
            message.margin if message.HasField("margin") else None,
            message.absolute_margin if message.HasField("absolute_margin") else None,
            message.window_days if message.HasField("window_days") else None,
        )
        for message in messages
    )


def _planned_to(planned: PlannedMetric) -> pb.PlannedMetric:
    return pb.PlannedMetric(
        metric=planned.metric,
        minimum_effect=planned.minimum_effect,
        margin=planned.margin,
        absolute_margin=planned.absolute_margin,
        window_days=planned.window_days,
    )


def _stopping_from(message: pb.Stopping) -> Stopping:
    match message.WhichOneof("kind"):
        case "fixed_horizon":
            return FixedHorizon()
        case "always_valid":
            return AlwaysValid()
        case "yeast":
            return Yeast()
        case "exact_conversion":
            return ExactConversion()
        case "expected_loss":
            return ExpectedLoss(message.expected_loss.threshold, message.expected_loss.prior_sd)
        case "group_sequential":
            rule = message.group_sequential
            return GroupSequential(
                success=_spending_from(rule.success) or HwangShihDecani(),
                harm=_spending_from(rule.harm),
                futility=_spending_from(rule.futility),
            )
        case _:
            return GroupSequential()


def _stopping_to(stopping: Stopping) -> pb.Stopping:
    match stopping:
        case FixedHorizon():
            return pb.Stopping(fixed_horizon=pb.FixedHorizon())
        case AlwaysValid():
            return pb.Stopping(always_valid=pb.AlwaysValid())
        case Yeast():
            return pb.Stopping(yeast=pb.Yeast())
        case ExactConversion():
            return pb.Stopping(exact_conversion=pb.ExactConversion())
        case ExpectedLoss(threshold, prior_sd):
            loss = pb.ExpectedLoss(threshold=threshold, prior_sd=prior_sd)
            return pb.Stopping(expected_loss=loss)
        case GroupSequential(success, harm, futility):
            rule = pb.GroupSequential(
                success=_spending_to(success),
                harm=_spending_to(harm) if harm else None,
                futility=_spending_to(futility) if futility else None,
            )
            return pb.Stopping(group_sequential=rule)
        case _:
            assert_never(stopping)


def _spending_from(message: pb.Spending) -> Spending | None:
    match message.WhichOneof("kind"):
        case "obrien_fleming":
            return ObrienFleming()
        case "pocock":
            return Pocock()
        case "hwang_shih_decani":
            return HwangShihDecani(message.hwang_shih_decani.gamma)
        case "power":
            return PowerSpending(message.power.rho)
        case _:
            return None


def _spending_to(spending: Spending) -> pb.Spending:
    match spending:
        case ObrienFleming():
            return pb.Spending(obrien_fleming=pb.LanDeMetsOBrienFleming())
        case Pocock():
            return pb.Spending(pocock=pb.LanDeMetsPocock())
        case HwangShihDecani(gamma):
            return pb.Spending(hwang_shih_decani=pb.HwangShihDeCani(gamma=gamma))
        case PowerSpending(rho):
            return pb.Spending(power=pb.PowerSpending(rho=rho))
        case _:
            assert_never(spending)
