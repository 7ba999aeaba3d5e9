"""Which interval stands beside a lift, in words and in colour: one that proves, or of one look."""

import math
import re

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_parts
from fairlift_report.pictures.lifts import draw_lifts
from fairlift_report.view import CampaignView

from tests.cli.reports import report
from tests.report.hard_cases import Said
from tests.report.recorded import recorded

MUTED, BLUE, GREEN, RED = (f"var(--{name})" for name in ("muted", "accent", "good", "bad"))


def view_of(said: Said) -> CampaignView:
    return campaign_view(said.report, language="en", looks=said.looks, campaign=said.campaign)


def bars(view: CampaignView) -> list[str]:
    """The colours of the picture's intervals, from above."""
    drawn = draw_lifts(view.pictures, view.signs)
    assert drawn is not None
    lines = re.findall(r'<line[^>]*stroke-width="10"[^>]*>', drawn.wide)
    return re.findall(r'stroke="([^"]*)"', "".join(lines))


def judged(
    kind: "pb.VerdictKind.ValueType", lift: float, low: float, high: float, level: float = 0.975
) -> pb.Report:
    """A report of one primary metric, +6.1% in all data, whose newest look did not judge."""
    made = report()
    made.verdict.kind, made.verdict.metric = kind, "revenue_per_visitor"
    made.verdict.variant, made.verdict.lift = "free", lift
    made.verdict.lift_interval.CopyFrom(bounds(low, high, level))
    for metric in made.metrics:
        for comparison in metric.comparisons:
            comparison.ClearField("sequential_lift_interval")
    return made


def bounds(low: float, high: float, level: float) -> Interval:
    """As the contract has it: an end without a bound is absent."""
    interval = Interval(confidence=level)
    if math.isfinite(low):
        interval.lower = low
    if math.isfinite(high):
        interval.upper = high
    return interval


def test_the_winners_bar_has_the_colour_of_its_verdict() -> None:
    """Conversion and ticket are of one look, however far from zero; the raw figure is of all."""
    view = view_of(recorded("coupon-popup"))

    assert bars(view) == [MUTED, MUTED, BLUE, GREEN]
    assert "Green or red" in view.words.colours


def test_harm_is_red_and_an_open_verdict_proves_nothing() -> None:
    harmed = view_of(Said(judged(pb.VERDICT_KIND_STOP_HARM, -0.2, -0.3, -0.1)))
    undecided = view_of(Said(judged(pb.VERDICT_KIND_KEEP_GOING, 0.02, -0.1, 0.2)))

    assert bars(harmed) == [MUTED, MUTED, RED]
    assert bars(undecided) == [MUTED, MUTED, MUTED]


@pytest.mark.parametrize("name", ["cross-sell, day 12", "exit popup with a coupon", "cross-sell"])
def test_a_look_that_did_not_judge_proves_nothing(name: str) -> None:
    view = view_of(recorded(name))
    primary = next(picture for picture in view.pictures if picture.is_primary)

    assert set(bars(view)) == {MUTED}
    assert all(row.is_one_look for row in primary.rows if not row.is_verdict)
    assert any("one look only" in line.sentence for line in primary.legend)
    assert view.metrics is not None
    notes = {group.title: group.note for group in view.metrics.table.groups}
    assert notes[primary.metric] == "primary metric, one look only"
    assert not any("primary metric stay valid" in each for each in view.metrics.remarks)
    assert any("one look only" in each for each in view.metrics.remarks)


def test_one_lift_has_one_interval_on_a_page() -> None:
    """The verdict's figure is that of all data: its interval stands in picture, table and card."""
    view = view_of(Said(judged(pb.VERDICT_KIND_SHIP, 0.061, 0.012, 0.118)))
    page = str(campaign_parts(view))

    assert view.verdict.key_figure is not None
    assert view.verdict.key_figure.detail == "97.5% interval: +1.2% … +11.8%"
    assert [row.interval for row in view.pictures[-1].rows] == ["+1.2% … +11.8%"]
    assert bars(view) == [MUTED, GREEN]
    # That of one look, +6.1% ± 3 points.
    assert "+3.1%" not in page
    assert "+1.2% … +11.8% (97.5%)" in page


def test_an_interval_without_ends_is_none() -> None:
    """-∞ … +∞ and -100% … +∞ leave out no lift."""
    for low in (-math.inf, -1.0):
        made = judged(pb.VERDICT_KIND_KEEP_GOING, 0.061, low, math.inf)
        made.metrics[0].comparisons[0].sequential_lift_interval.CopyFrom(
            bounds(low, math.inf, 0.975)
        )
        view = view_of(Said(made))
        page = str(campaign_parts(view))

        assert view.verdict.key_figure is not None
        assert view.verdict.key_figure.detail == (
            "No interval yet that holds however often you look"
        )
        assert "∞" not in page
        assert bars(view) == [MUTED, MUTED]
        summary = pb.ReportSummary(campaign="campaigns/free", verdict=made.verdict)
        (row,) = portfolio_view([summary], language="en").rows
        assert row.lift is not None
        assert (row.lift.figure, row.lift.interval) == (
            "+6.1%", "no interval yet that holds however often you look",
        )  # fmt: skip


def test_a_bound_on_one_side_is_an_interval() -> None:
    view = view_of(Said(judged(pb.VERDICT_KIND_KEEP_GOING, 0.061, -math.inf, 0.3)))

    assert view.verdict.key_figure is not None
    assert "+30.0%" in view.verdict.key_figure.detail


def test_a_verdict_of_a_look_that_was_not_read_has_no_day() -> None:
    said = recorded("cross-sell, day 12")
    view = view_of(Said(said.report, [], said.campaign))
    primary = next(picture for picture in view.pictures if picture.is_primary)

    assert primary.legend[0].sentence == "-0.7%: the verdict's figure, with its 97.5% interval."


def test_a_card_says_of_which_day_and_level_its_figures_are() -> None:
    """The verdict's is of the last look that judged, day 10; the newest is day 12."""
    key = view_of(recorded("cross-sell, day 12")).verdict.key_figure

    assert key is not None
    assert key.detail.startswith("97.5% interval: ")
    assert key.others == (
        "All data to the end of Nov 11, 2026.",
        "All data to the end of Nov 13, 2026: +1.7%",
        "Same look: -4.4% (95% interval (one look only): -16.0% … +8.8%; all data to the end of "
        "Nov 13, 2026)",
    )


def test_one_of_two_treatments_may_be_of_one_look() -> None:
    said = recorded("cross-sell, day 12")
    metric = next(each for each in said.report.metrics if each.metric == "revenue_per_visitor")
    changed = pb.Report.FromString(said.report.SerializeToString())
    of_all = next(each for each in changed.metrics if each.metric == metric.metric)
    of_all.comparisons[0].sequential_lift_interval.CopyFrom(bounds(-0.2, 0.3, 0.975))

    view = view_of(Said(changed, said.looks, said.campaign))

    assert view.metrics is not None
    notes = {group.title: group.note for group in view.metrics.table.groups}
    assert notes["Revenue per visitor"] == "primary metric, one look only: Same look"
    primary = next(picture for picture in view.pictures if picture.is_primary)
    assert "Revenue per visitor, Same look: the interval" in primary.legend[-1].sentence
