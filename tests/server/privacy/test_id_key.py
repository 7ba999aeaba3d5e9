"""Keyed ids, and their key: one for a database, for ever, and never in it."""

import base64
import hashlib
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fairlift.engine.errors import InvalidRequest, WrongState
from fairlift_server.events.unit_ids import UnitIds, key_check
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store
from fairlift_server.store.id_key import id_key_from

from tests.server import shop
from tests.server.client import running
from tests.server.privacy.stored import stored

KEY = bytes(range(32))

from tests.databases import sqlite_only

pytestmark = sqlite_only


def by_the_rfc(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 as RFC 2104 writes it."""
    padded = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


async def fails(folder: Path, why: str, **settings: Any) -> None:  # settings by name
    with pytest.raises(WrongState, match=why):
        async with running(folder, **settings):
            pytest.fail("it started")


def units(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        return [unit for (unit,) in database.execute("SELECT unit FROM actions ORDER BY id")]


@pytest.mark.parametrize("unit", ["v", "ana@example.com", "ș" * 300, "x" * 1_000, "日本"])
@pytest.mark.parametrize("key", [KEY, bytes(100)])
def test_a_stored_id_is_half_an_hmac(unit: str, key: bytes) -> None:
    expected = base64.urlsafe_b64encode(by_the_rfc(key, unit.encode())[:16]).rstrip(b"=").decode()

    assert UnitIds(key, salt=b"").stored(unit) == expected
    assert len(expected) == 22


def test_raw_ids_stay_as_they_are() -> None:
    assert UnitIds(None, salt=b"salt").stored("ana@example.com") == "ana@example.com"


def test_the_check_value_of_a_key_is_the_stored_form_of_no_id() -> None:
    assert key_check(KEY) != UnitIds(KEY, salt=b"").stored("fairlift key check")
    assert key_check(KEY) != key_check(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f"  {KEY.hex()}\n",
    ],
)
def test_a_key_is_read_in_hex_and_base64(text: str) -> None:
    assert id_key_from(text) == KEY


@pytest.mark.parametrize("text", ["", "abc", "00" * 31, "Passw0rd! Passw0rd! Passw0rd! ő", "AAAA="])
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -hex 32") as caught:
        id_key_from(text)
    assert not text or text not in str(caught.value)


async def test_the_key_is_made_beside_the_database_once(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])
    key_file = tmp_path / "shop.db.id-key"
    made = key_file.read_text()
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])

    assert key_file.read_text() == made
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert len(id_key_from(made)) == 32
    assert units(tmp_path) == [stored(tmp_path, "v")] * 2
    assert id_key_from(made) not in (tmp_path / "shop.db").read_bytes()
    assert made.strip().encode() not in (tmp_path / "shop.db").read_bytes()


async def test_a_copy_without_its_key_is_refused_and_gets_none(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])
    shutil.copy(tmp_path / "shop.db", elsewhere / "shop.db")

    await fails(elsewhere, r"shop\.db\.id-key, the key of .* is missing; put it back")

    assert not (elsewhere / "shop.db.id-key").exists()
    shutil.copy(tmp_path / "shop.db.id-key", elsewhere / "shop.db.id-key")
    async with running(elsewhere) as caller:
        await caller.accepted([shop.action("v", "view")])
    assert len(set(units(elsewhere))) == 1


async def test_another_key_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])
    other = os.urandom(32).hex()
    (tmp_path / "other").write_text(other)
    chosen: list[dict[str, Any]] = [  # settings by name
        {"id_key": other},
        {"id_key_file": str(tmp_path / "other")},
    ]
    for settings in chosen:
        with pytest.raises(WrongState, match="is not the key that the ids in") as caught:
            async with running(tmp_path, **settings):
                pytest.fail("it started")
        assert other not in str(caught.value)
    (tmp_path / "shop.db.id-key").write_text(other)
    await fails(tmp_path, r"shop\.db\.id-key is not the key that the ids in")


async def test_a_given_key_makes_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{KEY.hex()}\n")
    async with running(tmp_path, id_key_file=str(tmp_path / "secret")) as caller:
        await caller.accepted([shop.action("v", "view")])
    async with running(tmp_path, id_key=base64.b64encode(KEY).decode()) as caller:
        await caller.accepted([shop.action("v", "view")])

    assert units(tmp_path) == [UnitIds(KEY, salt=b"").stored("v")] * 2
    assert not (tmp_path / "shop.db.id-key").exists()


async def test_a_key_file_without_a_key_creates_no_database(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no key at all, though long enough to be one")
    await fails(tmp_path, "is neither hex nor base64", id_key_file=str(tmp_path / "bad"))
    await fails(tmp_path, "cannot read .*none", id_key_file=str(tmp_path / "none"))

    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


@pytest.mark.parametrize("raw_ids", [False, True])
async def test_a_database_keeps_its_form_of_ids(tmp_path: Path, raw_ids: bool) -> None:
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        await caller.accepted([shop.action("v", "view")])

    await fails(tmp_path, "holds raw ids" if raw_ids else "holds keyed ids", raw_ids=not raw_ids)

    async with running(tmp_path, raw_ids=raw_ids) as caller:
        await caller.accepted([shop.action("v", "view")])
    assert units(tmp_path) == (["v"] if raw_ids else [stored(tmp_path, "v")]) * 2


async def test_the_form_can_change_while_there_are_no_ids(tmp_path: Path) -> None:
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.start(shop.campaign())
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])

    assert units(tmp_path) == [stored(tmp_path, "v")]


async def test_ids_from_before_they_were_keyed_are_refused_unless_raw(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate(to="0002")
    store.close()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute(
            "INSERT INTO actions (event_id, time_us, received_us, unit, name) "
            "VALUES (x'01', 1, 1, 'v', 'view')"
        )

    await fails(tmp_path, "holds ids as they came, from a version before keyed ids")

    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
    assert not (tmp_path / "shop.db.id-key").exists()
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.accepted([shop.action("v", "view")])
    assert units(tmp_path) == ["v", "v"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"id_key": "short"}, "FAIRLIFT_ID_KEY"),
        ({"id_key": KEY.hex(), "id_key_file": "key"}, "FAIRLIFT_ID_KEY_FILE"),
        ({"id_key": KEY.hex(), "raw_ids": True}, "FAIRLIFT_RAW_IDS"),
    ],
)
def test_settings_that_contradict_are_named_and_no_key_is_shown(
    settings: dict[str, object], name: str
) -> None:
    with pytest.raises(InvalidRequest, match=name) as caught:
        Settings(**settings)  # type: ignore[arg-type]  # settings by name
    assert KEY.hex() not in str(caught.value)
    assert "short" not in str(caught.value)


def test_the_key_is_not_in_what_settings_print() -> None:
    assert KEY.hex() not in repr(Settings(id_key=KEY.hex()))


async def test_an_interrupted_first_start_goes_on_with_the_key_that_it_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.db.id-key").write_text(KEY.hex())
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])

    assert units(tmp_path) == [UnitIds(KEY, salt=b"").stored("v")]
