"""Situations of the written rule, read from the table, as plans and look logs."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

START = date(2026, 11, 2)
A_DAY = 1_000
GUARDRAIL = SequentialMetric(
    "revenue_per_visitor", role="guardrail", unit="money", needs="orders", margin=0.05
)
# The control's revenue per visitor.
USUAL = 2.0


@dataclass(frozen=True, slots=True)
class Situation:
    """One line of the table: a plan, the looks, and the verdict that the written rule gives."""

    name: str
    plan: SequentialPlan
    log: LookLog
    verdict: str
    cause: str
    variant: str | None
    decided: int | None
    advised: int | None


def table() -> tuple[Mapping[str, Any], ...]:
    """Every line of the table, as it is written: logs are made in the tests that read them."""
    text = (Path(__file__).parent / "situations.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text))


def name_of(line: Mapping[str, Any]) -> str:
    return str(line["name"])


def situation(line: Mapping[str, Any]) -> Situation:
    plan = _plan(line)
    log = LookLog.begin(plan)
    for number, day in enumerate(line["looks"]):
        is_last = number == len(line["looks"]) - 1
        log = log.add(plan, _look(line, plan, day, is_first=number == 0, is_last=is_last))
    return Situation(
        line["name"],
        plan,
        log,
        line["verdict"],
        line["cause"],
        # With one treatment a verdict speaks of it, unless the data cannot be trusted.
        None if line["verdict"] == "do_not_trust" else "coupon",
        line.get("decided"),
        line.get("advised"),
    )


def _plan(line: Mapping[str, Any]) -> SequentialPlan:
    changes = dict(line.get("plan", {}))
    metric = SequentialMetric(
        "conversion_rate",
        direction=changes.pop("direction", "higher"),
        needs=changes.pop("needs", "converters"),
    )
    metrics = (metric, GUARDRAIL) if "guardrail" in line else (metric,)
    if "harm_spending" in changes:
        name, parameter = changes["harm_spending"].split()
        changes["harm_spending"] = Spending(name, float(parameter))
    if "shares" in changes:
        changes["shares"] = tuple(changes["shares"])
    made = SequentialPlan(("control", "coupon"), metrics, n_max=28_000, maximum_days=28)
    return replace(made, looks=(), **changes)


def _look(
    line: Mapping[str, Any], plan: SequentialPlan, day: int, *, is_first: bool, is_last: bool
) -> Look:
    mature = max(0, day - plan.window_days) * A_DAY
    units = {arm: round(mature * share) for arm, share in zip(plan.arms, plan.shares, strict=True)}
    converters = {arm: int(n * 0.03) for arm, n in units.items()}
    later = {} if is_first else line.get("then_converters", {})
    converters |= {**line.get("converters", {}), **later}
    orders = {arm: int(n * 0.05) for arm, n in units.items()} | line.get("orders", {})
    if "exact" in line:
        converters = dict(zip(plan.arms, line["exact"], strict=True))
    counts = [
        ArmCount(arm, units[arm], converters[arm], orders[arm], **_more(line, plan, arm, is_first))
        for arm in plan.arms
    ]
    found = [*_primary(line, day, units, converters), *_guardrail(line, day, units)]
    return Look(
        (START + timedelta(days=day - 1)).isoformat(),
        day,
        tuple(counts),
        tuple(found),
        closing="stopped" if is_last and line.get("stopped") else None,
    )


def _more(
    line: Mapping[str, Any], plan: SequentialPlan, arm: str, is_first: bool
) -> dict[str, int]:
    more: dict[str, int] = {}
    place = plan.arms.index(arm)
    entered = line.get("entered") if is_first else line.get("then_entered")
    if entered:
        more["entered"] = entered[place]
    if "alarm" in line:
        more |= {"alarm_units": A_DAY // 2, "alarm_converters": line["alarm"][place]}
    return more


def _primary(
    line: Mapping[str, Any],
    day: int,
    units: Mapping[str, int],
    converters: Mapping[str, int],
) -> Iterator[Evidence]:
    total = sum(units.values())
    if "exact" in line:
        (xc, xt), (nc, nt) = converters.values(), units.values()
        rates = TwoRates(xt, nt, xc, nc)
        control, treatment = xc / nc, xt / nt
        contrast = Contrast(
            control,
            treatment,
            control * (1 - control) / nc,
            treatment * (1 - treatment) / nt,
            rates=rates,
        )
        z = contrast.difference / contrast.se
        yield Evidence("conversion_rate", "coupon", z, contrast, total, (xc, xt))
    elif (z := line["looks"][day]) is not None:
        yield evidence("conversion_rate", z, total, skew=line.get("skew"))


def _guardrail(line: Mapping[str, Any], day: int, units: Mapping[str, int]) -> Iterator[Evidence]:
    """A guardrail whose z of "no worse than the margin" is as the table says."""
    z = line.get("guardrail", {}).get(day)
    if z is None:
        return
    total = sum(units.values())
    se = 1.0 / math.sqrt(total)
    kept = USUAL * (1 - 0.05)
    # Var(m_t - .95 m_c) with half of the variance of the difference in each arm.
    spread = math.sqrt((1 + 0.95**2) / 2) * se
    contrast = Contrast(USUAL, kept + z * spread, se**2 / 2, se**2 / 2)
    yield Evidence(
        GUARDRAIL.name, "coupon", contrast.difference / contrast.se, contrast, total, (500, 500)
    )


def evidence(metric: str, z: float, units: int, *, arm: str = "coupon", **more: Any) -> Evidence:
    """A z with figures that agree with it: 3 % of the control, and the spread of a rate."""
    se = math.sqrt(4 * 0.03 * 0.97 / units)
    contrast = Contrast(0.03, 0.03 + z * se, se**2 / 2, se**2 / 2)
    return Evidence(metric, arm, z, contrast, units, **more)
