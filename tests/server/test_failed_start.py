"""A start that fails leaves everything as it was."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.build import serving
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store

from tests.databases import sqlite_only

pytestmark = sqlite_only


def _at(folder: Path, **settings: str) -> Settings:
    given = {"listen": "127.0.0.1:0", "database": str(folder / "shop.db"), **settings}
    return Settings(**given)  # type: ignore[arg-type]  # texts alone are given


async def _fails(settings: Settings, why: str) -> None:
    with pytest.raises(WrongState, match=why):
        async with serving(settings):
            raise AssertionError("the server started")


async def test_an_address_in_use_creates_no_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        await _fails(_at(tmp_path, listen=f"127.0.0.1:{taken.getsockname()[1]}"), "cannot listen")

    assert list(tmp_path.iterdir()) == []


async def test_a_certificate_that_cannot_be_used_creates_no_database(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    pem = str(tmp_path / "key.pem")

    await _fails(_at(tmp_path, tls_certificate=pem, tls_key=pem), "cannot be used")
    await _fails(_at(tmp_path, tls_certificate="none.pem", tls_key=pem), "cannot read none.pem")

    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


async def test_another_currency_leaves_an_older_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    store = Store(path)
    store.migrate(to="0001")
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO shop (id, currency_code, holdout_bps, holdout_salt) "
            "VALUES (1, 'EUR', 0, '')"
        )
        connection.execute(
            "INSERT INTO exchange_rates (event_id, time_us, received_us, currency_code, "
            "shop_picos_per_unit) VALUES (x'01', 1, 1, 'USD', 1)"
        )
        before = _schema(connection)

    await _fails(_at(tmp_path, database=str(path), currency="USD"), "FAIRLIFT_CURRENCY is USD")

    with closing(sqlite3.connect(path)) as connection:
        assert _schema(connection) == before


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return rows + connection.execute("SELECT version_num FROM alembic_version").fetchall()
