"""Worth and forecast from the ledger to the contract, and what charts need of every look."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event
from fairlift_server.results.health_check import HealthStatus
from fairlift_server.results.message_json import message_from, message_to
from fairlift_server.results.report_line import ReportLine
from fairlift_stats.messages import Amount, Message

from tests.server import shop
from tests.server.client import Caller, Clock, running
from tests.server.crowds import NAME, START, metric, start
from tests.server.live_days import DAY, HOUR, list_looks, live_until, read

# What a treatment's visitors and the control's buy on a day of 100 visitors an arm.
Buyers = tuple[int, int]


def campaign(*more: str, **plan: object) -> Campaign:
    """Judged by revenue per visitor on whole weeks, 1,400 visitors a week."""
    secondary = [plan_pb2.PlannedMetric(metric=name) for name in more]
    made = {"planned_units": 5_600, "maximum_days": 28, "secondary": secondary} | plan
    return shop.campaign(**made)  # type: ignore[arg-type]  # fields of a plan


def day_of(day: int, buyers: Buyers, *, each: int = 100, cost: float = 0) -> Iterator[Event]:
    for arm, bought in zip(("control", "free"), buyers, strict=True):
        for number in range(each):
            unit, at = f"{arm}-{day}-{number}", START + (day - 1 + (number + 0.5) / each) * DAY
            yield shop.exposure(unit, arm, at=at)
            if number < bought:
                line = shop.line(20.0 + number % 7 * 3, cost=cost)
                yield shop.order(unit, f"o-{unit}", line, at=at + timedelta(minutes=1))


async def lived(caller: Caller, days: range, buyers: Buyers, **more: float) -> None:
    for day in days:
        await live_until(caller, day, day_of(day, buyers, **more))  # type: ignore[arg-type]  # numbers


async def listed(caller: Caller, **asked: object) -> pb.ReportSummary:
    request = pb.ListReportsRequest(**asked)  # type: ignore[arg-type]  # its own fields
    (summary,) = (await caller.results.ListReports(request)).reports
    return summary


async def test_an_open_campaign_tells_its_worth_and_its_dates_in_three_languages(
    tmp_path: Path,
) -> None:
    made = campaign()
    made.traffic_bps = 2_500
    async with running(tmp_path) as caller:
        await start(caller, made)
        caller.clock.set(START + HOUR)
        before, row_before = await read(caller), await listed(caller)
        await lived(caller, range(1, 11), (25, 28))
        report, row = await read(caller), await listed(caller)
        others = [
            await caller.results.GetResults(pb.GetResultsRequest(name=NAME, language=language))
            for language in ("es", "ro")
        ]

    assert not before.worths
    assert not before.HasField("forecast")
    assert not row_before.HasField("worth")
    assert not row_before.HasField("information")
    assert row_before.next_look_time == before.next_look_time
    (worth,) = report.worths
    compared = metric(report, "revenue_per_visitor").comparisons[0]
    # 1,400 visitors a week are a quarter of the audience; the table's interval, in money.
    assert (worth.weekly_units, worth.traffic_share, worth.traffic_days) == (5_600, 0.25, 7)
    assert worth.weekly == pytest.approx(5_600 * compared.difference)
    for end in ("lower", "upper"):
        assert getattr(worth.weekly_interval, end) == pytest.approx(
            5_600 * getattr(compared.sequential_difference_interval, end)
        )
    assert worth.weekly_interval.confidence == compared.sequential_difference_interval.confidence
    assert (worth.meaning, worth.estimate) == (
        pb.WORTH_MEANING_OPEN,
        pb.WORTH_ESTIMATE_MEASURED,
    )
    assert worth.as_of_time == report.look.as_of_time
    assert "a week" in worth.sentence
    assert "5,600 visitors a week" in worth.assumptions
    assert "25%" in worth.assumptions
    forecast = report.forecast
    assert (forecast.variant, forecast.metric) == ("free", "revenue_per_visitor")
    assert [each.chance for each in forecast.chances] == [0.2, 0.5, 0.8]
    dates = [each.date for each in forecast.chances]
    assert dates == sorted(dates)
    assert all(dates)
    # 28 days of entry and a window of 3; the looks are those of whole weeks of entry.
    assert forecast.end_date == (START + 30 * DAY).date().isoformat()
    assert [look.day for look in forecast.looks] == [17, 24, 31]
    assert [look.information for look in forecast.looks] == pytest.approx([0.5, 0.75, 1])
    assert all(look.HasField("boundary") for look in forecast.looks)
    assert report.verdict.decision_days[1] == (date.fromisoformat(dates[1]) - _day(report)).days
    assert len({each.forecast.sentence for each in (report, *others)}) == 3
    assert len({each.worths[0].sentence for each in (report, *others)}) == 3
    assert len({each.worths[0].assumptions for each in (report, *others)}) == 3
    # A row of a list says the same, without a look of its own.
    short = pb.Forecast()
    short.CopyFrom(forecast)
    del short.looks[:]
    assert (row.worth, row.forecast) == (without_assumptions(worth), short)
    assert row.next_look_time == report.next_look_time
    assert row.information == report.look.information == 0.25
    assert row.currency_code == "EUR"


def without_assumptions(worth: pb.Worth) -> pb.Worth:
    """The worth as a row of a list has it."""
    short = pb.Worth()
    short.CopyFrom(worth)
    short.ClearField("assumptions")
    return short


def _day(report: pb.Report) -> date:
    return (report.look.as_of_time.ToDatetime() - timedelta(hours=1)).date()


async def test_money_is_net_of_goods_and_refunds_where_the_report_knows_them(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, campaign("net_revenue_per_visitor", "profit_per_visitor"))
        await lived(caller, range(1, 11), (25, 28), cost=10.0)
        (profit,) = (await read(caller)).worths
        report = await read(caller)

    assert profit.metric == "profit_per_visitor"
    compared = metric(report, "profit_per_visitor").comparisons[0]
    assert profit.weekly == pytest.approx(1_400 * compared.difference)
    revenue = metric(report, "revenue_per_visitor").comparisons[0].difference
    # Three more buyers of a hundred, 10.00 of goods each.
    assert compared.difference == pytest.approx(revenue - 0.30)
    # Nobody judges it: its interval is wider than that of a table that is read once.
    once, held = compared.difference_interval, profit.difference_interval
    assert held.lower < once.lower < once.upper < held.upper


async def test_orders_that_wait_for_a_rate_leave_no_figure(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, campaign())
        await lived(caller, range(1, 11), (25, 28))
        at = START + 10 * DAY + HOUR
        await caller.record(shop.order("x", "o-x", shop.line(9.0), at=at, currency="SEK"))
        report, row = await read(caller), await listed(caller)

    for worth in (*report.worths, row.worth):
        assert worth.no_worth_reason == pb.NO_WORTH_REASON_CURRENCY_GAPS
        assert not worth.HasField("weekly")
        assert "exchange rate" in worth.sentence


async def test_a_decision_leaves_its_worth_and_no_forecast(tmp_path: Path) -> None:
    """Also days later, when nobody enters, in lists, and after an archive and a restart."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as caller:
        await start(caller, campaign())
        await lived(caller, range(1, 11), (20, 40))
        decided, looks_then = await read(caller), await list_looks(caller)
        await caller.campaigns.StopCampaign(service.StopCampaignRequest(name=NAME))
        clock.set(START + 20 * DAY)
        stopped, row, looks = await read(caller), await listed(caller), await list_looks(caller)
        await caller.campaigns.ArchiveCampaign(service.ArchiveCampaignRequest(name=NAME))
    async with running(tmp_path, clock=clock) as caller:
        archived, looks_archived = await read(caller), await list_looks(caller)

    assert decided.verdict.kind == pb.VERDICT_KIND_SHIP
    (worth,) = decided.worths
    assert (worth.meaning, worth.estimate) == (
        pb.WORTH_MEANING_GAIN,
        pb.WORTH_ESTIMATE_CORRECTED,
    )
    assert list(stopped.worths) == [worth]
    assert row.worth == without_assumptions(worth)
    for report in (decided, stopped, row):
        assert not report.HasField("forecast")
    assert not row.HasField("next_look_time")
    assert [look.number for look in looks if look.decides] == [len(looks_then)]
    # Everything that charts draw is kept: by day, by look, with the lines that were in force.
    assert looks_archived == looks
    assert looks[: len(looks_then)] == looks_then
    assert list(archived.days) == list(stopped.days)
    assert sum(day.entered_units for day in archived.days) == 2_000
    judging = [look.comparisons[0] for look in looks_archived if look.judges_success]
    assert judging
    for compared in judging:
        assert compared.HasField("boundary")
        assert compared.HasField("lift_interval")
    assert list(archived.worths) == [worth]


