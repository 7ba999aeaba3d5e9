"""Commands that copy a SQLite file, and what they answer where there is none."""

from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.settings import Settings


def sqlite_path(settings: Settings, command: str) -> Path:
    """The path of the SQLite database.

    Raises:
        WrongState: the database is PostgreSQL, which has its own back-ups.
    """
    if settings.database.startswith(("postgresql:", "postgres:", "postgresql+")):
        raise WrongState(
            f"`fairlift-server {command}` is for SQLite; back PostgreSQL up with pg_dump, or with "
            "a base back-up and its WAL archive (PITR): docs/operating.md has the steps"
        )
    return Path(settings.database)
