"""A unit counts for a metric when its window is over, to the moment and in the campaign's zone."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import OrderMeasure
from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerAnswer, LedgerQuery

from tests.databases import database_in
from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NOW, START, metric, results, start

DAY = timedelta(days=1)
MADRID = "Europe/Madrid"


def day(year: int, month: int, number: int) -> int:
    return (date(year, month, number) - date(1970, 1, 1)).days


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


async def test_units_whose_window_is_open_are_left_out(tmp_path: Path) -> None:
    # given: two units of 40 days ago that bought for 100 and came back, and eight of yesterday
    long_ago, yesterday = NOW - 40 * DAY, NOW - DAY
    campaign = shop.campaign(metric="retention_d7_14", maximum_days=42)
    campaign.plan.secondary.add(metric="clv_30")
    async with running(tmp_path) as caller:
        await start(caller, campaign, at=START - 19 * DAY)
        for unit in ("a", "b"):
            await caller.accepted(
                [
                    shop.exposure(unit, "free", at=long_ago),
                    shop.order(unit, f"o-{unit}", shop.line(100), at=long_ago + DAY),
                    shop.action(unit, "visit", at=long_ago + 8 * DAY),
                    shop.exposure(f"control-{unit}", "control", at=long_ago),
                ]
            )
        await caller.accepted([shop.exposure(f"new-{n}", "free", at=yesterday) for n in range(8)])
        await caller.accepted([shop.exposure(f"today-{n}", "free", at=NOW) for n in range(3)])

        report = await results(caller)

    for name, value in (("retention_d7_14", 1.0), ("clv_30", 100.0)):
        control, free = metric(report, name).arms
        assert (free.estimate, free.units) == (value, 2)
        assert (control.estimate, control.units) == (0.0, 2)
    # Eight are left out, counted, and said.
    assert [total.units for total in report.totals] == [2, 13]
    assert report.look.units == 4
    assert report.notes[0].startswith("8 visitors are not counted yet: ")
    # 15 entered: 4 are analysed, 8 have an open window, and 3 came after the last analysed day.
    assert report.notes[1].startswith("3 more visitors came after the end of ")


def answer_over(folder: Path, units: dict[str, datetime], *, window: int) -> LedgerAnswer:
    async def write() -> None:
        async with running(folder, history_days=4_000) as caller:
            await caller.start(shop.campaign())
            await caller.accepted(
                [shop.exposure(unit, "free", at=first) for unit, first in units.items()]
            )

    asyncio.run(write())
    query = LedgerQuery(
        "free-shipping",
        1,
        IdentityPolicy.AS_ASSIGNED,
        MADRID,
        (UnitColumn("orders", OrderMeasure.ORDERS, window),),
        (ColumnGroup(window, ("orders",)),),
    )
    return answers(database_in(folder), [query])[0]


def test_a_window_is_over_to_the_moment_even_when_the_clock_changes(tmp_path: Path) -> None:
    # In Madrid the clock went from 3:00 back to 2:00 on Sunday, 26 October 2025, so 72 hours after
    # Friday 0:30 it was still Sunday, 23:30; and from 2:00 on to 3:00 on 30 March 2025, so 72
    # hours after Thursday 23:30 it was Monday, 0:30.
    units = {
        "autumn": datetime(2025, 10, 23, 22, 30, tzinfo=UTC),
        "noon": datetime(2025, 10, 24, 10, tzinfo=UTC),
        "spring": datetime(2025, 3, 27, 22, 30, tzinfo=UTC),
    }
    answer = answer_over(tmp_path, units, window=3)

    days = sorted((cell.entry_day, cell.mature_day) for cell in answer.cells)
    assert days == [
        (day(2025, 3, 27), day(2025, 3, 31)),
        (day(2025, 10, 24), day(2025, 10, 26)),
        (day(2025, 10, 24), day(2025, 10, 27)),
    ]
    assert answer.sample(day(2025, 10, 26)).summaries[3]["free"].n == 2
    assert answer.sample(day(2025, 10, 27)).summaries[3]["free"].n == 3


def test_midnight_belongs_to_the_day_that_begins(tmp_path: Path) -> None:
    midnight = shop.midnight(date(2026, 1, 10), MADRID)
    units = {"before": midnight - timedelta(microseconds=1), "at": midnight}
    answer = answer_over(tmp_path, units, window=1)

    sample = answer.sample(day(2026, 1, 10))
    assert sample.entered == {"free": 2}
    assert sample.summaries[1]["free"].n == 1
    assert answer.sample(day(2026, 1, 9)).entered == {"free": 1}
    assert answer.sample(None).summaries[1]["free"].n == 2


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Asia/Kathmandu",
                                  "America/Sao_Paulo", "Australia/Lord_Howe", "UTC"])  # fmt: skip
def test_days_agree_with_the_clock_of_the_zone(zone: str) -> None:
    calendar = DayCalendar(zone)
    # Sao Paulo had no midnight on 4 November 2018: the clock went from 23:59 to 1:00.
    for since in (datetime(2018, 11, 1, tzinfo=UTC), datetime(2025, 3, 20, tzinfo=UTC)):
        first = microseconds(since)
        offsets = calendar.offsets(first, first + 20 * 86_400_000_000)
        for hour in range(24 * 20 * 2):
            time_us = first + hour * 1_800_000_000
            local_date = shop.local_date(time_us, zone)
            number = (local_date - date(1970, 1, 1)).days
            offset = next(o for begin, o in reversed(offsets) if begin <= time_us)
            assert calendar.day_of(time_us) == number
            assert (time_us + offset) // 86_400_000_000 == number
            assert calendar.end_us(number - 1) <= time_us < calendar.end_us(number)
            assert calendar.date_of(number) == local_date
