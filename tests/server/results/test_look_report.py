"""A part of a report that fails costs only itself, and is named."""

from dataclasses import replace
from typing import Any

import pytest
from fairlift.wire.campaign import campaign_from
from fairlift_server.results import look_report
from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.look_report import report_of
from fairlift_stats.data.summary import Summary
from fairlift_stats.sequential.looks import ArmCount, Look

from tests.server import shop


@pytest.fixture
def plan() -> AnalysisPlan:
    campaign = shop.campaign(metric="conversion_rate", segments=["country"])
    campaign.plan.secondary.add(metric="average_ticket")
    return analysis_plan_of(campaign_from(campaign), currency="EUR")


def look_of(plan: AnalysisPlan, *, broken: str = "") -> FrozenLook:
    """A look over 100 units an arm, of whom ten bought; one column may be broken.

    Sixty units have a 2 in it, where only 0 and 1 can be.
    """

    def values(column: str) -> list[int]:
        if column == broken:
            return [2] * 60 + [0] * 40
        bought = range(20, 30) if "revenue" in column else [1] * 10
        return [*bought, *[0] * 90]

    def summary(columns: tuple[str, ...]) -> Summary:
        return Summary.from_rows({column: values(column) for column in columns})

    by_arm = {
        group.maturity: {arm: summary(group.columns) for arm in plan.arms} for group in plan.groups
    }
    counts = tuple(ArmCount(arm, 100) for arm in plan.arms)
    return FrozenLook(
        plan.sequential,
        Look(at="2026-03-10", day=10, counts=counts),
        by_arm,
        entered=dict.fromkeys(plan.arms, 100),
        quantiles={arm: {} for arm in plan.arms},
        segments={3: {"country": {"ES": by_arm[3]}}},
        contaminated={},
    )


def metrics_of(report: Any) -> set[str]:
    return {result.metric for result in report.results}


def test_a_metric_that_fails_is_left_out_and_named(plan: AnalysisPlan) -> None:
    # More buyers than units: no rate.
    name = next(p.metric for p in plan.analysis.metrics if p.role == "primary").columns[0]
    report = report_of(plan, look_of(plan, broken=name), None)

    assert report.tested is not None
    assert metrics_of(report.tested) == {"average_ticket"}
    assert set(report.failures) >= {"conversion_rate"}
    assert "120" in report.failures["conversion_rate"]


def test_a_decomposition_and_segments_that_fail_cost_only_themselves(
    plan: AnalysisPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(look_report, "decompose", fail)
    monkeypatch.setattr(look_report, "segment_cut", fail)
    report = report_of(plan, look_of(plan), None)

    assert report.tested is not None
    assert metrics_of(report.tested) == {"conversion_rate", "average_ticket"}
    assert (report.decompositions, report.segments) == ({}, ())
    assert report.failures == {
        "decomposition of free": "ZeroDivisionError: division by zero",
        "country": "ZeroDivisionError: division by zero",
    }


def test_when_every_metric_fails_there_is_still_a_report(plan: AnalysisPlan) -> None:
    look = look_of(plan)
    report = report_of(plan, replace(look, summaries={}), None)

    assert report.tested is report.descriptive is None
    assert {"conversion_rate", "average_ticket"} <= set(report.failures)
