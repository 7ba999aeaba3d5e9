"""Stored amendments that change nothing: what an operator should look at."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from fairlift_server.store import tables
from fairlift_server.store.campaigns import moment

_COLUMNS = tables.amendments.c
# As in the index, so that SQLite uses it.
_WITHOUT_EFFECT = text("status <> 'applied'")


@dataclass(frozen=True, slots=True)
class IdleAmendment:
    """An amendment that changes nothing; `problem` is empty while it waits for its order."""

    event_id: str
    order_id: str
    kind: str
    time: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class IdleAmendments:
    """Amendments that change nothing: the newest, and how many contradict their order."""

    newest: tuple[IdleAmendment, ...]
    contradicting: int


def idle_amendments(connection: Connection, *, since_us: int, limit: int) -> IdleAmendments:
    """Those since a moment, newest first."""
    recent = (_WITHOUT_EFFECT, _COLUMNS.time_us >= since_us)
    query = (
        select(tables.amendments)
        .where(*recent)
        .order_by(_COLUMNS.time_us.desc(), _COLUMNS.event_id)
        .limit(limit)
    )
    count = select(func.count()).where(*recent, _COLUMNS.status == "contradicts")
    return IdleAmendments(
        tuple(
            IdleAmendment(
                row.event_id.hex(), row.order_id, row.kind, moment(row.time_us), row.problem
            )
            for row in connection.execute(query)
        ),
        connection.execute(count).scalar_one(),
    )
