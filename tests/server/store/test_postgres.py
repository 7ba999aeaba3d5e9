"""PostgreSQL as a database of the server: what it refuses, and what it survives."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fairlift.engine.errors import Overloaded, WrongState
from fairlift_server.store import tables
from fairlift_server.store.database import Store
from fairlift_server.store.partitions import PARTITIONED, make_partitions, missing_partitions
from fairlift_server.store.postgres_database import check_server
from fairlift_server.store.statements import first_row, insert_many, insertion
from fairlift_server.store.tables import metadata
from fairlift_server.store.write_beside import write_beside
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from tests.databases import new_database, rows
from tests.postgres import PostgresServer

DAY_S = 86_400


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of an empty database."""
    return new_database(str(tmp_path))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    store.migrate()
    yield store
    store.close()


def as_user(url: str, user: str, password: str = "") -> str:
    return url.replace("fairlift@", f"{user}:{password}@" if password else f"{user}@")


def refusal(url: str) -> str:
    """Why a server with this database does not start, as its operator reads it."""
    with pytest.raises(WrongState) as caught:
        _open(url)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _open(url: str) -> None:
    store = Store(url)
    try:
        store.migrate()
    finally:
        store.close()


def test_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    store.migrate()

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables},
        )
        return list(compare_metadata(context, metadata))

    assert store.read_now(differences) == []


def test_what_is_acknowledged_is_on_the_disk(url: str) -> None:
    # Given a database that does not wait for its disk
    rows(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
    store = Store(url)
    setting = store.write_now(lambda c: c.execute(text("SHOW synchronous_commit")).scalar_one())
    store.close()

    assert setting == "on"


def test_no_statement_and_no_transaction_lasts(store: Store) -> None:
    def limits(connection: Connection) -> set[str]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        return {connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}

    assert "0" not in store.write_now(limits) | store.read_now(limits)


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match="read-only transaction"):
        store.read_now(lambda c: c.execute(text("INSERT INTO layers VALUES ('a', 'salt')")))


def test_a_database_that_cannot_be_reached_is_told() -> None:
    message = refusal("postgresql://shop:sesame@127.0.0.1:1/shop?application_name=x")

    assert message.startswith("cannot use postgresql://127.0.0.1:1/shop: ")
    assert "refused" in message
    assert "FAIRLIFT_DATABASE must name" in message
    assert "sesame" not in message


def test_a_database_that_does_not_exist_is_told(url: str) -> None:
    assert '"missing" does not exist' in refusal(f"{url.rpartition('/')[0]}/missing")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://shop:sesame@host/shop?sslmod=require", "sslmod"),
        ("postgresql://shop:sesame%w0rd@127.0.0.1:1/shop", "% as %25, @ as %40"),
        ("postgresql://shop:open@sesame/w0rd@127.0.0.1:1/shop", "@ as %40 and / as %2F"),
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str, says: str) -> None:
    message = refusal(url)

    assert "FAIRLIFT_DATABASE is no URL of PostgreSQL" in message
    assert says in message
    assert "sesame" not in message
    assert "w0rd" not in message


