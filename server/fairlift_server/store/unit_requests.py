"""What a person may ask for: that everything about them is erased, or handed over."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store import erasure
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.decided_ids import decided_ids
from fairlift_server.store.erasure import Erasure, Request, note_request
from fairlift_server.store.history import Author
from fairlift_server.store.person_entries import PersonEntries, person_entries
from fairlift_server.store.person_rows import SEARCHED, PersonRows, person_rows
from fairlift_server.store.stored_ids import ids_for_tombstones
from fairlift_server.store.tombstone_file import TombstoneFile

log = logging.getLogger("fairlift.privacy")

# Readers of results may hold an older state for as long as a look takes.
_LOG_ATTEMPTS = 1_800
_LOG_EVERY_S = 1.0


class UnitRequests:
    """Erases and exports.

    Args:
        store: the database.
        ids: how ids are stored in it.
        file: where tombstones outlive the database; None: nowhere.
        after_erasing: removes what was copied from the database; called in a thread.
    """

    def __init__(
        self,
        store: Store,
        ids: UnitIds,
        file: TombstoneFile | None,
        after_erasing: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._file = file
        self._after_erasing = after_erasing
        self._emptying: set[asyncio.Task[None]] = set()

    async def erase(self, units: Iterable[str], request: Request) -> Erasure:
        """Erases ids, as they came, and all that are linked with them; durable when it returns.

        Raises:
            WrongState: the file of tombstones cannot be written; nothing was erased.
            Overloaded: the database cannot write now; nothing was erased.
        """
        stored = [self._ids.stored(unit) for unit in units]
        self._ids.forget()
        # The long search comes first: it keeps no events waiting.
        known = await self._person_rows(stored)
        erased = await self._store.write(
            lambda transaction: self._erase(transaction, stored, known, request)
        )
        await asyncio.to_thread(self._after_erasing)
        _log("a unit was erased", request, erased)
        # The caller need not wait for readers.
        task = asyncio.create_task(self._empty_log())
        self._emptying.add(task)
        task.add_done_callback(self._emptying.discard)
        await asyncio.wait([task], timeout=_LOG_EVERY_S)
        return erased

    async def export(self, unit: str, request: Request) -> PersonEntries:
        """Everything that is kept about an id, as it came, and about all that are linked with it.

        Raises:
            Overloaded: the database cannot write down now that it was asked for.
        """
        stored = self._ids.stored(unit)
        self._ids.forget()
        entries = await self._store.read(lambda transaction: person_entries(transaction, stored))
        counts = entries.counts
        await self._store.write(
            lambda transaction: note_request(transaction, "export", request, entries.ids, counts)
        )
        _log("a unit was exported", request, Erasure(entries.ids, counts))
        return entries

    async def close(self) -> None:
        """Gives up waiting for readers: SQLite empties the log when the database is closed."""
        for task in self._emptying:
            task.cancel()

    async def _person_rows(self, stored: list[str]) -> PersonRows:
        """What is kept about these ids; rows above its `newest` ids are to be searched again."""
        decided = None
        if self._store.is_shared:
            decided = await asyncio.to_thread(decided_ids, self._store.source, SEARCHED)
        rows = await self._store.read(lambda transaction: person_rows(transaction, stored))
        return rows if decided is None else replace(rows, newest=decided)

    def _erase(
        self, transaction: Transaction, stored: list[str], known: PersonRows, request: Request
    ) -> Erasure:
        return erasure.erase(transaction, stored, self._ids, self._file, request, known=known)

    async def _empty_log(self) -> None:
        for _attempt in range(_LOG_ATTEMPTS):
            if await self._store.empty_log():
                return
            await asyncio.sleep(_LOG_EVERY_S)
        log.warning("what was erased is still in the database's log until its readers end")


def apply_tombstones(store: Store, file: TombstoneFile, *, time_us: int) -> Erasure:
    """Erases from a database what the file remembers, such as after an older back-up was restored.

    Afterwards both have all tombstones. It needs no key, and may be repeated.

    Raises:
        WrongState: the file cannot be read or written; nothing was erased.
    """

    def apply(transaction: Transaction) -> Erasure:
        ids = ids_for_tombstones(transaction)
        if ids is None:
            return Erasure(0, {})
        return erasure.erase_noted(transaction, ids, file, time_us=time_us)

    applied = store.write_now(apply)
    if applied.events:
        store.empty_log_now()
        _log("erased again what an older database still held", Request(time_us, Author()), applied)
    return applied


def _log(text: str, request: Request, done: Erasure) -> None:
    author = request.author.token or request.author.user
    fields = {"author": author, "ids": done.ids, "events": done.events, **done.counts}
    log.warning(text, extra={"fields": fields})
