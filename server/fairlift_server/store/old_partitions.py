"""Drops PostgreSQL's partitions of days whose events nobody needs any more."""

from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from fairlift_server.store.ledger_mark import note_removal
from fairlift_server.store.old_events import Bounds
from fairlift_server.store.partitions import PARTITIONED
from fairlift_server.store.statements import execute, is_postgres

# Dropping waits for reports that run, and events wait for what waits: not for long.
_LOCK_MS = 100
_DAY_US = 86_400 * 1_000_000
_KNOWN = (
    "SELECT relid::regclass::text FROM pg_partition_tree(CAST(? AS regclass)) "
    "WHERE isleaf ORDER BY 1"
)
_FORGET = (
    "WITH batch AS (SELECT id, event_id FROM {table} WHERE id > ? AND time_us < ? "
    "ORDER BY id LIMIT ?), gone AS (DELETE FROM seen_events s USING batch "
    "WHERE s.event_id = batch.event_id) SELECT max(id) FROM batch"
)


def old_partitions(connection: Connection, bounds: Bounds) -> list[str]:
    """Partitions all of whose events may go; the one with the newest event stays."""
    if not is_postgres(connection):
        return []
    names = []
    for table in PARTITIONED:
        (newest,) = execute(connection, f"SELECT coalesce(max(id), 0) FROM {table}").one()
        needed = "SELECT 1 FROM {} WHERE time_us >= ? OR id = ? LIMIT 1"
        for (name,) in execute(connection, _KNOWN, (table,)).all():
            end_us = _end_us(name, table)
            if end_us is None or end_us > bounds.received_us:
                continue
            values = (bounds.time_us, newest)
            if execute(connection, needed.format(name), values).first() is None:
                names.append(name)
    return names


def count_rows(connection: Connection, partition: str) -> int:
    """How many events a partition has."""
    return int(execute(connection, f"SELECT count(*) FROM {partition}").scalar_one())


def forget_some(
    connection: Connection, partition: str, after: int, bounds: Bounds, most: int
) -> int | None:
    """Forgets ids of a partition's events; the id of the last row, None: there are no more."""
    values = (after, bounds.forget_us, most)
    last = execute(connection, _FORGET.format(table=partition), values).scalar_one()
    return None if last is None else int(last)


def drop(connection: Connection, partition: str, bounds: Bounds) -> bool:
    """Drops a partition; False: somebody reads it, or needs it again."""
    savepoint = connection.begin_nested()
    try:
        execute(connection, f"SET LOCAL lock_timeout = {_LOCK_MS}")
        if partition not in old_partitions(connection, bounds):
            savepoint.rollback()
            return False
        execute(connection, f"DROP TABLE IF EXISTS {partition}")
        note_removal(connection)
    except OperationalError:
        savepoint.rollback()
        return False
    savepoint.commit()
    return True


def _end_us(name: str, table: str) -> int | None:
    """When the day of a partition ends; None: it is the one of all other days."""
    day = name.rpartition(".")[2].removeprefix(f"{table}_")
    if not day.isdigit():
        return None
    start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return int(start.timestamp()) * 1_000_000 + _DAY_US
