"""A report by a segment that only the import of customers knows, through gRPC."""

import asyncio
from datetime import timedelta
from pathlib import Path

from fairlift.v1 import results_service_pb2 as pb

from tests.databases import database_in
from tests.server.client import Clock, running
from tests.server.crowds import START, start
from tests.server.importing.customer_files import customers_imported
from tests.server.live_days import day_of, list_looks, live_until, planned, read


def units_by_tier(report: pb.Report) -> dict[str, int]:
    (cut,) = report.segments
    assert cut.attribute == "tier"
    return {segment.value: segment.units for segment in cut.segments}


async def test_a_look_has_the_labels_of_its_time_and_keeps_them(tmp_path: Path) -> None:
    clock = Clock()
    units = [f"{arm}-1-{number}" for arm in ("control", "free") for number in range(30)]
    before, after = START - timedelta(days=9), START + timedelta(days=2)
    lines = [f"{unit},{before.isoformat()},gold," for unit in units[::2]]
    lines += [f"{unit},{after.isoformat()},tin," for unit in units]

    def taken(*rows: str) -> int:
        return customers_imported(database_in(tmp_path), tmp_path, *rows, now=clock()).taken

    async with running(tmp_path, clock=clock, raw_ids=True) as caller:
        await start(caller, planned(segments=["tier"]))
        await live_until(caller, 1, day_of(1, each=30, buyers=(6, 9)))
    clock.set(START + timedelta(days=3))
    assert await asyncio.to_thread(taken, *lines) == len(lines)
    async with running(tmp_path, clock=clock, raw_ids=True) as caller:
        for day in range(4, 9):
            await live_until(caller, day, day_of(day, each=30, buyers=(6, 9)))
        report = await read(caller)
        looks = await list_looks(caller)
    tiers = units_by_tier(report)
    late = [f"{unit},{(before + timedelta(days=1)).isoformat()},lead," for unit in units]
    assert await asyncio.to_thread(taken, *late) == len(late)
    async with running(tmp_path, clock=clock, raw_ids=True) as caller:
        again = await read(caller)
        looks_again = await list_looks(caller)

    assert looks
    # Thirty of those of the first day were gold before they came; tin was all that came later.
    assert tiers["gold"] == 30
    assert "tin" not in tiers
    assert set(tiers) == {"gold", "(none)"}
    # What came after the look, with a time before it, changes no look.
    assert looks_again == looks
    assert units_by_tier(again) == tiers
