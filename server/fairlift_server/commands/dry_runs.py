"""Where a dry run judges rows: it makes no database, and changes none."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.settings import Settings


@contextmanager
def judging(settings: Settings) -> Iterator[Settings]:
    """The settings; where their database is not there or was never used, with one for the moment.

    Raises:
        WrongState: the database is of an older version, or cannot be used.
    """
    if _is_used(settings.database):
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="fairlift-dry-run-") as folder:
        # Several workers need PostgreSQL.
        yield replace(settings, database=str(Path(folder) / "shop.db"), workers=1)


def _is_used(database: str) -> bool:
    from fairlift_server.store.database import is_url, pending_migrations, read_beside
    from fairlift_server.store.last_write import LastWrite
    from fairlift_server.store.schema_version import OLDEST
    from fairlift_server.store.stored_ids import are_settled

    path = Path(database)
    if not (is_url(database) or path.exists() or LastWrite(path).path.exists()):
        return False
    name, missing = pending_migrations(database)
    if any(migration.revision == OLDEST for migration in missing):
        return False
    if missing:
        raise WrongState(
            f"{name} is of an older version; run `fairlift-server migrate` first: a dry run "
            "changes nothing"
        )
    return read_beside(database, are_settled)
