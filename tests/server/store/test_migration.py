"""Migrations: from the first schema on with data in it, on both databases, forward only."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.database import Store
from fairlift_server.store.migration import migrate, pending
from sqlalchemy import Connection, text

from tests.databases import changed, new_database, rows

# What the first version kept, one row of each kind.
FIRST_CONTENTS = (
    "INSERT INTO shop (id, currency_code, holdout_bps, holdout_salt) VALUES (1, 'EUR', 100, 's')",
    "INSERT INTO campaigns (id, state, message) VALUES ('a', 'draft', ?)",
    "INSERT INTO exposures (event_id, time_us, received_us, unit, campaign, epoch, variant) "
    "VALUES (?, 1, 2, 'v', 'a', 1, 'x')",
    "INSERT INTO actions (event_id, time_us, received_us, unit, name) VALUES (?, 1, 2, 'v', 'n')",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "shop.db")
    else:
        yield new_database(str(tmp_path))


def migrated(database: str, to: str = "head") -> None:
    store = Store(database)
    try:
        store.migrate(to=to)
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


def test_check_lists_what_is_missing_and_changes_nothing(database: str) -> None:
    migrated(database, "0001")

    before = command(database, "--check")
    version = rows(database, "SELECT version_num FROM alembic_version")
    step = command(database, "--to", "0002")
    upgraded = command(database)
    after = command(database, "--check")

    assert before.returncode == 1
    assert before.stdout.splitlines()[0].startswith("0002  Events that cannot be judged yet")
    assert version == [("0001",)]
    assert step.stdout.endswith("is at 0002\n")
    assert upgraded.stdout.endswith("is up to date\n")
    assert (after.returncode, after.stdout) == (0, upgraded.stdout)


def test_migrations_only_go_forward(database: str) -> None:
    migrated(database)

    back = command(database, "--to", "0001")
    unknown = command(database, "--to", "77")

    assert back.returncode == unknown.returncode == 1
    assert "migrations only go forward; to go back, restore a back-up" in back.stderr
    assert "there is no migration 77; there are 0001, 0002" in unknown.stderr


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
