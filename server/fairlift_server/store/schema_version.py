"""Whether a database needs migrations, asked without Alembic.

Alembic takes a tenth of a second to load, and most starts need no migration.
"""

from dataclasses import dataclass
from pathlib import Path

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, inspect, text

MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "head"
# The first migration.
OLDEST = "0001"


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


def is_newest(connection: Connection) -> bool:
    """Whether the database has had this program's last migration, and no later one."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return list(versions) == [newest_revision()]


def newer_tables(name: str, version: str, known: str) -> WrongState:
    """What refuses a database whose tables this program does not know."""
    return WrongState(
        f"{name} was written by a newer Fairlift (its tables are of version {version}, this "
        f"program knows {known}); run that version, or set FAIRLIFT_DATABASE to another database"
    )


def newest_revision() -> str:
    """Scripts are named after their revisions: v0003_privacy.py is that of 0003."""
    last = max(script.stem for script in (MIGRATIONS / "versions").glob("v*.py"))
    return last.removeprefix("v").partition("_")[0]
