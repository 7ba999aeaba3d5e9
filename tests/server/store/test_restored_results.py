"""A shop whose back-up is restored in another folder shows what it showed before."""

import random
import shutil
from pathlib import Path

import pytest
from fairlift.v1 import assignment_service_pb2, results_service_pb2
from fairlift_server.store.backup import make_backup
from fairlift_server.store.restore import restore_backup

from tests.databases import sqlite_only
from tests.server import shop
from tests.server.client import Caller, Clock, running
from tests.server.crowds import NAME, NOW, start
from tests.server.random_shop import COUPONS, START, random_shop

pytestmark = sqlite_only


async def shown(caller: Caller) -> tuple[str, results_service_pb2.Report, list[object]]:
    """The snapshot's etag, a report without the moment at which it was read, and all looks."""
    assigned = await caller.assignments.AssignVariants(
        assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
    )
    report = await caller.results.GetResults(
        results_service_pb2.GetResultsRequest(name=NAME), timeout=120
    )
    report.ClearField("create_time")
    request = results_service_pb2.ListLooksRequest(name=NAME, page_size=500)
    looks = await caller.results.ListLooks(request)
    return assigned.snapshot_etag, report, list(looks.looks)


@pytest.mark.slow
async def test_results_and_snapshot_are_equal_after_a_restore_elsewhere(tmp_path: Path) -> None:
    made = random_shop(random.Random(7))
    clock = Clock()
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    async with running(here, clock=clock) as caller:
        await start(caller, shop.campaign(variants=COUPONS, segments=["country"]), at=START)
        for first in range(0, len(made.events), 500):
            await caller.accepted(made.events[first : first + 500])
        clock.set(NOW)
        await shown(caller)  # makes the looks that are due
        before = await shown(caller)
        make_backup(here / "shop.db", tmp_path / "copy.db")
    restore_backup(tmp_path / "copy.db", there / "shop.db")
    # The key of ids is kept apart from back-ups, and is put back as the documents say.
    shutil.copyfile(here / "shop.db.id-key", there / "shop.db.id-key")

    async with running(there, clock=clock) as caller:
        after = await shown(caller)

    assert after == before
    assert before[1].totals[0].orders > 0
    assert before[1].metrics[0].arms[0].estimate > 0
    assert before[2]