@pytest.mark.usefixtures("store")
def test_a_command_of_a_user_who_may_only_read_is_told(url: str) -> None:
    """Not that the tables are of another version, which they are not."""
    user = f"reads_{url.rpartition('/')[2]}"
    rows(url, f"CREATE ROLE {user} LOGIN")
    rows(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")
    with pytest.raises(WrongState) as caught:
        write_beside(as_user(url, user), lambda c: c.execute(text("DELETE FROM tokens")))

    assert "cannot be written: permission denied for table tokens" in str(caught.value)
    assert "version" not in str(caught.value)


def test_a_wrong_password_is_told() -> None:
    server = PostgresServer()
    try:
        rules = server.data / "pg_hba.conf"
        rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        rows(server.url, "CREATE ROLE locked LOGIN PASSWORD 'sesame'")
        rows(server.url, "SELECT pg_reload_conf()")
        message = refusal(as_user(server.url, "locked", "simsalabim"))
    finally:
        server.remove()

    assert 'password authentication failed for user "locked"' in message
    assert "simsalabim" not in message


def test_another_program_s_database_is_left_alone(url: str) -> None:
    rows(url, "CREATE TABLE wp_posts (id int)")

    assert "contains the tables of another program, such as wp_posts" in refusal(url)
    assert rows(url, "SELECT count(*) FROM information_schema.tables WHERE table_schema='public'") \
        == [(1,)]  # fmt: skip


@pytest.mark.parametrize("is_migrated", [False, True])
def test_a_user_that_may_only_read_is_told(url: str, is_migrated: bool) -> None:
    if is_migrated:
        _open(url)
    user = f"reader_{url.rpartition('/')[2]}"
    rows(url, f"CREATE ROLE {user} LOGIN")
    rows(url, f"GRANT USAGE ON SCHEMA public TO {user}")
    rows(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")

    assert "permission denied" in refusal(as_user(url, user))


def test_a_schema_from_the_future_is_told(url: str) -> None:
    _open(url)
    rows(url, "UPDATE alembic_version SET version_num = '9999'")

    message = refusal(url)

    assert "was written by a newer Fairlift" in message
    assert "9999" in message


def test_a_database_in_another_encoding_is_told(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = f"ascii_{url.rpartition('/')[2]}"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'")

    assert "is in SQL_ASCII; Fairlift needs UTF8" in refusal(f"{url.rpartition('/')[0]}/{name}")


def test_an_old_server_is_told() -> None:
    with pytest.raises(WrongState, match="is PostgreSQL 14; Fairlift needs 15 or later"):
        check_server("postgresql://host/shop", version=140_012, encoding="UTF8")


def test_a_second_server_that_starts_at_once_waits_for_the_migration(url: str) -> None:
    program = (
        "import sys; from fairlift_server.store.database import Store; s = Store(sys.argv[1]); "
        "s.migrate(); s.close()"
    )
    import sys

    started = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(4)]

    assert [process.wait(60) for process in started] == [0, 0, 0, 0]


def test_a_connection_that_was_cut_is_replaced(store: Store, url: str) -> None:
    def add(layer: str) -> None:
        statement = text("INSERT INTO layers VALUES (:layer, 'salt')")
        store.write_now(lambda c: c.execute(statement, {"layer": layer}))

    add("before")
    rows(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    add("after")

    assert rows(url, "SELECT layer FROM layers ORDER BY layer") == [("after",), ("before",)]


def test_partitions_are_made_for_the_days_to_come(store: Store) -> None:
    today_s = 20_000 * DAY_S + 5
    made = store.write_now(lambda c: make_partitions(c, today_s))

    assert {f"{table}_20241004" for table in PARTITIONED} <= set(made)
    assert store.read_now(lambda c: missing_partitions(c, today_s)) == []
    missing = store.read_now(lambda c: missing_partitions(c, today_s + DAY_S))
    assert [partition.name for partition in missing] == ["exposures_20241013", "actions_20241013"]


def test_a_day_that_has_events_among_the_others_gets_no_partition(store: Store, url: str) -> None:
    received_us = 20_000 * DAY_S * 1_000_000
    rows(
        url,
        "INSERT INTO actions (event_id, time_us, received_us, unit, name) VALUES ('\\x01', 1, "
        f"{received_us}, 'v', 'view')",
    )

    made = store.write_now(lambda c: make_partitions(c, 20_000 * DAY_S))

    assert "actions_20241004" not in made
    assert {"exposures_20241004", "actions_20241005"} <= set(made)
    assert rows(url, "SELECT tableoid::regclass::text FROM actions") == [("actions_other",)]


def test_a_row_that_does_not_fit_and_a_lost_connection_are_told_apart(
    store: Store, url: str
) -> None:
    """COPY goes past SQLAlchemy: its errors are those of any other statement all the same."""
    inserted = insertion(tables.actions, ("event_id", "time_us", "received_us", "unit", "name"))

    def rows_with(name: str) -> list[tuple[object, ...]]:
        return [(b"\x01", 1, 1, "v", name)] * 50

    def cut(connection: Connection) -> None:
        rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ?",
             [connection.execute(text("SELECT pg_backend_pid()")).scalar_one()])  # fmt: skip
        insert_many(connection, inserted, rows_with("view"))

    with pytest.raises(DataError, match="value too long"):
        store.write_now(lambda c: insert_many(c, inserted, rows_with("n" * 64)))
    with pytest.raises(Overloaded, match="the database cannot write now"):
        store.write_now(cut)
    store.write_now(lambda c: insert_many(c, inserted, rows_with("view")))

    assert rows(url, "SELECT count(*) FROM actions") == [(50,)]


def test_statements_that_go_together_fail_like_any_other(store: Store, url: str) -> None:
    question = "SELECT 1, 'one'"

    def cut(connection: Connection) -> None:
        rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ?",
             [connection.execute(text("SELECT pg_backend_pid()")).scalar_one()])  # fmt: skip
        first_row(connection, question)

    with pytest.raises(ProgrammingError, match="nowhere"):
        store.write_now(lambda c: first_row(c, question, "DELETE FROM nowhere"))
    with pytest.raises(Overloaded, match="the database cannot write now"):
        store.write_now(cut)

    assert store.write_now(lambda c: first_row(c, question, "SAVEPOINT a")) == (1, "one")


def test_partitions_are_made_beside_a_long_reader_and_events_that_come_in(
    store: Store, url: str
) -> None:
    """A partition that waits for a reader must not keep events waiting behind it."""
    day_s = 20_500 * DAY_S
    inserted = insertion(tables.actions, ("event_id", "time_us", "received_us", "unit", "name"))

    def add(connection: Connection) -> None:
        insert_many(connection, inserted, [(b"\x01", 1, time.time_ns() // 1_000, "v", "view")])

    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM exposures, actions")
        with ThreadPoolExecutor(1) as other:
            making = other.submit(store.write_now, lambda c: _made(c, day_s))
            slowest_s = 0.0
            while not making.done():
                start = time.monotonic()
                store.write_now(add)
                slowest_s = max(slowest_s, time.monotonic() - start)
            made = making.result()
    again = store.write_now(lambda c: make_partitions(c, day_s))

    assert slowest_s < 1.0  # it gives up after two
    assert {f"{table}_20260216" for table in PARTITIONED} <= {*made, *again}


def _made(connection: Connection, now_s: float) -> list[str]:
    try:
        return make_partitions(connection, now_s)
    except OperationalError:
        connection.rollback()
        return []
