"""What is read in five seconds: the figure that decided, how sure it is, what is not known."""

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_PAUSED, CAMPAIGN_STATE_UNSPECIFIED
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_parts
from fairlift_report.templates import environment
from fairlift_report.view import CampaignView
from fairlift_stats.locale import LANGUAGES, text
from fairlift_stats.messages import Day, Message, Percent

from tests.cli.reports import report
from tests.report.hard_cases import Said
from tests.report.html_reading import read_html
from tests.report.recorded import recorded, recorded_list

SURE = {"en": "How sure: ", "es": "Seguridad: ", "ro": "Cât de sigur: "}


def view_of(said: Said, language: str = "en") -> CampaignView:
    return campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)


def view_alone(found: pb.Report) -> CampaignView:
    return campaign_view(found, language="en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_decided_at_the_last_planned_analysis_was_no_early_stop(language: str) -> None:
    """What is said of a decided campaign is said of each, whenever it was decided."""
    early = {"en": "early", "es": "temprana", "ro": "timpurie"}[language]
    message = Message.of("worth.measured_decided", at=Day("2026-11-25"), level=Percent(0.9, 0))

    said = text(message, language)

    assert early not in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worth_that_may_be_nothing_is_no_sum(language: str) -> None:
    unknown = {"en": "Not known yet", "es": "Todavía no se sabe", "ro": "Încă nu se știe"}
    worth = view_of(recorded("coupon-popup, day 12", language), language).worth
    assert worth is not None
    row = worth.rows[0]
    assert row.amount is not None
    assert row.amount.figure == unknown[language]
    assert row.amount.interval in row.sentence
    # The estimate stands nowhere.
    assert "634" not in row.sentence + row.amount.interval


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_winner_by_revenue_says_which_costs_its_worth_is_after(language: str) -> None:
    """Recorded: it won on revenue; in profit the interval goes from -€1,629 to +€2,185."""
    said = recorded("coupon-popup", language)
    fields = ("unit_cost_micros", "shipping_cost_micros")

    def assumptions() -> str:
        worth = view_of(said, language).worth
        assert worth is not None
        return worth.rows[0].assumptions

    assert said.report.worths[0].metric == "profit_per_visitor"
    assert all(field in assumptions() for field in fields)
    if language == "en":
        assert "10 % coupon won on revenue per visitor;" in assumptions()
    said.report.worths[0].weekly_interval.lower = 10.0  # a gain for certain
    assert not any(field in assumptions() for field in fields)
    said.report.worths[0].metric = "revenue_per_visitor"
    assert "unit_cost_micros" in assumptions()
    assert "profit_per_visitor" in assumptions()
    said.report.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    assert "unit_cost_micros" not in assumptions()


def test_a_winner_by_profit_has_no_other_money_to_explain() -> None:
    said = recorded("coupon-popup")
    said.report.verdict.metric = "profit_per_visitor"

    worth = view_of(said).worth

    assert worth is not None
    assert worth.rows[0].assumptions == said.report.worths[0].assumptions


def test_nothing_more_comes_after_a_decision() -> None:
    saved, ended = (view_of(recorded(name)).worth for name in ("free-shipping", "cross-sell"))
    assert saved is not None
    assert ended is not None
    assert saved.rows[0].sentence == (
        "What stopping Free over 50 saves is not known: between -€54 and +€3,127 a week."
    )
    assert [row.amount.figure for row in ended.rows if row.amount] == ["Not known"] * 2
    rows = {row.campaign: row.worth for row in portfolio_view(recorded_list(), language="en").rows}
    assert {each.figure for each in rows.values() if each} == {"Not known"}


def test_harm_is_told_by_the_metric_that_showed_it() -> None:
    said = recorded("free-shipping")
    key = view_of(said).verdict.key_figure
    rate = next(each for each in said.report.metrics if each.metric == "conversion_rate")
    assert key is not None
    assert (key.label, key.figure) == ("Conversion rate", f"{rate.comparisons[0].lift:+.1%}")
    decided = said.report.verdict.decided_time
    assert decided.ToJsonString() == "2026-11-15T23:00:00Z"  # midnight in Madrid
    assert key.others == (
        "The percentages in the verdict are the alarm's own: who bought within a day of entering, "
        "with the data to the end of Nov 15, 2026. The lift above is another figure: conversion "
        "rate within the plan's window, with all data to the end of Nov 25, 2026.",
    )
    said.report.verdict.ClearField("decided_time")
    undated = view_of(said).verdict.key_figure
    assert undated is not None
    assert undated.others == ("All data to the end of Nov 25, 2026.",)

    verdict = said.report.verdict
    verdict.cause, verdict.metric, verdict.lift = (
        pb.VERDICT_CAUSE_GUARDRAIL_HARM, "profit_per_visitor", -0.2,
    )  # fmt: skip
    verdict.lift_interval.lower, verdict.lift_interval.upper = -0.3, -0.1
    verdict.lift_interval.confidence = 0.975
    key = view_of(said).verdict.key_figure
    assert key is not None
    assert (key.label, key.figure) == ("Profit per visitor", "-20.0%")
    assert key.detail == "97.5% interval: -30.0% … -10.0%"

    # No other metric is told instead.
    verdict.metric = "refund_rate"
    verdict.ClearField("lift")
    assert view_of(said).verdict.key_figure is None


def test_the_page_begins_with_the_figure_that_the_list_shows() -> None:
    listed = {
        row.campaign: row.lift for row in portfolio_view(recorded_list("en"), language="en").rows
    }
    for name in ("coupon-popup", "cross-sell", "free-shipping"):
        key, lift = view_of(recorded(name)).verdict.key_figure, listed[name]
        assert key is not None
        if lift is not None:
            assert key.figure == lift.figure, name
            assert lift.interval in key.detail, name


def test_of_several_treatments_the_others_are_told_too() -> None:
    ended, shipped = (
        view_of(recorded(name)).verdict.key_figure for name in ("cross-sell", "cross-sell module")
    )
    assert ended is not None
    assert shipped is not None
    assert ended.label == "Revenue per visitor, Same look"
    assert [other.partition(":")[0] for other in ended.others] == [
        "All data to the end of Nov 25, 2026",
        "Bought together",
    ]
    assert shipped.label == "Cross-sell rate, beside"
    assert [other.partition(":")[0] for other in shipped.others] == ["below"]

    # A verdict that names none has no figure to read first.
    unnamed = recorded("cross-sell")
    unnamed.report.verdict.variant = ""
    assert view_of(unnamed).verdict.key_figure is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name",
    ["coupon-popup", "free-shipping", "cross-sell", "cross-sell, day 1", "cross-sell, day 12"],
)
def test_every_band_says_how_sure_it_is(name: str, language: str) -> None:
    view = view_of(recorded(name, language), language)
    assert view.verdict.sureness.startswith(SURE[language])
    assert read_html(str(campaign_parts(view))).text.count(SURE[language]) == 1


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        (pb.VERDICT_KIND_SHIP, pb.VERDICT_CAUSE_WON, "Enough for the plan's line"),
        (pb.VERDICT_KIND_STOP_HARM, pb.VERDICT_CAUSE_ALARM, "the daily alarm"),
        (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_CAUSE_UNSAFE, "a guardrail is not shown"),
        (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_CAUSE_RUNNING, "shows +6.1%, but the plan asks"),
        (pb.VERDICT_KIND_INCONCLUSIVE, pb.VERDICT_CAUSE_ENDED, "Neither better nor worse"),
        (pb.VERDICT_KIND_DO_NOT_TRUST, pb.VERDICT_CAUSE_SPLIT, "Nothing can be concluded"),
    ],
)
def test_how_sure_fits_the_verdict(
    kind: pb.VerdictKind.ValueType, cause: pb.VerdictCause.ValueType, words: str
) -> None:
    found = report()
    del found.verdict.reasons[:]
    found.verdict.kind, found.verdict.cause = kind, cause
    assert words in view_alone(found).verdict.sureness


