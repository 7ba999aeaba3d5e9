"""Worth a week: the verdict's own interval times the visitors of a week, and no other."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from fairlift_stats import Mean, Rate, Summary
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.result import Result
from fairlift_stats.sequential.evidence import evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide
from fairlift_stats.verdict.weekly_worth import WeeklyWorth, chosen_worth, weekly_worth

CONVERSION = Rate("conversion_rate", "converted")
REVENUE = Mean("revenue_per_visitor", "revenue", buyers="converted")
RPV = SequentialMetric("revenue_per_visitor", unit="money", needs="orders")
CR = SequentialMetric("conversion_rate")


def plan(*metrics: SequentialMetric, **changes: Any) -> SequentialPlan:
    """Two arms, judged daily from the first day on; 1,400 visitors a week."""
    fields: dict[str, Any] = {"arms": ("control", "coupon"), "n_max": 5_600, "maximum_days": 28}
    fields |= {"decide": "daily", "minimum_days": 1, "minimum_orders": 20, **changes}
    return SequentialPlan(metrics=metrics or (RPV,), **fields)


def arm(units: int, buyers: int, ticket: float = 50.0) -> Summary:
    bought = np.arange(units) < buyers
    # Half of the tickets are 20 % above the mean, half below.
    revenue = bought * ticket * (1 + 0.2 * (-1.0) ** np.arange(units))
    rows = {"converted": bought.astype(int).tolist(), "revenue": revenue.tolist()}
    return Summary.from_rows(rows, thirds=[("revenue",) * 3])


def seen(
    made: SequentialPlan, *days: Mapping[str, Summary]
) -> tuple[list[Look], Verdict, dict[tuple[str, str], Result]]:
    """Looks at these cumulative summaries, a day each, their verdict and the newest results."""
    log = LookLog.begin(made)
    results: dict[tuple[str, str], Result] = {}
    question = Analysis(primary=(CONVERSION, REVENUE))
    for day, summaries in enumerate(days, start=1):
        report = question.report(summaries)
        results = {(r.metric, r.variant): r for r in report.results}
        found = [
            evidence_of(
                result,
                CONVERSION if metric == "conversion_rate" else REVENUE,
                summaries["control"],
                summaries[variant],
                events=(
                    int(summaries["control"].sum("converted")),
                    int(summaries[variant].sum("converted")),
                ),
                capped=False,
            )
            for (metric, variant), result in results.items()
            if metric in {m.name for m in made.metrics}
        ]
        counts = tuple(
            ArmCount(a, s.n, int(s.sum("converted")), int(s.sum("converted")))
            for a, s in summaries.items()
        )
        at = f"2026-11-{day:02}"
        log = log.add(made, Look(at, day, counts, tuple(each for each in found if each)))
    return list(log.looks), decide(made, log), results


def worth_of(
    made: SequentialPlan, *days: Mapping[str, Summary], variant: str = "coupon", **more: Any
) -> WeeklyWorth:
    looks, verdict, results = seen(made, *days)
    return weekly_worth(made, looks, verdict, results["revenue_per_visitor", variant], **more)


def both(units: int, buyers: tuple[int, int]) -> dict[str, Summary]:
    return {"control": arm(units, buyers[0]), "coupon": arm(units, buyers[1])}


def test_an_open_campaign_is_worth_its_difference_in_every_week() -> None:
    made = plan()
    days = [both(100 * day, (10 * day, 12 * day)) for day in range(1, 5)]

    found = worth_of(made, *days)
    _, verdict, _ = seen(made, *days)

    # 2 more buyers of 100, at 50 each, make 1.00 more a visitor; 200 visitors come a day.
    assert found.weekly == pytest.approx(1_400)
    assert (found.meaning, found.estimate) == ("open", "measured")
    # The interval is that of the verdict, which holds at every look, in money.
    raw = verdict.facts.arm("coupon", "revenue_per_visitor").raw
    assert raw is not None
    assert found.weekly_interval is not None
    assert found.weekly_interval.low == pytest.approx(1_400 * raw.interval.low)
    assert found.weekly_interval.high == pytest.approx(1_400 * raw.interval.high)
    assert found.confidence == 0.95


def test_visitors_who_stay_outside_are_counted_in() -> None:
    days = [both(100 * day, (10 * day, 12 * day)) for day in range(1, 5)]

    found = worth_of(plan(), *days, share=0.25)

    assert found.weekly_units == pytest.approx(5_600)
    assert found.weekly == pytest.approx(5_600)


def test_a_winner_is_told_as_the_verdict_tells_it_and_not_as_it_was_measured() -> None:
    """Of a campaign that could stop earlier the measured figure is too high."""
    made = plan()
    days = [both(100 * day, (10 * day, 10 * day + day * day)) for day in range(1, 10)]
    looks, verdict, results = seen(made, *days)
    while verdict.decided_day is not None and verdict.decided_day < len(looks):
        days.pop()
        looks, verdict, results = seen(made, *days)

    found = weekly_worth(made, looks, verdict, results["revenue_per_visitor", "coupon"])

    assert verdict.kind == "ship"
    assert (found.meaning, found.estimate) == ("gain", "corrected")
    assert found.difference is verdict.estimate
    measured = results["revenue_per_visitor", "coupon"].contrast.difference
    assert found.weekly is not None
    assert found.weekly < 1_400 * measured


def test_after_a_decision_the_traffic_is_that_of_the_look_that_decided() -> None:
    made = plan()
    before = [both(100 * day, (10 * day, 30 * day)) for day in range(1, 3)]
    quiet = [before[-1]] * 8
    looks, verdict, results = seen(made, *before, *quiet)

    found = weekly_worth(made, looks, verdict, results["revenue_per_visitor", "coupon"])

    assert verdict.kind == "ship"
    assert found.traffic is not None
    assert found.traffic.until == verdict.facts.at
    assert found.weekly_units == pytest.approx(1_400)


def test_what_was_stopped_for_harm_has_saved_money() -> None:
    days = [both(100 * day, (30 * day, 10 * day)) for day in range(1, 4)]
    _, verdict, _ = seen(plan(), *days)

    found = worth_of(plan(), *days)

    assert verdict.kind == "stop_harm"
    assert found.meaning == "saved"
    assert found.weekly is not None
    assert found.weekly < 0


def test_a_metric_that_the_plan_does_not_judge_has_an_interval_that_holds_at_every_look() -> None:
    """Howard et al. (2021): k = sqrt((1 + 1/r)(2 ln(1/a) + ln(1 + r))), r = 8.2120 t."""
    made = plan(CR, SequentialMetric("refund_rate", role="guardrail", margin=0.1))
    days = [both(100 * day, (20 * day, 21 * day)) for day in range(1, 5)]

    looks, verdict, results = seen(made, *days)
    result = results["revenue_per_visitor", "coupon"]
    found = weekly_worth(made, looks, verdict, result)

    r = 8.2120 * 800 / 5_600
    k = math.sqrt((1 + 1 / r) * (2 * math.log(20) + math.log1p(r)))
    assert found.difference is not None
    half = (found.difference.interval.high - found.difference.interval.low) / 2
    # Student's t of some 780 degrees of freedom is a little wider than the normal.
    assert half == pytest.approx(k * result.contrast.se, rel=0.02)
    assert half >= k * result.contrast.se
    assert (found.estimate, found.confidence) == ("measured", 0.95)
    assert found.difference.at == looks[-1].at


def test_several_treatments_share_the_error() -> None:
    made = plan(CR, arms=("control", "coupon", "popup"))
    days = [{**both(100 * d, (20 * d, 21 * d)), "popup": arm(100 * d, 20 * d)} for d in range(1, 5)]

    assert worth_of(made, *days).confidence == pytest.approx(0.975)


def test_a_guardrail_of_money_is_told_with_its_own_interval() -> None:
    made = plan(CR, replace(RPV, role="guardrail", margin=0.2))
    days = [both(100 * day, (20 * day, 21 * day)) for day in range(1, 5)]
    _, verdict, _ = seen(made, *days)

    found = worth_of(made, *days)

    rail = verdict.facts.guardrail("coupon", "revenue_per_visitor")
    assert found.difference == rail.raw
    assert found.confidence == rail.confidence


def test_a_guardrail_that_was_settled_long_ago_is_told_by_what_is_known_now() -> None:
    """The figure with which it was settled is that of a few visitors, weeks ago."""
    made = plan(CR, replace(RPV, role="guardrail", margin=0.5))
    days = [both(100 * day, (20 * day, 20 * day + 2 * max(0, day - 5))) for day in range(1, 9)]
    looks, verdict, results = seen(made, *days)
    found = weekly_worth(made, looks, verdict, results["revenue_per_visitor", "coupon"])

    settled_at = verdict.facts.guardrail("coupon", "revenue_per_visitor").decided_at
    assert (verdict.kind, settled_at is not None) == ("keep_going", True)
    assert settled_at != looks[-1].at
    # 6 more buyers at 50 each, of 800 visitors, in 1,400 visitors a week.
    assert found.weekly == pytest.approx(6 * 50 / 800 * 1_400)
    assert found.difference is not None
    assert found.difference.at == looks[-1].at


@pytest.mark.parametrize("role", ["guardrail", "none"])
def test_after_a_decision_the_difference_is_that_of_the_look_that_decided(role: str) -> None:
    rail = [replace(RPV, role="guardrail", margin=0.5)] if role == "guardrail" else []
    made = plan(CR, *rail)
    days = [both(100 * day, (10 * day, 30 * day)) for day in range(1, 4)]
    _, decided, _ = seen(made, *days)
    turned = [both(100 * day, (30 * day, 20 * day)) for day in range(4, 6)]
    looks, verdict, results = seen(made, *days, *turned)

    found = weekly_worth(made, looks, verdict, results["revenue_per_visitor", "coupon"])

    assert (verdict.kind, verdict.facts.at) == ("ship", decided.facts.at)
    if role == "guardrail":
        # 20 more buyers of 100, at 50 each.
        assert found.weekly == pytest.approx(20 / 100 * 50 * 1_400)
        assert found.meaning == "gain"
    else:
        # The plan keeps no evidence of it from then: all data are told, and that it is a loss.
        assert found.weekly == pytest.approx(-10 / 100 * 50 * 1_400)


def test_a_primary_metric_that_was_not_judged_yet_has_an_interval_all_the_same() -> None:
    made = plan(minimum_days=7)
    found = worth_of(made, *[both(100 * day, (20 * day, 21 * day)) for day in range(1, 5)])

    assert found.difference is not None
    assert math.isfinite(found.difference.interval.high)
    assert found.estimate == "measured"


def test_a_plan_with_a_prior_tells_the_shrunk_figure() -> None:
    made = plan(engine="bayes_expected_loss")
    days = [both(100 * day, (20 * day, 24 * day)) for day in range(1, 5)]
    _, _, results = seen(made, *days)

    found = worth_of(made, *days)

    assert found.estimate == "shrunk"
    assert found.weekly is not None
    assert 0 < found.weekly < 1_400 * results["revenue_per_visitor", "coupon"].contrast.difference


def test_where_it_cannot_be_said_there_is_a_reason_and_no_figure() -> None:
    few = [both(100, (2, 3))]
    quiet = [both(400, (80, 84))] * 9
    nothing = [both(100, (100, 100))]
    nothing[0] = {"control": arm(100, 100, 0.0), "coupon": arm(100, 100, 0.0)}
    split = [
        {"control": arm(400 * day, 80 * day), "coupon": arm(100 * day, 20 * day)}
        for day in range(1, 5)
    ]

    found = {
        "few_orders": worth_of(plan(CR), *few),
        "no_traffic": worth_of(plan(CR), *quiet),
        "no_answer": worth_of(plan(CR), *nothing),
        "broken": worth_of(plan(CR), *split),
    }

    assert {name: worth.missing for name, worth in found.items()} == {name: name for name in found}
    for worth in found.values():
        assert (worth.weekly, worth.weekly_interval) == (None, None)


def test_stopped_on_its_first_day_nothing_is_known_of_its_traffic() -> None:
    days = [both(100 * day, (20 * day, 21 * day)) for day in range(1, 5)]

    found = worth_of(plan(CR), *days, stopped=date(2026, 11, 1))

    assert (found.missing, found.weekly_units) == ("no_traffic", 0.0)


def test_the_verdict_s_worth_is_chosen_or_else_the_best_figure() -> None:
    days = [both(100 * day, (12 * day, 10 * day)) for day in range(1, 5)]
    loss = replace(worth_of(plan(), *days), variant="loss")
    unknown = replace(loss, variant="unknown", difference=None, missing="few_orders")
    assert loss.weekly == pytest.approx(-1_400)

    def chosen(*worths: WeeklyWorth, variant: str | None = None) -> str | None:
        found = chosen_worth(worths, variant, lambda worth: worth.weekly)
        return None if found is None else found.variant

    # What is not known is no better than a loss that is.
    assert chosen(unknown, loss) == chosen(loss, unknown) == "loss"
    assert chosen(loss, unknown, variant="unknown") == "unknown"
    assert chosen(unknown, variant="gone") == "unknown"
    assert chosen() is None
