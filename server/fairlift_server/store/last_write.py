"""The file beside the database that says how far its writes had come.

A database cannot tell by itself that its last writes are gone: SQLite reads a lost, emptied or
truncated write-ahead log as nothing, and an emptied file as a new database.
"""

import json
import logging
import os
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from fairlift.engine.errors import WrongState

log = logging.getLogger("fairlift.store")

# A fixed length: it is written in place, in one sector.
_BYTES = 256


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a database has come.

    Attributes:
        ledger: the random name of the database, the same in its copies.
        writes: transactions that changed it, all counted.
        events: in its ledger.
    """

    ledger: str
    writes: int
    events: int


class LastWrite:
    """The file `<database>.last-write`; it is never ahead of what the database has on disk.

    It is written after each commit, and not synchronised: after a power failure it may be older
    than the database, which is no loss.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.path = database.with_name(database.name + ".last-write")
        self._descriptor = -1
        self._failed = False

    def check(self) -> None:
        """Refuses a database that is behind its file; nothing is changed.

        Raises:
            WrongState: writes that it had are missing, or it is another database.
            sqlite3.DatabaseError: it cannot be read.
        """
        known = self.known()
        if known is None:
            return
        progress = progress_of(self._database)
        if (
            progress is not None
            and progress.ledger == known.ledger
            and progress.writes >= known.writes
        ):
            return
        raise WrongState(
            f"{self._database} {_difference(progress, known)}. It had {known.events:,} events at "
            f"{self._time()}, {self.path} says. Stop whatever changes the file, and put it back "
            f"together with its {self._database.name}-wal; if it is to stay as it is, such as "
            "after restoring an older back-up, run `fairlift-server accept` once"
        )

    def forget(self) -> None:
        """Removes the file: what the database is now is accepted."""
        self.path.unlink(missing_ok=True)

    def write(self, progress: Progress) -> None:
        """Notes a commit; a failure is logged and leaves the older note, which stays true."""
        text = json.dumps(asdict(progress)).encode().ljust(_BYTES - 1) + b"\n"
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
                # What somebody else wrote there may be longer.
                os.ftruncate(self._descriptor, _BYTES)
            os.pwrite(self._descriptor, text, 0)
        except OSError as error:
            if not self._failed:
                fields = {"file": str(self.path), "reason": error.strerror}
                log.warning("the last write cannot be noted", extra={"fields": fields})
            self._failed = True

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def known(self) -> Progress | None:
        """What the file says; None: there is none, or it cannot be read."""
        try:
            return _progress_from(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            fields = {"file": str(self.path), "reason": str(error)}
            log.warning("cannot tell whether writes are missing", extra={"fields": fields})
            return None

    def _time(self) -> str:
        seconds = self.path.stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def opened_to_read(database: Path) -> sqlite3.Connection:
    """A connection that changes neither the file nor its log."""
    wal = database.with_name(database.name + "-wal")
    # Immutable: else SQLite makes an empty log where there is none.
    options = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(database))}?{options}", uri=True)


def _progress_from(noted: object) -> Progress:
    """What the file says, if it is what `LastWrite.write` writes; else ValueError."""
    match noted:
        case {
            "ledger": str(ledger),
            "writes": int(writes),
            "events": int(events),
            **others,
        } if not others and min(writes, events) >= 0:
            return Progress(ledger, writes, events)
    raise ValueError("is not what the server notes there")


def _difference(progress: Progress | None, known: Progress) -> str:
    if progress is None:
        return "is empty or missing, but was a shop's database before"
    if not progress.ledger:
        return "contains no ledger, but was a shop's database before"
    if progress.ledger != known.ledger:
        return f"is another database than before (it has {progress.events:,} events)"
    missing = known.writes - progress.writes
    return f"lacks its last {missing:,} writes (it has {progress.events:,} events)"


def progress_of(database: Path) -> Progress | None:
    """What a file says of itself, read without changing it or its log; None: it is empty.

    Raises:
        sqlite3.DatabaseError: it cannot be read.
    """
    if not database.exists() or database.stat().st_size == 0:
        return None
    connection = opened_to_read(database)
    try:
        row = connection.execute("SELECT ledger, writes, events FROM ledger_state").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return Progress("", 0, 0)
        raise
    finally:
        connection.close()
    return Progress(*row) if row else Progress("", 0, 0)