def test_without_a_figure_nothing_is_concluded() -> None:
    found = report()
    found.verdict.kind = pb.VERDICT_KIND_KEEP_GOING
    del found.metrics[:]
    assert "Nothing can be concluded" in view_alone(found).verdict.sureness


def test_data_that_end_before_the_report_are_said_in_the_band() -> None:
    said = recorded("coupon-popup, day 12")
    newest = said.report.days[-1].date
    said.report.create_time.FromJsonString(f"{newest}T12:00:00Z")
    assert view_of(said).verdict.data_end == ""

    said.report.create_time.seconds += 3 * 86_400
    assert ", 3 days before this report" in view_of(said).verdict.data_end
    assert "Nothing was counted after" in view_of(said).verdict.data_end
    # No look is waited for: the plan is over.
    said.report.ClearField("next_look_time")
    assert view_of(said).verdict.data_end == ""


def days_without_visitors(*, planned_units: int, look_day: int) -> str:
    """What is said after ten days without visitors."""
    said = recorded("coupon-popup, day 12")
    said.report.create_time.FromJsonString(f"{said.report.days[-1].date}T12:00:00Z")
    said.report.create_time.seconds += 10 * 86_400
    assert said.campaign is not None
    said.campaign.plan.planned_units = planned_units
    said.report.look.day = look_day
    return view_of(said).verdict.data_end


def test_nobody_is_missed_once_entry_is_over() -> None:
    """Who entered is still measured, and no order outside the windows is counted."""
    units = sum(total.units for total in recorded("coupon-popup, day 12").report.totals)

    assert days_without_visitors(planned_units=units + 1, look_day=20)
    assert not days_without_visitors(planned_units=units, look_day=12)
    # The plan enters visitors for 21 days.
    assert not days_without_visitors(planned_units=units + 1, look_day=21)


def test_the_state_stands_beside_the_name() -> None:
    said = recorded("coupon-popup, day 12")
    assert said.campaign is not None
    assert view_of(said).status == "running"
    said.report.look.day = said.campaign.plan.maximum_days
    assert view_of(said).status == "entry over, still measured"
    said.report.ClearField("next_look_time")
    assert view_of(said).status == "ended"
    said.campaign.state = CAMPAIGN_STATE_PAUSED
    assert view_of(said).status == "paused"
    said.campaign.state = CAMPAIGN_STATE_UNSPECIFIED
    assert view_of(said).status == ""
    assert view_alone(said.report).status == ""


def test_a_decision_older_than_the_pictures_is_said() -> None:
    shown = "to the end of Nov 25, 2026; the decision was made with the data to the end of Nov 15"
    assert shown in view_of(recorded("free-shipping")).data_shown
    assert view_of(recorded("coupon-popup")).data_shown == ""


def test_an_amount_stays_with_its_sign() -> None:
    whole = environment().from_string("{{ text | whole }}")
    assert whole.render(text="<b> +€634 (-€2,141)") == (
        '&lt;b&gt; <span class="whole">+€634</span> <span class="whole">(-€2,141)</span>'
    )
