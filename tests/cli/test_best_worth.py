"""The best of several treatments is told: a loser has a figure, and is better than one without."""

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.report.report_context import report_context
from fairlift_stats.effects import Interval
from fairlift_stats.sequential.traffic import PresentTraffic
from fairlift_stats.verdict.facts import Estimate
from fairlift_stats.verdict.weekly_worth import WeeklyWorth, chosen_worth

CASES = [
    ({"loser": -50.0, "unknown": None}, "loser"),
    ({"unknown": None, "loser": -50.0}, "loser"),
    ({"loser": -50.0, "winner": 70.0, "unknown": None}, "winner"),
    ({"unknown": None}, "unknown"),
]


@pytest.mark.parametrize(("weekly", "best"), CASES)
def test_a_report_tells_the_best_that_is_known(weekly: dict[str, float | None], best: str) -> None:
    report = pb.Report()
    for variant, amount in weekly.items():
        report.worths.add(variant=variant, weekly=amount)

    worth = report_context(report, language="en").worth

    assert worth is not None
    assert worth.variant == best


@pytest.mark.parametrize(("weekly", "best"), CASES)
def test_the_server_chooses_the_same(weekly: dict[str, float | None], best: str) -> None:
    traffic = PresentTraffic(a_day=1.0, days=7, entered=7, until="2026-03-01")
    worths = [
        WeeklyWorth(
            variant,
            "revenue_per_visitor",
            "open",
            traffic,
            1.0,
            None
            if amount is None
            else Estimate("2026-03-01", amount / 7, Interval(-99.0, 99.0), None, None),
            0.95,
        )
        for variant, amount in weekly.items()
    ]

    worth = chosen_worth(worths, None, lambda each: each.weekly)

    assert worth is not None
    assert worth.variant == best
