"""A start that fails leaves everything as it was."""

import os
import socket
import sqlite3
import subprocess
import sys
from asyncio import all_tasks, current_task
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.build import serving
from fairlift_server.first_token import check_first_token_file
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store

from tests.databases import sqlite_only

pytestmark = sqlite_only


def _at(folder: Path, **changes: Any) -> Settings:
    fields: dict[str, Any] = {"listen": "127.0.0.1:0", "database": str(folder / "shop.db")}
    return Settings(**fields | changes)


async def _fails(settings: Settings, why: str) -> None:
    with pytest.raises(WrongState, match=why):
        async with serving(settings):
            raise AssertionError("the server started")


async def test_an_address_in_use_creates_no_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        await _fails(_at(tmp_path, listen=f"127.0.0.1:{taken.getsockname()[1]}"), "cannot listen")

    assert list(tmp_path.iterdir()) == []


async def test_an_http_address_in_use_creates_no_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        await _fails(_at(tmp_path, http=address), "FAIRLIFT_HTTP: cannot listen")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["before callers are served", "after"])
async def test_a_start_that_fails_late_leaves_nothing_running_or_open(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _at(
        tmp_path, listen=_free(), http=_free(), journal=str(tmp_path / "journal"), drain_s=1.0
    )

    async def fail(*_: object, **__: object) -> None:
        raise WrongState("planted")

    # When the start fails
    with monkeypatch.context() as planted:
        if moment != "after":
            planted.setattr("fairlift_server.build.GrpcServer.start", fail)
        with pytest.raises(WrongState, match="planted"):
            async with serving(settings, after_start=fail):
                raise AssertionError("the server started")

    # Then no task goes on, and the addresses, the journal and the database are free
    assert all_tasks() == {current_task()}
    # gRPC gives the address of a server that never served back when the process ends.
    listen = settings.listen if moment == "after" else "127.0.0.1:0"
    async with serving(replace(settings, listen=listen)) as server:
        assert server.not_ready == ""


def _free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


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


@pytest.mark.parametrize(
    ("taken_setting", "why"),
    [
        ("FAIRLIFT_LISTEN", "cannot listen"),
        ("FAIRLIFT_HTTP", "cannot listen"),
        ("FAIRLIFT_FIRST_TOKEN_FILE", "cannot write FAIRLIFT_FIRST_TOKEN_FILE"),
    ],
)
def test_a_start_that_fails_leaves_no_first_token_and_no_database(
    tmp_path: Path, taken_setting: str, why: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        chosen = {
            "FAIRLIFT_LISTEN": "127.0.0.1:0",
            "FAIRLIFT_DATABASE": str(tmp_path / "shop.db"),
            "FAIRLIFT_FIRST_TOKEN_FILE": str(tmp_path / "first-token"),
            # As a file: in a folder that is not there.
            taken_setting: address if "FILE" not in taken_setting else f"{tmp_path}/none/token",
        }
        run = subprocess.run(
            [sys.executable, "-m", "fairlift_server", "serve"],
            env={**os.environ, **chosen},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 1
    assert why in run.stderr
    assert run.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_the_first_token_is_checked_while_there_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    database = tmp_path / "shop.db"
    settings = _at(tmp_path, first_token_file=str(folder))

    with pytest.raises(WrongState, match=r"FAIRLIFT_FIRST_TOKEN_FILE .*a folder: Is a directory"):
        check_first_token_file(settings)
    check_first_token_file(_at(tmp_path, first_token_file=str(folder / "token")))
    assert list(folder.iterdir()) == []
    assert not database.exists()

    # Once there is a token, the file is not needed
    store = Store(database)
    store.migrate()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO tokens (id, display_name, role, environment, secret_hash, created_us, "
            "version) VALUES ('t', 't', 'admin', '', x'00', 1, 1)"
        )
    store.close()
    check_first_token_file(settings)


@pytest.mark.parametrize("arguments", ["migrate --to 0009", "migrate --backed-up", "accept"])
def test_what_is_for_a_database_that_is_there_makes_none(tmp_path: Path, arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fairlift_server", *arguments.split()],
        env={**os.environ, "FAIRLIFT_DATABASE": str(tmp_path / "shop.db")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "there is no database at" in run.stderr
    assert list(tmp_path.iterdir()) == []
