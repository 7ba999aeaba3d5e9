"""How far the ledger is: a mark that differs whenever anything differs that a result is made from.

Events are only added, under ids that grow; what restates an order adds a row, and so does what
removes events. The newest row of each table says it all, with what tells it from one of the same
id in another database, such as a back-up that was put in its place.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert

from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.store import tables
from fairlift_server.store.decided_ids import writing
from fairlift_server.store.statements import execute, is_postgres

_KEYS: Final[Mapping[str, str]] = {**ROW_KEYS, "removals": "time_us"}


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """How far the ledger is.

    Attributes:
        text: differs whenever the events do.
        removals: how often events were removed.
        is_settled: no row appears later whose id is lower than those that are there.
    """

    text: str
    removals: int
    is_settled: bool


def ledger_mark(connection: Connection) -> LedgerMark:
    """The mark of what the transaction sees.

    What a transaction that begins later reads, while the mark still is the same, is what any other
    one reads under it, if it was settled.
    """
    newest: dict[str, tuple[int, str]] = {}
    for table, key in _KEYS.items():
        query = f"SELECT id, {key} FROM {table} ORDER BY id DESC LIMIT 1"
        row = execute(connection, query).mappings().first()
        newest[table] = (0, "") if row is None else (int(row["id"]), _plain(row[key]))
    ledger = execute(connection, "SELECT ledger FROM ledger_state").scalar()
    # Where several servers write, ids become visible out of order.
    is_settled = not is_postgres(connection) or not writing(connection, list(_KEYS))
    text = hashlib.sha256(repr((ledger, newest)).encode()).hexdigest()
    return LedgerMark(text, newest["removals"][0], is_settled)


def note_removal(connection: Connection) -> None:
    """Notes that the transaction removes events."""
    connection.execute(insert(tables.removals).values(time_us=time.time_ns() // 1_000))


def _plain(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
