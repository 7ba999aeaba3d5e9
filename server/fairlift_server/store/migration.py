"""Alembic's migrations, forward only, in one transaction under a lock."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, inspect, text

from fairlift_server.store.locks import lock_migration

_MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "head"


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration that a database lacks.

    Attributes:
        revision: its number.
        title: what it is for.
        loses: what it removes for good; empty for a migration that only adds.
    """

    revision: str
    title: str
    loses: str


def migrate(
    connection: Connection,
    name: str,
    *,
    to: str = NEWEST,
    is_backed_up: bool = False,
    migrations: Path = _MIGRATIONS,
) -> None:
    """Upgrades the tables, as part of the connection's transaction.

    Args:
        connection: that may write.
        name: of the database, for messages.
        to: a revision that is not older than the database; by default the newest.
        is_backed_up: whether somebody says that there is a back-up.
        migrations: the folder of the scripts.

    Raises:
        WrongState: a newer Fairlift wrote the database, there is no such revision, or something
            would be removed for good and nobody said that there is a back-up.
    """
    lock_migration(connection)
    missing = pending(connection, name, to=to, migrations=migrations)
    losing = [each for each in missing if each.loses]
    if losing and _holds_campaigns(connection) and not is_backed_up:
        lost = "; ".join(f"{each.revision} removes {each.loses}" for each in losing)
        raise WrongState(
            f"{name} needs migrations that cannot be undone ({lost}). Make a back-up, then run "
            "`fairlift-server migrate --backed-up`"
        )
    if missing:
        config = _config(migrations)
        config.attributes["connection"] = connection
        command.upgrade(config, missing[-1].revision)


def pending(
    connection: Connection, name: str, *, to: str = NEWEST, migrations: Path = _MIGRATIONS
) -> list[Pending]:
    """The migrations that the database lacks, in order.

    Raises:
        WrongState: a newer Fairlift wrote it, or there is no such revision.
    """
    scripts = ScriptDirectory.from_config(_config(migrations))
    current = MigrationContext.configure(connection).get_current_revision()
    # One after the other: none has branches.
    known = {script.revision: script for script in reversed(list(scripts.walk_revisions()))}
    if current is not None and current not in known:
        raise WrongState(
            f"{name} was written by a newer Fairlift (its tables are of version {current}, this "
            f"program knows {max(known)}); run that version, or set FAIRLIFT_DATABASE to another "
            "database"
        )
    if to not in {NEWEST, *known}:
        raise WrongState(f"there is no migration {to}; there are {', '.join(sorted(known))}")
    following = list(known)[list(known).index(current) + 1 :] if current else list(known)
    if to == NEWEST:
        wanted = following
    elif to in following:
        wanted = following[: following.index(to) + 1]
    elif to == current:
        wanted = []
    else:
        raise WrongState(
            f"{name} is at {current} already, and migrations only go forward; to go back, restore "
            "a back-up"
        )
    return [_pending(known[revision]) for revision in wanted]


def _pending(script: Script) -> Pending:
    return Pending(script.revision, script.doc, getattr(script.module, "LOSES", ""))


def _holds_campaigns(connection: Connection) -> bool:
    if not inspect(connection).has_table("campaigns"):
        return False
    return connection.execute(text("SELECT 1 FROM campaigns LIMIT 1")).first() is not None


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config
