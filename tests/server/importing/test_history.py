"""History that is older than the server takes events: before campaigns it counts, never in one."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import OrderMeasure
from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerQuery

from tests.databases import database_in
from tests.server import shop
from tests.server.client import Clock, running
from tests.server.crowds import START, start
from tests.server.importing.files import HEADER, command, imported, order_lines, rows, written

DAY = timedelta(days=1)
HISTORY_DAYS = 30
LIMIT = START + 21 * DAY - HISTORY_DAYS * DAY
BEFORE = UnitColumn("before", OrderMeasure.REVENUE, before_days=60)
FIRST = UnitColumn("first", OrderMeasure.FIRST_PURCHASES, window=3)
SPENT = UnitColumn("spent", OrderMeasure.REVENUE)


def order(name: str, unit: str, price: str, at: datetime) -> str:
    return f"{name},{unit},{at.isoformat()},EUR,shoe,1,{price}"


async def begun(folder: Path, *, old_campaign: bool = False) -> None:
    """A campaign with two visitors, of whom both buy on its second day."""
    clock = Clock()
    async with running(folder, clock=clock, raw_ids=True) as caller:
        if old_campaign:
            clock.set(LIMIT - 20 * DAY)
            await caller.start(shop.campaign("long-ago"))
        await start(caller, shop.campaign())
        await caller.accepted([
            shop.exposure("regular", at=START + DAY),
            shop.exposure("newcomer", at=START + DAY),
            shop.order("regular", "n-1", shop.line(10), at=START + DAY + timedelta(hours=1)),
            shop.order("newcomer", "n-2", shop.line(20), at=START + DAY + timedelta(hours=1)),
        ])  # fmt: skip


def totals(folder: Path) -> dict[str, float]:
    """The sums of each column over both visitors; money in micros."""
    columns = (BEFORE, FIRST, SPENT)
    group = ColumnGroup(None, tuple(column.name for column in columns))
    query = LedgerQuery("free-shipping", 1, IdentityPolicy.FIRST_SEEN, "UTC", columns, (group,))
    (answer,) = answers(database_in(folder), [query])
    summaries = [group.summary(cell.sums) for cell in answer.cells]
    return {
        column.name: sum(summary.n * summary.mean(column.name) for summary in summaries)
        for column in columns
    }


async def test_older_history_is_a_covariate_and_knows_first_purchases(tmp_path: Path) -> None:
    await begun(tmp_path)
    without = totals(tmp_path)
    old = order("old", "regular", "70", LIMIT - 5 * DAY)
    file = written(tmp_path / "old.csv", HEADER, old, order("young", "regular", "5", LIMIT + DAY))

    tally = imported(tmp_path, file, history_days=HISTORY_DAYS)

    assert (tally.taken, tally.old, tally.refused_rows) == (2, 1, 0)
    assert without == {"before": 0, "first": 2, "spent": 30_000_000}
    # The regular has bought before; what the campaign earned is what it was.
    assert totals(tmp_path) == {"before": 75_000_000, "first": 1, "spent": 30_000_000}


async def test_older_history_after_the_start_of_a_campaign_is_refused(tmp_path: Path) -> None:
    await begun(tmp_path, old_campaign=True)
    started = LIMIT - 20 * DAY
    lines = [
        order("in", "regular", "70", started + DAY),
        # A visitor may have come by a clock that is a minute slow.
        order("almost", "regular", "70", started - timedelta(seconds=59)),
        order("before", "regular", "7", started - timedelta(seconds=61)),
    ]

    file = written(tmp_path / "old.csv", HEADER, *lines)
    tally = imported(tmp_path, file, history_days=HISTORY_DAYS)

    ((why, group),) = tally.refused.items()
    assert (why.field, why.reason, group.first) == ("time", "too_old", [2, 3])
    assert "later than the start of a campaign" in group.message
    assert (tally.taken, tally.old) == (1, 1)


async def test_exposures_are_never_older(tmp_path: Path) -> None:
    await begun(tmp_path)
    header = "campaign,variant,unit,time"
    at = (LIMIT - DAY).isoformat()
    file = written(tmp_path / "exposures.csv", header, f"free-shipping,free,v,{at}")

    tally = imported(tmp_path, file, "exposures", history_days=HISTORY_DAYS)

    assert [why.reason for why in tally.refused] == ["too_old"]
    assert rows(tmp_path, "SELECT count(*) FROM exposures") == [(2,)]


@pytest.mark.parametrize("dry", [False, True])
def test_the_summary_and_the_log_say_how_much_is_older(tmp_path: Path, dry: bool) -> None:
    file = written(tmp_path / "old.csv", HEADER, "o,v,2001-11-20T10:00:00Z,EUR,shoe,1,5")
    options = ["--dry-run"] if dry else []
    imported(tmp_path, written(tmp_path / "new.csv", HEADER, *order_lines(1)))

    done = command(tmp_path, file, "--as", "orders", "--map", "generic", *options)

    assert done.returncode == 0
    assert "1  of these are older than FAIRLIFT_HISTORY_DAYS" in done.stdout
    assert ('"message": "imported a file"' in done.stderr) == (not dry)
    assert ('"old": 1' in done.stderr) == (not dry)
    assert rows(tmp_path, "SELECT count(*) FROM orders") == [(1 if dry else 2,)]
