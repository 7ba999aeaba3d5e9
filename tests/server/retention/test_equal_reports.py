"""Reports are what they were after old events went: of campaigns that ended and that run."""

from pathlib import Path

import pytest
from fairlift_server.store.campaigns import microseconds

from tests.databases import changed, rows
from tests.server import shop
from tests.server.client import Clock
from tests.server.random_shop import START
from tests.server.retention.old_shop import DAY, LATER, chosen, cleaning, history, served, shown


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_reports_are_equal_before_and_after(tmp_path: Path, seed: int) -> None:
    clock = Clock()
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, clock) as caller:
        await history(caller, seed)
        before = await shown(caller, LATER)
    assert before[0].totals[0].orders > 0  # type: ignore[attr-defined]
    assert before[2].totals[0].orders > 0  # type: ignore[attr-defined]
    counts = {t: rows(database, f"SELECT count(*) FROM {t}")[0][0] for t in ("exposures", "orders")}

    async with cleaning(tmp_path, clock) as retention:
        removed = await retention.once()
        assert await retention.once() == {}

    of_closed = "SELECT count(*) FROM exposures WHERE campaign = 'free-shipping'"
    assert rows(database, of_closed) == [(0,)]
    assert removed["exposures"] >= counts["exposures"] / 4
    assert removed["orders"] > 0
    for table, count in counts.items():
        assert rows(database, f"SELECT count(*) FROM {table}")[0][0] < count
    orphans = "SELECT count(*) FROM order_lines WHERE order_id NOT IN (SELECT order_id FROM orders)"
    assert rows(database, orphans) == [(0,)]
    async with served(tmp_path, clock) as caller:
        assert await shown(caller, LATER) == before
        # Later days of the campaign that runs are looked at as ever.
        assert len((await shown(caller, LATER + 5 * DAY))[3].looks) > len(before[3].looks)  # type: ignore[attr-defined]


async def test_a_kept_answer_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    clock = Clock()
    async with served(tmp_path, clock) as caller:
        await history(caller, 3)
        await shown(caller, LATER)
    async with cleaning(tmp_path, clock) as retention:
        await retention.once()
    edit = "UPDATE kept_answers SET content = replace(content, 'units', 'visitors')"
    assert changed(str(chosen(tmp_path)["database"]), edit) == 1
    async with served(tmp_path, clock) as caller:
        with pytest.raises(Exception, match="kept answer: it is not what was sealed"):
            await shown(caller, LATER)


async def test_nothing_that_a_campaign_reads_goes_before_its_end_is_old(tmp_path: Path) -> None:
    clock = Clock()
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, clock) as caller:
        await history(caller, 4)
    # Its events came in 33 days ago, and its end with the longest window is 26 days ago.
    clock.set(LATER - 18 * DAY)
    began = [microseconds(START)]
    read = "SELECT count(*) FROM {} WHERE time_us >= ?"
    tables = ("exposures", "orders", "actions", "amendments")
    before = [rows(database, read.format(table), began) for table in tables]
    async with cleaning(tmp_path, clock) as retention:
        await retention.once()
    assert [rows(database, read.format(table), began) for table in tables] == before
    assert rows(database, "SELECT count(*) FROM kept_answers") == [(0,)]


async def test_a_removed_event_that_is_sent_again_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    again = shop.action("v1", "view", at=LATER - 70 * DAY)
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, clock) as caller:
        clock.set(LATER - 60 * DAY)
        await caller.accepted([again, shop.action("v2", "view", at=LATER - 61 * DAY)])
    clock.set(LATER)
    async with cleaning(tmp_path, clock) as retention:
        # The newest row of a table stays.
        assert await retention.once() == {"actions": 1}
    async with served(tmp_path, clock) as caller:
        await caller.record(again)
    assert rows(database, "SELECT count(*) FROM actions") == [(1,)]
