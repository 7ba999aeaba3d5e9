"""After the days of entry: who comes is not analysed, and the campaign is measured to its end."""

from pathlib import Path

from fairlift.v1 import results_service_pb2 as pb

from tests.server.client import running
from tests.server.crowds import START, start
from tests.server.live_days import DAY, day_of, live_until, planned, read


async def test_a_campaign_whose_entry_is_over_says_until_when_it_is_measured(
    tmp_path: Path,
) -> None:
    # Visitors enter for seven days, and the last of them are measured for three more.
    async with running(tmp_path) as caller:
        await start(caller, planned(maximum_days=7))
        seen: dict[int, tuple[pb.Report, pb.ReportSummary]] = {}
        for day in range(1, 11):
            await live_until(caller, day, day_of(day, buyers=(10, 10)))
            if day in (6, 8, 10):
                report = await read(caller)
                (listed,) = (await caller.results.ListReports(pb.ListReportsRequest())).reports
                seen[day] = report, listed

    assert {day: (listed.day, listed.last_day) for day, (_, listed) in seen.items()} == {
        6: (6, 0),
        8: (8, 10),
        10: (10, 10),
    }
    said = {
        day: [note for note in report.notes if "Entry is over" in note]
        for day, (report, _) in seen.items()
    }
    assert (said[6], said[10]) == ([], [])
    (note,) = said[8]
    tenth = START + 9 * DAY
    assert note == (
        "Entry is over: visitors who come now are not analysed. The campaign is measured until the "
        f"end of {tenth:%B} {tenth.day}."
    )


async def test_a_report_says_how_the_conversion_alarm_stands(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 3):
            await live_until(caller, day, day_of(day, buyers=(10, 25)))
        report = await read(caller)

    # The visitors of the first day had a day to buy.
    (note,) = (note for note in report.notes if "Conversion alarm" in note)
    assert note == (
        "Conversion alarm, checked every day: quiet. Within a day of entering, 25.00% of the "
        "visitors of free bought, and 10.00% of those of control."
    )
