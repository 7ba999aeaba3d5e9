"""Tombstones outlive a back-up: what was erased is erased again from an older copy."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift.v1 import admin_service_pb2 as admin_pb
from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.store.database import Store
from fairlift_server.store.tombstone_file import TombstoneFile
from fairlift_server.store.unit_requests import apply_tombstones

from tests.databases import ON_POSTGRES, copied, database_in, rows
from tests.server import shop
from tests.server.client import running
from tests.server.privacy.stored import EVENT

NOW_US = 1_900_000_000_000_000


def backed_up(folder: Path) -> str:
    """As `sqlite3 … .backup`, or pg_dump and pg_restore, do it."""
    if ON_POSTGRES:
        return copied(database_in(folder), folder / "copy")
    with (
        closing(sqlite3.connect(folder / "shop.db")) as source,
        closing(sqlite3.connect(folder / "copy")) as copy,
    ):
        source.backup(copy)
    return str(folder / "copy")


def restored(folder: Path, copy: str) -> None:
    if ON_POSTGRES:
        copied(copy, folder / "shop.db")
        return
    for name in ("shop.db-wal", "shop.db-shm", "shop.db.last-write"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(copy, folder / "shop.db")


def number(folder: Path, query: str) -> int:
    return int(rows(database_in(folder), query)[0][0])


def left(folder: Path) -> dict[str, int]:
    return {
        table: number(folder, f"SELECT count(*) FROM {table} WHERE {EVENT}")
        for table in ("actions", "orders", "amendments", "identity_links")
    }


async def filled_and_erased(folder: Path, *, raw_ids: bool) -> str:
    """A back-up with two persons, and the database after one of them was erased."""
    async with running(folder, raw_ids=raw_ids) as caller:
        await caller.accepted(
            [
                shop.order("v", "a-1"),
                shop.refund("a-1", 1),
                # In the back-up nothing but its number says whose it is.
                shop.refund("a-2", 1),
                shop.identity("v", "c"),
                shop.action("c", "view"),
                shop.action("other", "view"),
                shop.order("other", "b-1"),
            ]
        )
    copy = backed_up(folder)
    async with running(folder, raw_ids=raw_ids) as caller:
        await caller.accepted([shop.order("c", "a-2")])
        await caller.admin.EraseUnit(admin_pb.EraseUnitRequest(unit_id="v"))
    return copy


@pytest.mark.parametrize("raw_ids", [False, True])
async def test_an_older_copy_loses_again_what_was_erased(tmp_path: Path, raw_ids: bool) -> None:
    copy = await filled_and_erased(tmp_path, raw_ids=raw_ids)
    restored(tmp_path, copy)
    assert left(tmp_path) == {"actions": 2, "orders": 2, "amendments": 2, "identity_links": 1}

    store = Store(database_in(tmp_path))
    try:
        file = TombstoneFile.of("", tmp_path / "shop.db")
        applied = apply_tombstones(store, file, time_us=NOW_US)
        again = apply_tombstones(store, file, time_us=NOW_US)
    finally:
        store.close()

    assert (applied.events, again.events) == (5, 0)
    assert left(tmp_path) == {"actions": 1, "orders": 1, "amendments": 0, "identity_links": 0}
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        replayed = await caller.record(shop.action("c", "view"), shop.refund("a-2", 1))
    assert {outcome.reason for outcome in replayed} == {pb.REFUSAL_REASON_ERASED}


async def test_a_server_that_starts_on_an_older_copy_erases_again(tmp_path: Path) -> None:
    copy = await filled_and_erased(tmp_path, raw_ids=False)
    restored(tmp_path, copy)

    async with running(tmp_path):
        assert left(tmp_path) == {"actions": 1, "orders": 1, "amendments": 0, "identity_links": 0}


async def test_a_lost_file_is_written_again_from_the_database(tmp_path: Path) -> None:
    await filled_and_erased(tmp_path, raw_ids=False)
    file = TombstoneFile.of("", tmp_path / "shop.db")
    before = file.tombstones()
    (file.path or tmp_path).unlink()

    async with running(tmp_path):
        pass

    assert file.tombstones() == before
    # Two ids and two orders.
    assert [tombstone.kind for tombstone in before] == ["unit", "unit", "order", "order"]


async def test_the_file_can_be_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.erased"
    async with running(tmp_path, erased_file=str(elsewhere)) as caller:
        await caller.admin.EraseUnit(admin_pb.EraseUnitRequest(unit_id="v"))

    assert [line["kind"] for line in map(json.loads, elsewhere.read_text().splitlines())] == [
        "unit"
    ]
    assert not (tmp_path / "shop.db.erased").exists()


async def test_a_line_that_was_cut_off_harms_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TombstoneFile(tmp_path / "erased")
    await filled_and_erased(tmp_path, raw_ids=False)
    whole = TombstoneFile.of("", tmp_path / "shop.db").tombstones()
    file.add(whole[:2])
    with (file.path or tmp_path).open("ab") as cut:
        cut.write(b'{"kind": "unit", "ha')
    file.add(whole[2:])
    with (file.path or tmp_path).open("ab") as noise:
        noise.write(b'\xff\xfe\n[]\n{"kind": "unit", "hash": "x", "time": "yesterday"}\n\n')

    assert file.tombstones() == whole
    assert caplog.records[-1].getMessage() == "lines about what was erased cannot be read"
    assert vars(caplog.records[-1])["fields"]["lines"] == 4


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match=r"cannot read .*erased"):
        TombstoneFile(tmp_path).tombstones()
