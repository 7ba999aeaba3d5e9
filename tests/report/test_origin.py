"""Refunds are a bar of the waterfall only where nothing else can be in it."""

from collections.abc import Callable

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.plan_pb2 import Plan
from fairlift_cli.report import campaign_view
from fairlift_report.parts import WaterfallView

from tests.report.hard_cases import Said
from tests.report.recorded import recorded

NET = "net_revenue_per_visitor"


def waterfall(said: Said) -> WaterfallView:
    view = campaign_view(said.report, language="en", looks=said.looks, campaign=said.campaign)
    assert view.origin is not None
    return view.origin.waterfalls[0]


def voucher() -> Said:
    return recorded("birthday voucher for customers")


def plan_of(said: Said) -> Plan:
    assert said.campaign is not None
    return said.campaign.plan


def net_comparison(report: pb.Report) -> pb.MetricResult.Comparison:
    return next(metric for metric in report.metrics if metric.metric == NET).comparisons[0]


def test_refunds_are_what_net_revenue_lacks() -> None:
    said = voucher()
    revenue = said.report.decompositions[0].difference
    net = net_comparison(said.report).difference

    drawn = waterfall(said)

    assert drawn.steps[-1].label == "Refunds"
    assert drawn.steps[-1].amount == pytest.approx(net - revenue, abs=0.011)
    assert drawn.total.amount == pytest.approx(net, abs=0.006)


def _adjusted(said: Said) -> None:
    net_comparison(said.report).covariate_adjusted = True


def _own_window(said: Said) -> None:
    plan = plan_of(said)
    for planned in (*plan.primary, *plan.guardrails, *plan.secondary):
        if planned.metric == NET:
            planned.window_days = 30


def _capped(said: Said) -> None:
    plan_of(said).metrics.add(name=NET).cap.amount = 100


def _other_plan(said: Said) -> None:
    plan_of(said).hash = "ab" * 32


def _no_figure(said: Said) -> None:
    net_comparison(said.report).ClearField("difference")


@pytest.mark.parametrize("change", [_adjusted, _own_window, _capped, _other_plan, _no_figure])
def test_what_another_analysis_changes_is_not_called_refunds(
    change: Callable[[Said], None],
) -> None:
    said = voucher()
    change(said)

    drawn = waterfall(said)

    assert "Refunds" not in [step.label for step in drawn.steps]
    assert drawn.total.label == "Revenue per customer"
    assert drawn.total.amount == pytest.approx(said.report.decompositions[0].difference, abs=0.006)
