"""A plan as JSON, and the hash that seals it.

The names below are the format: they are written in full, never taken from a class or a field, so
that code may be renamed without breaking a seal. Never change one; add new ones, with a default.
"""

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

from fairlift_stats.sequential.errors import BadPlan
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

__all__ = ["fingerprint", "plan_from_json", "plan_to_json"]


def plan_to_json(plan: SequentialPlan) -> str:
    """The plan in canonical JSON."""
    return json.dumps(
        {
            "rule_version": plan.rule_version,
            "arms": list(plan.arms),
            "shares": list(plan.shares),
            "metrics": [_metric_to(metric) for metric in plan.metrics],
            "planned_units": plan.n_max,
            "engine": plan.engine,
            "decide": plan.decide,
            "window_days": plan.window_days,
            "minimum_days": plan.minimum_days,
            "maximum_days": plan.maximum_days,
            "alpha": plan.alpha,
            "sides": plan.sides,
            "power": plan.power,
            "success_spending": _spending_to(plan.spending),
            "harm_spending": _spending_to(plan.harm_spending),
            "futility_spending": None if plan.futility is None else _spending_to(plan.futility),
            "planned_looks": list(plan.looks),
            "minimum_converters": plan.minimum_converters,
            "minimum_orders": plan.minimum_orders,
            "reserve_alpha": plan.reserve_alpha,
            "planned_converters": plan.planned_converters,
            "prior_sd": plan.prior_sd,
            "loss_threshold": plan.loss_threshold,
            "currency": plan.currency,
            "drift": plan.drift,
        },
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )


def plan_from_json(text: str) -> SequentialPlan:
    """The plan that `plan_to_json` wrote.

    Raises:
        BadPlan: the text is no plan.
    """
    try:
        return _plan_from(json.loads(text))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, BadPlan):
            raise
        raise BadPlan(f"plan: cannot be read: {error!r}") from error


@lru_cache(maxsize=256)
def fingerprint(plan: SequentialPlan) -> str:
    """SHA-256 of the plan's canonical form: what a look log is bound to."""
    # Drift follows from the rest, and its last digit from the machine.
    return hashlib.sha256(plan_to_json(replace(plan, drift=None)).encode()).hexdigest()


# JSON values of many shapes pass through here.
def _plan_from(read: dict[str, Any]) -> SequentialPlan:
    futility = read["futility_spending"]
    return SequentialPlan(
        rule_version=read["rule_version"],
        arms=tuple(read["arms"]),
        shares=tuple(read["shares"]),
        metrics=tuple(_metric_from(metric) for metric in read["metrics"]),
        n_max=read["planned_units"],
        engine=read["engine"],
        decide=read["decide"],
        window_days=read["window_days"],
        minimum_days=read["minimum_days"],
        maximum_days=read["maximum_days"],
        alpha=read["alpha"],
        sides=read["sides"],
        power=read["power"],
        spending=_spending_from(read["success_spending"]),
        harm_spending=_spending_from(read["harm_spending"]),
        futility=None if futility is None else _spending_from(futility),
        looks=tuple(read["planned_looks"]),
        minimum_converters=read["minimum_converters"],
        minimum_orders=read["minimum_orders"],
        reserve_alpha=read["reserve_alpha"],
        planned_converters=read["planned_converters"],
        prior_sd=read["prior_sd"],
        loss_threshold=read["loss_threshold"],
        currency=read["currency"],
        drift=read["drift"],
    )


def _metric_to(metric: SequentialMetric) -> dict[str, object]:
    written: dict[str, object] = {
        "name": metric.name,
        "role": metric.role,
        "direction": metric.direction,
        "unit": metric.unit,
        "needs": metric.needs,
        "margin": metric.margin,
        "absolute_margin": metric.absolute_margin,
        "minimum_effect": metric.minimum_effect,
        "among_buyers": metric.among_buyers,
    }
    # A seal from before it was written has no such name.
    return written | ({"is_never_negative": True} if metric.is_never_negative else {})


def _metric_from(read: dict[str, Any]) -> SequentialMetric:
    return SequentialMetric(
        name=read["name"],
        role=read["role"],
        direction=read["direction"],
        unit=read["unit"],
        needs=read["needs"],
        margin=read["margin"],
        absolute_margin=read["absolute_margin"],
        minimum_effect=read["minimum_effect"],
        among_buyers=read["among_buyers"],
        is_never_negative=read.get("is_never_negative", False),
    )


def _spending_to(spending: Spending) -> dict[str, object]:
    return {"function": spending.name, "parameter": spending.parameter}


def _spending_from(read: dict[str, Any]) -> Spending:
    return Spending(read["function"], read["parameter"])
