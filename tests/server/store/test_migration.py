"""Migrations: from the first schema on with data in it, and back by one, on both databases."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from fairlift.engine.errors import WrongState
from fairlift_server.store.database import Store, pending_migrations
from fairlift_server.store.migration import migrate, pending
from fairlift_server.store.schema_version import MIGRATIONS, is_newest
from sqlalchemy import Connection, inspect, text

from tests.databases import changed, new_database, rows

# What the first version kept, one row of each kind.
FIRST_CONTENTS = (
    "INSERT INTO shop (id, currency_code, holdout_bps, holdout_salt) VALUES (1, 'EUR', 100, 's')",
    "INSERT INTO campaigns (id, state, message) VALUES ('a', 'draft', ?)",
    "INSERT INTO exposures (event_id, time_us, received_us, unit, campaign, epoch, variant) "
    "VALUES (?, 1, 2, 'v', 'a', 1, 'x')",
    "INSERT INTO actions (event_id, time_us, received_us, unit, name) VALUES (?, 1, 2, 'v', 'n')",
)

CHANGE = (
    "INSERT INTO changes (campaign, time_us, author, verb, epoch, fields, reason) "
    "VALUES (?, 1, 'token', ?, 0, '[]', '')"
)

TOKEN = (
    "INSERT INTO tokens (id, version, display_name, role, environment, created_us, secret_hash) "
    "VALUES ('ci', 1, 'CI', 'editor', '', 1, ?)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "shop.db")
    else:
        yield new_database(str(tmp_path))


def migrated(database: str, to: str = "head", *, is_backed_up: bool = False) -> None:
    store = Store(database)
    try:
        store.migrate(to=to, is_backed_up=is_backed_up)
    finally:
        store.close()


def command(database: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "migrate", *arguments],
        env={"FAIRLIFT_DATABASE": database, "FAIRLIFT_RAW_IDS": "yes"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_schema_is_upgraded_with_its_data(database: str) -> None:
    migrated(database, "0001")
    for statement in FIRST_CONTENTS:
        assert changed(database, statement, [b"\x01"] * statement.count("?")) == 1

    migrated(database)

    assert rows(database, "SELECT unit, variant, received_us FROM exposures") == [("v", "x", 2)]
    assert rows(database, "SELECT unit, name FROM actions") == [("v", "n")]
    assert rows(database, "SELECT currency_code, holdout_bps FROM shop") == [("EUR", 100)]
    # New rows follow the old ones.
    statement = FIRST_CONTENTS[2]
    assert changed(database, statement, [b"\x02"]) == 1
    assert rows(database, "SELECT count(DISTINCT id) FROM exposures") == [(2,)]


def test_each_version_can_be_upgraded(database: str) -> None:
    store = Store(database)
    revisions = [each.revision for each in store.write_now(lambda c: pending(c, "shop"))]
    store.close()
    assert revisions[0] == "0001"
    assert revisions == sorted(revisions)
    for revision in revisions:
        migrated(database, revision)
        assert rows(database, "SELECT version_num FROM alembic_version") == [(revision,)]


def test_a_database_is_newest_after_the_last_migration_alone(database: str) -> None:
    store = Store(database)
    revisions = [each.revision for each in store.write_now(lambda c: pending(c, "shop"))]
    newest = [store.write_now(is_newest)]
    for revision in (*revisions[-2:], "of a later program"):
        if revision in revisions:
            store.migrate(to=revision)
        else:
            changed(database, "UPDATE alembic_version SET version_num = '9999'")
        newest.append(store.write_now(is_newest))
    store.close()

    assert newest == [False, False, True, False]


def test_check_lists_what_is_missing_and_changes_nothing(database: str) -> None:
    migrated(database, "0001")

    before = command(database, "--check")
    version = rows(database, "SELECT version_num FROM alembic_version")
    one = command(database, "--check", "--to", "0002")
    step = command(database, "--to", "0002")
    upgraded = command(database)
    after = command(database, "--check")

    assert before.returncode == 1
    assert one.stdout.endswith(" lacks 1 migration\n")
    assert before.stdout.splitlines()[0].startswith("0002  Events that cannot be judged yet")
    assert version == [("0001",)]
    assert step.stdout.endswith("is at 0002\n")
    assert upgraded.stdout.endswith("is up to date\n")
    assert (after.returncode, after.stdout) == (0, upgraded.stdout)


def test_the_newest_tables_go_back_by_one_version_and_keep_the_rest(database: str) -> None:
    # Given what the version before kept, and what only this one can keep
    migrated(database, "0008")
    for statement in FIRST_CONTENTS:
        changed(database, statement, [b"\x01"] * statement.count("?"))
    changed(database, CHANGE, ["a", "create"])
    migrated(database, "0009")
    changed(database, CHANGE, [None, "tokens"])
    changed(database, TOKEN, [b"\x01" * 32])

    refused = command(database, "--to", "0008")
    tokens = rows(database, "SELECT id FROM tokens")
    migrated(database, "0008", is_backed_up=True)
    version = rows(database, "SELECT version_num FROM alembic_version")
    left = [
        rows(database, f"SELECT count(*) FROM {table}")
        for table in ("campaigns", "exposures", "actions", "changes")
    ]
    migrated(database)

    assert (refused.returncode, tokens) == (1, [("ci",)])
    assert "0009 removes all tokens but FAIRLIFT_TOKEN, what administrators set" in refused.stderr
    assert "then run `fairlift-server migrate --to 0008 --backed-up`" in refused.stderr
    assert version == [("0008",)]
    assert left == [[(1,)]] * 4
    assert rows(database, "SELECT unit FROM exposures") == [("v",)]
    assert rows(database, "SELECT count(*) FROM tokens") == [(0,)]


@pytest.mark.parametrize(("older", "newer"), [("0008", "0009"), ("0009", "0010")])
def test_the_tables_are_the_same_after_the_way_back_as_before(
    database: str, older: str, newer: str
) -> None:
    migrated(database, older)
    before = columns(database)
    migrated(database, newer)
    assert columns(database) != before

    migrated(database, older)

    assert columns(database) == before


def columns(database: str) -> list[tuple[str, str, bool]]:
    """All columns, and whether they may be empty."""
    store = Store(database)
    try:
        with store._database.writing.connect() as connection:
            tables = inspect(connection)
            return [
                (table, column["name"], column["nullable"])
                for table in sorted(tables.get_table_names())
                for column in sorted(tables.get_columns(table), key=lambda each: each["name"])
            ]
    finally:
        store.close()


def test_what_cannot_be_undone_is_not_undone(database: str) -> None:
    migrated(database)

    with pytest.raises(WrongState, match=r"cannot go back to 0001: 0008 .*cannot be undone; to go"):
        migrated(database, "0001", is_backed_up=True)
    with pytest.raises(WrongState, match="there is no migration 77; there are 0001, 0002"):
        migrated(database, "77")
    assert rows(database, "SELECT count(*) FROM tokens") == [(0,)]
    with pytest.raises(WrongState, match="migrate --to 0001` says whether it can go back"):
        pending_migrations(database, "0001")


def test_the_newest_migration_says_what_going_back_loses() -> None:
    """A version that was upgraded can be left again: each new migration says how."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_revision("head")

    assert newest is not None
    assert isinstance(newest.module.LOSES_GOING_BACK, str)


