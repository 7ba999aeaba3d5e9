"""Alembic's migrations, forward and back, in one transaction under a lock."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, inspect, text

from fairlift_server.store.locks import lock_migration
from fairlift_server.store.schema_version import MIGRATIONS, NEWEST, Pending, newer_tables


def migrate(
    connection: Connection,
    name: str,
    *,
    to: str = NEWEST,
    is_backed_up: bool = False,
    migrations: Path = MIGRATIONS,
) -> None:
    """Upgrades the tables, or takes them back, as part of the connection's transaction.

    Args:
        connection: that may write.
        name: of the database, for messages.
        to: a revision, also one that is older than the database; by default the newest.
        is_backed_up: whether somebody says that there is a back-up.
        migrations: the folder of the scripts.

    Raises:
        WrongState: a newer Fairlift wrote the database, there is no such revision, or something
            would be removed for good and nobody said that there is a back-up.
    """
    lock_migration(connection)
    if undone := undone_on_the_way(connection, to, migrations=migrations):
        _go_back(connection, name, undone, to, is_backed_up=is_backed_up, migrations=migrations)
        return
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
    connection: Connection, name: str, *, to: str = NEWEST, migrations: Path = MIGRATIONS
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
        raise newer_tables(name, current, max(known))
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
            f"{name} is at {current}, which is newer; `fairlift-server migrate --to {to}` says "
            "whether it can go back"
        )
    return [_pending(known[revision]) for revision in wanted]


def undone_on_the_way(
    connection: Connection, to: str, *, migrations: Path = MIGRATIONS
) -> list[Script]:
    """The migrations after `to` that the database has had, the newest first."""
    scripts = ScriptDirectory.from_config(_config(migrations))
    current = MigrationContext.configure(connection).get_current_revision()
    known = [script.revision for script in scripts.walk_revisions()]  # the newest first
    if current not in known or to not in known:
        return []
    between = known[known.index(current) : known.index(to)]
    return [scripts.get_revision(revision) for revision in between]


def _go_back(
    connection: Connection,
    name: str,
    undone: list[Script],
    to: str,
    *,
    is_backed_up: bool,
    migrations: Path,
) -> None:
    for script in undone:
        if not hasattr(script.module, "LOSES_GOING_BACK"):
            raise WrongState(
                f"{name} cannot go back to {to}: {script.revision} ({script.doc}) cannot be "
                "undone; to go back, restore a back-up of that version"
            )
    if not is_backed_up and _holds_campaigns(connection):
        lost = "; ".join(f"{s.revision} removes {s.module.LOSES_GOING_BACK}" for s in undone)
        raise WrongState(
            f"{name} would lose something for good on the way back to {to} ({lost}). Make a "
            f"back-up, then run `fairlift-server migrate --to {to} --backed-up`"
        )
    config = _config(migrations)
    config.attributes["connection"] = connection
    command.downgrade(config, to)


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
