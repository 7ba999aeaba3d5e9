"""PostgreSQL's partitions: exposures and actions stand in one table for each day of arrival (UTC).

They are made ahead. What comes on a day without one, because the clock jumped, stands in the
partition of all other days, which the first migration makes.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from fairlift_server.store.locks import lock_partitions
from fairlift_server.store.statements import execute, is_postgres

PARTITIONED = ("exposures", "actions")
_AHEAD_DAYS = 8
_DAY_US = 86_400 * 1_000_000
_KNOWN = "SELECT relid::regclass::text FROM pg_partition_tree(CAST(? AS regclass))"


class Partition(NamedTuple):
    """The events of one table that came in on one day, counted from 1970."""

    table: str
    day: int

    @property
    def name(self) -> str:
        """Of its own table."""
        date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=self.day)
        return f"{self.table}_{date:%Y%m%d}"

    @property
    def span_us(self) -> tuple[int, int]:
        """From the first moment of its day to that of the next."""
        return self.day * _DAY_US, (self.day + 1) * _DAY_US


def missing_partitions(connection: Connection, now_s: float | None = None) -> list[Partition]:
    """Those of yesterday and of the days to come that are not there.

    Args:
        connection: in a transaction.
        now_s: seconds since 1970; by default the time of this machine.
    """
    if not is_postgres(connection):
        return []
    today = int((time.time() if now_s is None else now_s) * 1_000_000) // _DAY_US
    days = range(today - 1, today + _AHEAD_DAYS + 1)
    wanted = [Partition(table, day) for table in PARTITIONED for day in days]
    known = {name for table in PARTITIONED for (name,) in execute(connection, _KNOWN, (table,))}
    return [partition for partition in wanted if partition.name not in known]


def make_partitions(connection: Connection, now_s: float | None = None) -> list[str]:
    """Makes those that are missing; returns their names.

    A day whose events stand among the others already gets none.
    """
    if is_postgres(connection):
        # Whoever reads results must not make this wait, and events behind it.
        execute(connection, "SET LOCAL lock_timeout = '2s'")
        lock_partitions(connection)
    made = []
    for partition in missing_partitions(connection, now_s):
        if not _holds(connection, partition):
            # Made apart and attached: to make it in its place would lock the whole table.
            execute(
                connection, f"CREATE TABLE {partition.name} (LIKE {partition.table} INCLUDING ALL)"
            )
            start, end = partition.span_us
            execute(
                connection,
                f"ALTER TABLE {partition.table} ATTACH PARTITION {partition.name} "
                f"FOR VALUES FROM ({start}) TO ({end})",
            )
            made.append(partition.name)
    return made


def _holds(connection: Connection, partition: Partition) -> bool:
    """Whether events of its day stand among the others."""
    query = (
        f"SELECT 1 FROM {partition.table}_other WHERE received_us >= ? AND received_us < ? LIMIT 1"
    )
    return execute(connection, query, partition.span_us).first() is not None
