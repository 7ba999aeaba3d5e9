"""How far an export has come, in the order of row ids.

SQLite has one writer: rows are committed in the order of their ids. Where several servers write,
ids become visible out of order: a step ends before the first id that may still appear
(`store/decided_ids.py`).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.lake.ledger import LedgerReader


class Mark(NamedTuple):
    """The last row of a table that was read; 0 and no key: none."""

    id: int = 0
    key: str = ""


Watermark: TypeAlias = Mapping[str, Mark]
NOTHING: Final[Watermark] = dict.fromkeys(ROW_KEYS, Mark())


def next_watermark(
    ledger: LedgerReader, since: Watermark, most: int, decided: Mapping[str, int] | None
) -> tuple[dict[str, Mark], bool]:
    """Where a step that begins at one watermark ends, and whether that is all there is now.

    Args:
        ledger: as it is now.
        since: where the step begins.
        most: rows of a table in one step.
        decided: by table, the id up to which no more rows appear; None: all that are there.
    """
    until = dict(since)
    is_all = True
    for table, mark in since.items():
        key = ledger.dialect.key(ROW_KEYS[table])
        cap = "" if decided is None else f" AND id <= {decided[table]}"
        later = f"SELECT id, {key} AS row_key FROM {table} WHERE id > {mark.id}{cap} ORDER BY id"
        cut = ledger.ask(f"{later} LIMIT 1 OFFSET {most - 1}")
        for row_id, key in cut or ledger.ask(f"{later} DESC LIMIT 1"):
            until[table] = Mark(int(row_id), key)
        is_all = is_all and not cut
    return until, is_all


def is_known(ledger: LedgerReader, table: str, mark: Mark) -> bool:
    """Whether the row of a mark is still there."""
    return mark == Mark() or ledger.ask(
        f"SELECT {ledger.dialect.key(ROW_KEYS[table])} AS row_key FROM {table} WHERE id = {mark.id}"
    ) == [(mark.key,)]


def new_rows(alias: str, since: Mark, until: Mark) -> str:
    """The condition for rows between two marks, which the primary key answers."""
    return f"{alias}.id > {since.id} AND {alias}.id <= {until.id}"


def old_rows(alias: str, mark: Mark) -> str:
    """The condition for rows up to a mark."""
    return f"{alias}.id <= {mark.id}"
