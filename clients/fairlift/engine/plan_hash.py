"""The hash that seals a plan: over names that are written here, never over those of the code.

Renaming a class or a field must not break the seal of a campaign that runs. A field that is added
to plans must join the content only where it differs from its default, for the same reason.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, TypeAlias, assert_never

from fairlift.engine.metric import (
    ActionMeasure,
    CapAtAmount,
    CapAtQuantile,
    FunnelMetric,
    LineMeasure,
    MeanMetric,
    Measure,
    Metric,
    OrderMeasure,
    QuantileMetric,
    RateMetric,
    RatioMetric,
    ReturnMeasure,
)
from fairlift.engine.plan import (
    AlwaysValid,
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

# JSON's values, nested at will.
Content: TypeAlias = dict[str, Any]


def plan_hash(plan: Plan) -> str:
    """SHA-256, hex, of what is planned; the same for equal plans, on every machine."""
    text = json.dumps(_plan(plan), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plan(plan: Plan) -> Content:
    return {
        "rule_version": plan.rule_version,
        "primary": _planned(plan.primary),
        "secondary": _planned(plan.secondary),
        "guardrails": _planned(plan.guardrails),
        "metrics": [_metric(metric) for metric in plan.metrics],
        "alpha": plan.alpha,
        "power": plan.power,
        "planned_units": plan.planned_units,
        "minimum_days": plan.minimum_days,
        "maximum_days": plan.maximum_days,
        "window_days": "open_ended" if plan.window_days is None else plan.window_days,
        "decide": plan.decide.value,
        "settle_hours": plan.settle_hours,
        "stopping": _stopping(plan.stopping),
        "segments": list(plan.segments),
        "covariate_days": plan.covariate_days,
        "identity_policy": plan.identity_policy.value,
        **_lists(plan),
    }


def _lists(plan: Plan) -> Content:
    content: Content = {}
    if plan.bands:
        content["bands"] = [[each.attribute, list(each.bounds)] for each in plan.bands]
    if plan.micro_values:
        content["micro_values"] = [
            [each.action, "calibrated" if each.weight is None else each.weight]
            for each in plan.micro_values
        ]
    return content


def _planned(metrics: Iterable[PlannedMetric]) -> list[Content]:
    return [
        {
            "metric": planned.metric,
            "minimum_effect": planned.minimum_effect,
            "margin": planned.margin,
            "absolute_margin": planned.absolute_margin,
            **({} if planned.window_days is None else {"window_days": planned.window_days}),
        }
        for planned in metrics
    ]


def _metric(metric: Metric) -> Content:
    return {
        "name": metric.name,
        "kind": _kind(metric),
        "direction": metric.direction.value,
        "quantity": metric.quantity and metric.quantity.value,
        "cap": _cap(metric.cap),
        "window_days": metric.window_days,
    }


def _kind(metric: Metric) -> Content:
    match metric.kind:
        case RateMetric(of):
            return {"rate": _measure(of)}
        case MeanMetric(of):
            return {"mean": _measure(of)}
        case RatioMetric(numerator, denominator):
            return {"ratio": [_measure(numerator), _measure(denominator)]}
        case QuantileMetric(of, at):
            return {"quantile": _measure(of), "at": at}
        case FunnelMetric(steps):
            return {"funnel": [_measure(step) for step in steps]}
    assert_never(metric.kind)


def _measure(measure: Measure) -> Content:
    match measure:
        case OrderMeasure():
            return {"order": measure.value}
        case ActionMeasure(name, of):
            return {"action": name, "of": of.value}
        case ReturnMeasure(first, last, bought):
            return {"returned": [first, last], "bought": bought}
        case LineMeasure(line_of, kinds, categories, products):
            return {
                "lines": line_of.value,
                "kinds": [kind.value for kind in kinds],
                "categories": list(categories),
                "products": list(products),
            }
    assert_never(measure)


def _cap(cap: CapAtQuantile | CapAtAmount | None) -> Content | None:
    match cap:
        case None:
            return None
        case CapAtQuantile(quantile):
            return {"quantile": quantile}
        case CapAtAmount(amount):
            return {"amount": amount}
    assert_never(cap)


def _stopping(stopping: Stopping) -> Content:
    match stopping:
        case FixedHorizon():
            return {"fixed_horizon": {}}
        case GroupSequential(success, harm, futility):
            spending = {"success": success, "harm": harm, "futility": futility}
            return {"group_sequential": {name: _spending(s) for name, s in spending.items()}}
        case AlwaysValid():
            return {"always_valid": {}}
        case Yeast():
            return {"yeast": {}}
        case ExactConversion():
            return {"exact_conversion": {}}
        case ExpectedLoss(threshold, prior_sd):
            return {"expected_loss": {"threshold": threshold, "prior_sd": prior_sd}}
    assert_never(stopping)


def _spending(spending: Spending | None) -> Content | None:
    match spending:
        case None:
            return None
        case ObrienFleming():
            return {"obrien_fleming": {}}
        case Pocock():
            return {"pocock": {}}
        case HwangShihDecani(gamma):
            return {"hwang_shih_decani": gamma}
        case PowerSpending(rho):
            return {"power": rho}
    assert_never(spending)
