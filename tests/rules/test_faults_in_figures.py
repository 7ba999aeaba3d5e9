"""What once went wrong in the figures behind a verdict, each with its right value."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import ActionMeasure, OrderMeasure
from fairlift_server.analysis.columns import FunnelSteps, UnitColumn
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerQuery
from fairlift_stats import Analysis, Funnel, Guardrail, Mean, Quantile, QuantileArm, Summary
from fairlift_stats.effects import CannotSay, Effect
from fairlift_stats.methods.multiplicity import holm_families
from fairlift_stats.sequential.calendar import next_due, occasion
from fairlift_stats.sequential.evidence import evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.databases import database_in
from tests.rules.situations import evidence
from tests.rules.test_faults import rates_look
from tests.server import shop
from tests.server.client import running


@pytest.mark.parametrize(
    ("margin", "kind", "state"),
    [(0.60, "ship", "safe"), (0.45, "inconclusive", "open"), (0.30, "stop_harm", "harmed")],
)
def test_coupons_beside_an_arm_without_any_are_judged_by_a_margin_in_money(
    margin: float, kind: str, state: str
) -> None:
    """Revenue +42 %, and a coupon cost of 0.48 where the control has none: this was "harm"."""
    cost = SequentialMetric(
        "coupon_cost_per_visitor", role="guardrail", direction="lower", unit="money",
        needs="nothing", absolute_margin=margin,
    )  # fmt: skip
    primary = SequentialMetric("conversion_rate")
    plan = SequentialPlan(("control", "coupon"), (primary, cost), 5_000, maximum_days=28)
    # 240 of 2,500 visitors used a coupon of 5.00: a mean of .48, a standard error of .0295.
    arms = {
        "control": Summary.from_rows({"m": [0.0] * 2_500}),
        "coupon": Summary.from_rows({"m": [5.0] * 240 + [0.0] * 2_260}),
    }
    metric = Mean("coupon_cost_per_visitor", "m", direction="lower")
    report = Analysis(
        primary=(Mean("x", "m"),), guardrails=(Guardrail(metric, absolute_margin=margin),)
    ).report(arms)
    result = report[metric.name, "coupon"]
    found = evidence_of(result, metric, arms["control"], arms["coupon"])
    assert found is not None
    counts = tuple(ArmCount(arm, 2_500, 125, 125) for arm in plan.arms)
    look = Look("2026-11-29", 28, counts, (evidence("conversion_rate", 4.0, 5_000), found))

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    assert (verdict.kind, verdict.facts.guardrails[0].state) == (kind, state)
    se = math.sqrt((25 * 0.096 - 0.48**2) / 2_499)
    assert verdict.facts.guardrails[0].z == pytest.approx((margin - 0.48) / se, rel=1e-2)


async def test_ten_units_with_an_order_and_no_view_came_through_no_step(tmp_path: Path) -> None:
    """A later step with more units than an earlier one once killed the report for ever."""
    steps = (ActionMeasure("view"), OrderMeasure.ORDERS)
    columns = (
        UnitColumn("viewed", FunnelSteps(steps[:1]), 1),
        UnitColumn("ordered", FunnelSteps(steps), 1),
        UnitColumn("orders", OrderMeasure.ORDERS, 1),
    )
    names = tuple(column.name for column in columns)
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    async with running(tmp_path, history_days=4_000) as caller:
        await caller.start(shop.campaign())
        for number in range(10):
            unit = f"u{number}"
            await caller.accepted(
                [
                    shop.exposure(unit, "free", at=at),
                    shop.order(unit, f"o{number}", at=at + timedelta(minutes=5)),
                ]
            )
    query = LedgerQuery(
        "free-shipping", 1, IdentityPolicy.AS_ASSIGNED, "UTC", columns, (ColumnGroup(1, names),)
    )

    # DuckDB brings its own SQLite: the server, in this process, has closed the file.
    summary = answers(database_in(tmp_path), [query])[0].sample(None).summaries[1]["free"]

    assert (summary.n, [summary.sum(name) for name in names]) == (10, [0, 0, 10])
    funnel = Funnel("journey", ("viewed", "ordered"))
    question = Analysis(primary=funnel.rates)
    arms = {
        arm: Summary.from_sums(10, {"viewed": 0, "ordered": 0}, {}) for arm in ("control", "free")
    }
    for result in question.report(arms).results:
        assert isinstance(result.difference, CannotSay) or result.difference.value == 0


def test_a_quantile_between_two_prices_does_not_exclude_zero() -> None:
    control = QuantileArm.of(np.repeat([9.99, 19.99], [852, 148]), 0.85)
    treatment = QuantileArm.of(np.repeat([9.99, 19.99], [848, 152]), 0.85)
    nothing = Summary.from_sums(1_000, {}, {})

    difference = (
        Analysis(primary=(Quantile("ticket", 0.85),))
        .report(
            {"control": nothing, "b": nothing},
            {"control": {"ticket": control}, "b": {"ticket": treatment}},
        )["ticket", "b"]
        .difference
    )

    assert isinstance(difference, Effect)
    assert 0 in difference.interval


def test_the_second_metric_pays_for_two_arms_while_one_of_the_first_is_open() -> None:
    assert holm_families([[1e-6, 0.30], [0.04, 0.50]])[1][0] == pytest.approx(0.08)


@pytest.mark.parametrize("window", [0, 3, 14])
def test_the_day_that_is_named_as_due_is_due_whatever_the_size_of_the_plan(window: int) -> None:
    """191 of 2,062 sizes named a number of visitors at which no look was due."""
    metric = SequentialMetric("conversion_rate")
    for n_max in range(200, 2_262, 31):
        plan = SequentialPlan(
            ("control", "b"), (metric,), n_max, maximum_days=28, window_days=window
        )
        for day in range(28 + window):
            due = next_due(plan, day)
            assert due is not None
            for units in (0, 12, n_max // 2, n_max - 1, n_max):
                assert occasion(plan, due, units).judges_success
                assert not any(occasion(plan, d, units).judges_success for d in range(day + 1, due))


def test_where_visitors_are_not_what_lacks_no_number_of_them_is_named() -> None:
    """28,000 of 28,000 bought: "about 28,001 would be needed"; 0 against 50: "about 700,000"."""
    metric = SequentialMetric("conversion_rate")
    plan = SequentialPlan(("control", "coupon"), (metric,), 28_000, maximum_days=28)

    def verdict(control: int, treatment: int) -> Verdict:
        counts = {"control": (control, 14_000), "coupon": (treatment, 14_000)}
        return decide(plan, LookLog.begin(plan).add(plan, rates_look(plan, 28, counts)))

    everybody = verdict(14_000, 14_000)
    assert (everybody.kind, everybody.cause) == ("inconclusive", "no_answer_at_end")
    assert "nothing varies" in everybody.sentence()
    nobody = verdict(0, 50)
    assert nobody.cause == "ended_few"
    assert nobody.sentence() == "Cannot conclude: control has 0 buyers and needs at least 25."
    assert "needs at least 25" in verdict(0, 0).sentence()
    # 25 buyers at 10 in 28,000 visitors.
    assert "about 70,000 would be needed" in verdict(10, 12).sentence()


def test_of_an_alarm_and_a_harm_the_harm_is_the_worse_at_any_level() -> None:
    """At an alpha of .9 a z of -0.95 harms; the alarm, which has no z, counts as 0."""
    plan = SequentialPlan(
        ("control", "a", "b"), (SequentialMetric("conversion_rate"),), 28_000, maximum_days=28,
        alpha=0.9,
    )  # fmt: skip
    counts = tuple(
        ArmCount(arm, 9_000, 300, 300, None, 9_000, bought)
        for arm, bought in (("control", 300), ("a", 0), ("b", 300))
    )
    found = evidence("conversion_rate", 0.5, 28_000), evidence("conversion_rate", -0.95, 28_000)
    both = tuple(replace(one, arm=arm) for one, arm in zip(found, ("a", "b"), strict=True))

    verdict = decide(plan, LookLog.begin(plan).add(plan, Look("2026-11-29", 28, counts, both)))

    assert {alarm.arm for alarm in verdict.facts.alarms if alarm.raised_at} == {"a"}
    assert (verdict.kind, verdict.cause, verdict.variant) == ("stop_harm", "harm", "b")
