"""Commands that copy a SQLite file, and what they answer where there is none."""

from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.settings import Settings

OWN_BACKUPS = (
    "back PostgreSQL up with pg_dump, or with a base back-up and its WAL archive (PITR): "
    "docs/operating.md has the steps"
)


def sqlite_path(settings: Settings, command: str, instead: str) -> Path:
    """The path of the SQLite database.

    Args:
        settings: of the server.
        command: that needs it.
        instead: what to do where the database is PostgreSQL.

    Raises:
        WrongState: it is.
    """
    if settings.database.startswith(("postgresql:", "postgres:", "postgresql+")):
        raise WrongState(f"`fairlift-server {command}` is for SQLite; {instead}")
    return Path(settings.database)
