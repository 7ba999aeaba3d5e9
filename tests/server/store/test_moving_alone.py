"""No server uses a database while its shop moves, and what takes no move says so."""

import asyncio
import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest
from fairlift.engine.errors import FairliftError, WrongState
from fairlift_server.commands.move import MOVE
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store
from fairlift_server.store.moving import Report, move

from tests.databases import new_database, rows
from tests.server import shop
from tests.server.client import running
from tests.server.store.test_moving import contents

Meanwhile = Callable[[], object]


def told_of_orders(meanwhile: Meanwhile) -> Report:
    """Does something once orders have moved."""

    def report(table: str, _done: int, _rows: int) -> None:
        if table == "orders":
            meanwhile()

    return report


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, Meanwhile], None]:
    """Moves a shop; something happens in the middle of it."""

    def run(source: str, target: str, meanwhile: Meanwhile) -> None:
        report = told_of_orders(meanwhile)
        monkeypatch.setattr("fairlift_server.commands.move._report", report)
        MOVE.run(Settings(), Namespace(source=source, target=target))

    return run


Moving = Callable[[str, str, Meanwhile], None]


def tries(database: str) -> str:
    """What a server says that would start now."""
    store = Store(database)
    try:
        store.migrate()
    except FairliftError as error:
        return str(error)
    finally:
        store.close()
    return "started"


def test_no_server_starts_while_a_shop_moves(tmp_path: Path, moving: Moving) -> None:
    old, new = new_database(f"{tmp_path} old"), new_database(f"{tmp_path} new")
    assert tries(old) == "started"
    said: list[str] = []

    moving(old, new, lambda: said.extend(map(tries, (old, new))))

    assert ["`fairlift-server move` copies postgresql://" in text for text in said] == [True, True]
    assert [tries(database) for database in (old, new)] == ["started"] * 2


def moved_alone(source: str, target: str, meanwhile: Meanwhile) -> None:
    """As the command does it, in any thread."""
    with closing(Store(source)) as old, closing(Store(target)) as new:
        for store in (old, new):
            store.keep_others_away()
            store.migrate(may_be_unfinished=True)
        move(old, new, told_of_orders(meanwhile))


async def test_a_server_that_was_cut_off_waits_until_a_move_has_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its database was away when the move began; callers are asked to send again."""
    old, new = new_database(f"{tmp_path} old"), new_database(f"{tmp_path} new")
    async with running(tmp_path, database=old) as caller:
        await caller.start(shop.campaign())
        await caller.accepted([shop.exposure("a")])
        loop = asyncio.get_running_loop()
        codes: list[grpc.StatusCode] = []

        def sends() -> None:
            call = asyncio.run_coroutine_threadsafe(caller.record(shop.exposure("b")), loop)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                call.result(20)
            codes.append(caught.value.code())

        for _attempt in range(30):
            cut_off(old)
            with suppress(WrongState):  # the server was back before the move
                await asyncio.to_thread(moved_alone, old, new, sends)
                break
        assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED]
        fields = [getattr(record, "fields", {}) for record in caplog.records]
        reasons = [str(each.get("reason")) for each in fields]
        assert any("`fairlift-server move` copies postgresql://" in each for each in reasons)
        assert rows(new, "SELECT unit FROM exposures") == rows(old, "SELECT unit FROM exposures")
        await caller.accepted([shop.exposure("b")])


def test_a_move_that_could_not_keep_servers_away_has_not_ended(
    tmp_path: Path, moving: Moving
) -> None:
    old, new = new_database(f"{tmp_path} old"), new_database(f"{tmp_path} new")
    assert tries(old) == "started"

    with pytest.raises(WrongState, match=r"kept servers away from .* was lost; run the same"):
        moving(old, new, lambda: cut_off(old))

    assert "was begun and not ended" in tries(new)
    moving(old, new, lambda: None)
    assert tries(new) == "started"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_move_that_is_interrupted_says_how_it_goes_on(
    tmp_path: Path, moving: Moving, number: signal.Signals
) -> None:
    old, new = str(tmp_path / "old.db"), str(tmp_path / "new.db")
    assert tries(old) == "started"

    with pytest.raises(SystemExit, match="the move was interrupted; run it again: it goes on"):
        moving(old, new, lambda: signal.raise_signal(number))

    moving(old, new, lambda: None)
    assert contents(new) == contents(old)


def test_who_writes_under_another_name_keeps_a_move_away(tmp_path: Path, moving: Moving) -> None:
    """As a pooler gives to connections: the lock counts, not the name."""
    old = new_database(str(tmp_path))
    store = Store(old)
    store.migrate()
    renamed = "SELECT set_config('application_name', 'pooler', false)"
    store.write_now(lambda connection: connection.exec_driver_sql(renamed))

    with pytest.raises(WrongState, match=r"a server of Fairlift uses .*; stop it first"):
        moving(old, str(tmp_path / "new.db"), lambda: None)

    store.close()
    moving(old, str(tmp_path / "new.db"), lambda: None)


def cut_off(database: str) -> None:
    """Ends all connections of Fairlift, as a restart of PostgreSQL does."""
    rows(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'fairlift%'",
    )


def test_a_database_does_not_move_into_itself(tmp_path: Path, moving: Moving) -> None:
    file, url = tmp_path / "shop.db", new_database(str(tmp_path))
    Store(file).close()
    link = tmp_path / "link.db"
    link.symlink_to(file)

    for one, other in ((url, url), (str(file), str(link))):
        with pytest.raises(WrongState, match="--from and --to name the same database"):
            moving(one, other, lambda: None)


@pytest.mark.parametrize("side", ["source", "target"])
def test_words_of_a_connection_are_no_file_and_are_not_shown(
    tmp_path: Path, moving: Moving, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Store("shop.db").close()
    sides = {"source": "shop.db", "target": "new.db", side: "host=db password=secret"}

    with pytest.raises(WrongState, match="lists words such as host=…") as caught:
        moving(sides["source"], sides["target"], lambda: None)

    assert "secret" not in str(caught.value)
    assert not list(tmp_path.glob("*secret*"))


def test_a_database_that_takes_no_move_is_told(tmp_path: Path, moving: Moving) -> None:
    """Its user may make no tables, not even temporary ones."""
    old = new_database(f"{tmp_path} old")
    name = old.rpartition("/")[2]
    rows(old, f"CREATE ROLE reader_{name} LOGIN")
    rows(old, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    rows(old, f"GRANT CONNECT ON DATABASE {name} TO reader_{name}")
    url = old.replace("fairlift@", f"reader_{name}@")

    with pytest.raises(WrongState, match=r"cannot use postgresql://.*permission denied"):
        moving(url, str(tmp_path / "new.db"), lambda: None)


async def test_a_token_that_is_revoked_meanwhile_is_not_valid_afterwards(
    tmp_path: Path, moving: Moving
) -> None:
    """A file takes such changes also while another program has it open."""
    old, new = str(tmp_path / "old.db"), new_database(str(tmp_path))
    settings = {"FAIRLIFT_DATABASE": old, "PATH": os.environ["PATH"]}

    def token(*arguments: str) -> None:
        command = [sys.executable, "-m", "fairlift_server", "token", *arguments]
        subprocess.run(command, env=settings, check=True, capture_output=True)

    assert tries(old) == "started"
    token("create", "--role", "admin", "--name", "Ana", "--lifetime", "365d")

    with pytest.raises(WrongState, match=r"differ in .*tokens.*: something else wrote"):
        moving(old, new, lambda: token("revoke", "tokens/ana"))

    moving(old, new, lambda: None)
    assert contents(new) == contents(old)
