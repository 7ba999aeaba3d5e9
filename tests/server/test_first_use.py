"""A part that is loaded late: once, again after a failure, and without its garbage."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift_server.first_use import OnFirstUse

from tests.databases import rows, sqlite_only
from tests.server import shop
from tests.server.client import running


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


@sqlite_only
async def test_looks_are_made_once_what_makes_them_can_be_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a due look, and a module that cannot be imported
    async with running(tmp_path, look_every_s=0.1) as caller:
        await caller.start(shop.campaign())
        await caller.accepted([shop.exposure("v", "free")])
        with monkeypatch.context() as planted:
            planted.setitem(sys.modules, "fairlift_server.results_parts", None)
            caller.clock.ahead = timedelta(days=6)
            await until(lambda: caplog.text.count("results cannot be loaded") >= 2)
        # When it can be imported again
        looks = "SELECT count(*) FROM looks"
        # Then the looks are made
        await until(lambda: rows(str(tmp_path / "shop.db"), looks) != [(0,)])

    assert "ModuleNotFoundError" in caplog.text