def test_tables_do_not_go_back_below_a_running_server(tmp_path: Path) -> None:
    database = new_database(str(tmp_path))
    migrated(database)
    serving = Store(database)
    serving.migrate()

    with pytest.raises(WrongState, match=r"a server of Fairlift uses .*stop it first"):
        migrated(database, "0008", is_backed_up=True)
    serving.close()

    migrated(database, "0008", is_backed_up=True)
    assert rows(database, "SELECT version_num FROM alembic_version") == [("0008",)]


LOSING = '''"""Forgets the holdout."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None
LOSES = "the campaigns' names"


def upgrade() -> None:
    op.create_table("marks", sa.Column("id", sa.Integer(), primary_key=True))
'''


def test_what_cannot_be_undone_asks_for_a_back_up(database: str, tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        source = Path(sys.modules[migrate.__module__].__file__ or "").parent / "migrations" / name
        (scripts / name).write_text(source.read_text())
    (scripts / "versions" / "v0001.py").write_text(LOSING)
    store = Store(database)

    def upgrade(connection: Connection, *, is_backed_up: bool) -> None:
        migrate(connection, "shop", is_backed_up=is_backed_up, migrations=scripts)

    store.write_now(lambda c: c.execute(text("CREATE TABLE campaigns (id int)")))
    store.write_now(lambda c: c.execute(text("INSERT INTO campaigns VALUES (1)")))
    with pytest.raises(WrongState, match=r"0001 removes the campaigns' names.*--backed-up"):
        store.write_now(lambda c: upgrade(c, is_backed_up=False))
    store.write_now(lambda c: upgrade(c, is_backed_up=True))
    made = store.read_now(lambda c: c.execute(text("SELECT count(*) FROM marks")).scalar_one())
    store.close()

    assert made == 0


def test_a_killed_migration_leaves_the_old_schema(database: str) -> None:
    migrated(database, "0001")
    program = (
        "import os, sys; from fairlift_server.store.database import Store; s = Store(sys.argv[1]); "
        "s.migrate(lambda _: os.kill(os.getpid(), 9))"
    )
    killed = subprocess.run([sys.executable, "-c", program, database], check=False, timeout=60)
    version = rows(database, "SELECT version_num FROM alembic_version")
    migrated(database)

    assert killed.returncode == -9
    assert version == [("0001",)]
