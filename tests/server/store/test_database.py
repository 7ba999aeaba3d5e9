"""The SQLite file: migrated from nothing, durable, one server each."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fairlift.engine.errors import Overloaded, WrongState
from fairlift_server.store.database import Store
from fairlift_server.store.tables import metadata
from sqlalchemy import Connection, text

from tests.databases import sqlite_only

pytestmark = sqlite_only


def test_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    store.migrate()

    differences = store.read_now(
        lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
    )
    store.close()

    assert differences == []


def test_a_commit_reaches_the_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")

    def pragma(connection: Connection) -> tuple[str, int]:
        journal = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        return journal, connection.execute(text("PRAGMA synchronous")).scalar_one()

    settings = store.write_now(pragma)
    store.close()

    full = 2
    assert settings == ("wal", full)


def test_a_job_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()

    def job(connection: Connection) -> None:
        connection.execute(text("INSERT INTO layers VALUES ('a', 'salt')"))
        raise LookupError

    with pytest.raises(LookupError):
        store.write_now(job)
    left = store.read_now(lambda c: c.execute(text("SELECT count(*) FROM layers")).scalar_one())
    store.close()

    assert left == 0


def test_a_file_has_one_server(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")

    with pytest.raises(WrongState, match="another server uses"):
        Store(tmp_path / "shop.db")

    store.close()
    Store(tmp_path / "shop.db").close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match="does not exist; create it first"):
        Store(tmp_path / "none" / "shop.db")


@pytest.mark.slow
def test_a_database_that_another_program_locks_is_an_overload_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    other = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Overloaded, match="cannot write now"):
        store.write_now(lambda c: c.execute(text("DELETE FROM layers")))

    (record,) = (entry for entry in caplog.records if entry.name == "fairlift.store")
    assert (record.levelname, record.getMessage()) == ("ERROR", "the database cannot write")
    assert getattr(record, "fields", None) == {"reason": "database is locked", "failed_writes": 1}
    other.close()
    store.close()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match="is a folder; FAIRLIFT_DATABASE must name a file in it"):
        Store(tmp_path)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.db.lock").mkdir()

    with pytest.raises(
        WrongState, match=r"cannot write .*shop\.db\.lock: Is a directory; let this"
    ):
        Store(tmp_path / "shop.db")


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_text("a letter to grandmother, longer than a header of SQLite " * 20)
    store = Store(path)

    with pytest.raises(WrongState, match=r"cannot use .*shop\.db: file is not a database"):
        store.migrate()
    store.close()

    assert path.read_text().startswith("a letter to grandmother")


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = path.read_bytes()
    store = Store(path)

    with pytest.raises(WrongState, match="contains the tables of another program, such as recipes"):
        store.migrate()
    store.close()

    assert path.read_bytes() == before


def test_a_database_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    store.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'v9999'")))

    with pytest.raises(WrongState, match=r"was written by a newer Fairlift .*v9999"):
        store.migrate()
    store.close()


@pytest.mark.slow
def test_a_database_that_is_locked_at_the_start_is_named(tmp_path: Path) -> None:
    Store(tmp_path / "shop.db").close()
    other = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = Store(tmp_path / "shop.db")

    with pytest.raises(WrongState, match="database is locked; FAIRLIFT_DATABASE must name"):
        store.migrate()

    other.close()
    store.close()
