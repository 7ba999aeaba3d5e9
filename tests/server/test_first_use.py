"""A part that is loaded late: once, again after a failure, and without its garbage."""

import asyncio
import gc
import multiprocessing
import sys
import weakref
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import campaign_service_pb2
from fairlift_server.build import serving
from fairlift_server.first_use import OnFirstUse

from tests.databases import rows, sqlite_only
from tests.server import shop
from tests.server.client import Caller, Clock, running, settings_in


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0.05)


class Ring:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_is_garbage_after_an_import_is_freed() -> None:
    rings: list[weakref.ref[Ring]] = []

    def make() -> str:
        rings.append(weakref.ref(Ring()))
        return "the part"

    gc.collect()
    gc.freeze()  # as a server does at its start
    try:
        part = OnFirstUse("json", make)
        assert await part.get() == "the part"
        assert rings[0]() is None
    finally:
        gc.unfreeze()


async def test_the_collector_never_walks_all_that_is_loaded_at_once() -> None:
    walked: list[int] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            walked.append(len(gc.get_objects()))

    gc.collect()
    gc.freeze()  # as a server does at its start
    usual = gc.get_threshold()
    gc.set_threshold(50_000)
    gc.callbacks.append(note)
    try:
        part = OnFirstUse("json", lambda: [[number] for number in range(60_000)])
        assert len(await part.get()) == 60_000
        assert gc.get_threshold()[0] == 50_000
        left = len(gc.get_objects())
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*usual)
        gc.unfreeze()

    # It takes a millisecond for some thousands.
    assert max(walked) < 10_000
    assert left < 1_000


async def test_a_server_is_ready_for_results_once_a_campaign_has_a_report(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())

    def started() -> int:
        return len(set(multiprocessing.active_children()) - before)

    async with (
        serving(settings_in(tmp_path, {})) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        caller = Caller(channel, Clock(), "")
        draft = campaign_service_pb2.CreateCampaignRequest(campaign=shop.campaign("draft"))
        await caller.campaigns.CreateCampaign(draft)
        await asyncio.sleep(0.2)
        assert started() == 0

        await caller.start(shop.campaign())
        await until(lambda: started() == 1)


@sqlite_only
async def test_looks_are_made_once_what_makes_them_can_be_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a due look, and a module that cannot be imported
    async with running(tmp_path, look_every_s=0.1) as caller:
        with monkeypatch.context() as planted:
            planted.setitem(sys.modules, "fairlift_server.results_parts", None)
            await caller.start(shop.campaign())
            await caller.accepted([shop.exposure("v", "free")])
            failed = "results cannot be loaded"
            before = caplog.text.count(failed)
            caller.clock.ahead = timedelta(days=6)
            # Before any look is due, the load after the start fails, too.
            await until(lambda: caplog.text.count(failed) >= before + 3)
        # When it can be imported again
        looks = "SELECT count(*) FROM looks"
        # Then the looks are made
        await until(lambda: rows(str(tmp_path / "shop.db"), looks) != [(0,)])

    assert "ModuleNotFoundError" in caplog.text
