"""How far an export has come, in the order in which writes were committed.

SQLite has one writer: rows are committed in the order of their ids, so an id says it all. Where
several servers write, ids become visible out of order, and a watermark of ids would lose rows:
there `Mark.id` is the oldest transaction that was still running, and `new_rows` compares each row's
own transaction with it. Nothing outside this module knows which of the two it is.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from fairlift_server.lake.ledger import LedgerReader

# What is read by its ids, and what tells whether a row still is the same one; lines are read with
# their orders.
KEYS: Final[Mapping[str, str]] = {
    "exposures": "hex(event_id)",
    "actions": "hex(event_id)",
    "orders": "order_id",
    "amendments": "hex(event_id)",
    "identity_links": "hex(event_id)",
    "customer_attributes": "hex(event_id)",
    "costs": "hex(event_id)",
    "exchange_rates": "hex(event_id)",
    "order_changes": "order_id",
}


class Mark(NamedTuple):
    """The last row of a table that was read; 0 and no key: none."""

    id: int = 0
    key: str = ""


Watermark: TypeAlias = Mapping[str, Mark]
NOTHING: Final[Watermark] = dict.fromkeys(KEYS, Mark())


def next_watermark(
    ledger: LedgerReader, since: Watermark, most: int
) -> tuple[dict[str, Mark], bool]:
    """Where a step that begins at one watermark ends, and whether that is all there is now.

    Args:
        ledger: as it is now.
        since: where the step begins.
        most: rows of a table in one step.
    """
    until = dict(since)
    is_all = True
    for table, mark in since.items():
        later = f"SELECT id, {KEYS[table]} AS key FROM {table} WHERE id > {mark.id} ORDER BY id"
        cut = ledger.ask(f"{later} LIMIT 1 OFFSET {most - 1}")
        for row_id, key in cut or ledger.ask(f"{later} DESC LIMIT 1"):
            until[table] = Mark(int(row_id), key)
        is_all = is_all and not cut
    return until, is_all


def is_known(ledger: LedgerReader, table: str, mark: Mark) -> bool:
    """Whether the row of a mark is still there."""
    return mark == Mark() or ledger.ask(
        f"SELECT {KEYS[table]} AS key FROM {table} WHERE id = {mark.id}"
    ) == [(mark.key,)]


def new_rows(alias: str, since: Mark, until: Mark) -> str:
    """The condition for rows between two marks, which the primary key answers."""
    return f"{alias}.id > {since.id} AND {alias}.id <= {until.id}"


def old_rows(alias: str, mark: Mark) -> str:
    """The condition for rows up to a mark."""
    return f"{alias}.id <= {mark.id}"
