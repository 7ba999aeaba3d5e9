"""What a database contains, from its indexes: it costs the same for a hundred million events."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from fairlift_server.store.progress import COUNT_OF_EVENTS, EVENT_TABLES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database contains.

    Attributes:
        campaigns: in any state.
        events: accepted so far.
        last: when the last one was received; None: there is none.
    """

    campaigns: int
    events: int
    last: datetime | None

    def __str__(self) -> str:
        campaigns = _count(self.campaigns, "campaign")
        if self.last is None:
            return f"{campaigns}, no events"
        last = self.last.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{campaigns}, {_count(self.events, 'event')}, last at {last}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def contents(connection: Connection) -> Contents:
    """What the database contains."""
    (campaigns,) = connection.exec_driver_sql("SELECT count(*) FROM campaigns").one()
    # From the indexes of the keys alone. On PostgreSQL numbers of transactions that failed are left
    # out: there it is a little more than the events.
    (events,) = connection.exec_driver_sql(f"SELECT {COUNT_OF_EVENTS}").one()
    received_us = last_received_us(connection)
    last = None if received_us is None else _EPOCH + timedelta(microseconds=received_us)
    return Contents(campaigns, events, last)


def last_received_us(connection: Connection) -> int | None:
    """When the newest event of the ledger came in; None while it is empty."""
    newest = (
        connection.exec_driver_sql(
            f"SELECT received_us FROM {table.name} ORDER BY id DESC LIMIT 1"
        ).scalar_one_or_none()
        for table in EVENT_TABLES
    )
    return max((time_us for time_us in newest if time_us is not None), default=None)