async def test_harm_has_a_worth_that_was_saved(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, campaign())
        await lived(caller, range(1, 8), (80, 40))
        report = await read(caller)

    assert report.verdict.kind == pb.VERDICT_KIND_STOP_HARM
    (worth,) = report.worths
    assert worth.meaning == pb.WORTH_MEANING_SAVED
    assert worth.weekly < 0
    assert worth.sentence.startswith("Stopping free saves €")


async def test_traffic_that_dried_up_has_neither_dates_nor_money(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, campaign())
        await lived(caller, range(1, 5), (25, 28))
        await live_until(caller, 13, iter(()))
        report = await read(caller)

    assert report.look.day >= 12
    (worth,) = report.worths
    assert worth.no_worth_reason == pb.NO_WORTH_REASON_NO_TRAFFIC
    assert report.forecast.no_forecast_reason == pb.NO_FORECAST_REASON_NO_TRAFFIC
    assert "no visitor has entered in the last week" in report.forecast.sentence
    assert not report.forecast.chances


async def test_a_paused_campaign_has_no_dates_and_no_next_look(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, campaign())
        await lived(caller, range(1, 11), (25, 28))
        await read(caller)
        caller.clock.set(START + 10 * DAY + 4 * HOUR)
        await caller.campaigns.PauseCampaign(service.PauseCampaignRequest(name=NAME))
        report, row = await read(caller), await listed(caller)

    for message in (report, row):
        assert not message.HasField("forecast")
        assert not message.HasField("next_look_time")
    assert row.worth == without_assumptions(report.worths[0])


def test_a_line_of_an_earlier_version_has_none_of_it() -> None:
    line = ReportLine(3, 400, HealthStatus.OK, None, "it failed")
    read_ = json.loads(line.to_json())
    for name in ("information", "worth", "forecast"):
        del read_[name]

    assert ReportLine.from_json(json.dumps(read_)) == line


def test_an_amount_without_cents_is_stored_as_it_is() -> None:
    said = Message.of("worth.open", amount=Amount(1_204.0, "EUR", whole=True), low=Amount(1, "EUR"))

    assert message_from(json.loads(json.dumps(message_to(said)))) == said
