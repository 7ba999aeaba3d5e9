"""Stored amendments that change nothing: what an operator should look at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from fairlift_server.events.ledger import AmendmentConflict
from fairlift_server.store import tables
from fairlift_server.store.campaigns import moment

_COLUMNS = tables.amendments.c
# As in the index, so that SQLite uses it.
_WITHOUT_EFFECT = text("status <> 'applied'")


@dataclass(frozen=True, slots=True)
class IdleAmendment:
    """An amendment that changes nothing; no conflict: it waits for its order."""

    event_id: str
    order_id: str
    kind: str
    time: datetime
    conflict: AmendmentConflict | None


@dataclass(frozen=True, slots=True)
class IdleAmendments:
    """Amendments that change nothing.

    Attributes:
        newest: of them.
        contradicting: how many contradict their order.
        any_came: whether there is any amendment at all.
    """

    newest: tuple[IdleAmendment, ...]
    contradicting: int
    any_came: bool


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
    newest = tuple(_idle(row) for row in connection.execute(query))
    any_came = connection.execute(select(_COLUMNS.id).limit(1)).first() is not None
    return IdleAmendments(newest, connection.execute(count).scalar_one(), any_came)


def _idle(row: Any) -> IdleAmendment:
    """From a row of the table. `Any`: SQLAlchemy's rows are not typed by a whole table."""
    conflict = AmendmentConflict.from_text(row.problem) if row.problem else None
    time = moment(row.time_us)
    return IdleAmendment(row.event_id.hex(), row.order_id, row.kind, time, conflict)
