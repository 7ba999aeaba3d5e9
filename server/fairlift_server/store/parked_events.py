"""Stores events that cannot be judged yet. Their ids are marked as seen, so none comes in twice."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from fairlift_server.events.ledger import (
    EventOutcome,
    ParkedEvent,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import (
    DAY_US,
    MAX_AHEAD_US,
    THE_CLOCK,
    ParkedContent,
    ParkedLine,
    ParkedSummary,
    ParkingLimits,
    WaitingEvent,
)
from fairlift_server.store import tables

_TABLE = tables.parked_events
_COLUMNS = _TABLE.c
_WAITING, _REFUSED = "waiting", "refused"
# Below the number of parameters that SQLite allows in one statement.
_CHUNK = 16_000

_HAS_RATE = (
    select(tables.exchange_rates.c.id)
    .where(
        tables.exchange_rates.c.currency_code == _COLUMNS.waits_for,
        tables.exchange_rates.c.time_us <= _COLUMNS.time_us,
    )
    .exists()
)


def park(
    connection: Connection, events: Sequence[WaitingEvent], limits: ParkingLimits
) -> list[EventOutcome]:
    """Parks events whose ids were not seen, within the limits; one outcome per event, in order."""
    summary = summarized(connection)
    parked, parked_bytes = summary.waiting_total + summary.refused, summary.size_bytes
    outcomes: list[EventOutcome] = []
    rows = []
    for event in events:
        size_bytes = len(event.content)
        most = limits.of_relayed if event.is_relayed else limits
        if parked >= most.events or parked_bytes + size_bytes > most.size_bytes:
            outcomes.append(_without_room(event, most))
            continue
        parked, parked_bytes = parked + 1, parked_bytes + size_bytes
        rows.append(_row(event))
        outcomes.append(ParkedEvent(event.refusal))
    if rows:
        connection.execute(insert(_TABLE), rows)
    return outcomes


def outcomes_of(connection: Connection, event_ids: Iterable[bytes]) -> dict[bytes, EventOutcome]:
    """What became of those of these events that were parked and not accepted since."""
    query = select(
        _COLUMNS.event_id,
        _COLUMNS.state,
        _COLUMNS.reason,
        _COLUMNS.waits_for,
        _COLUMNS.field,
        _COLUMNS.message,
    )
    outcomes: dict[bytes, EventOutcome] = {}
    for row in _rows_of(connection, query, event_ids):
        refusal = RefusedEvent(RefusalReason(row.reason), row.message, row.field, row.waits_for)
        outcomes[row.event_id] = ParkedEvent(refusal) if row.state == _WAITING else refusal
    return outcomes


def summarized(connection: Connection) -> ParkedSummary:
    """What is parked; read from an index alone."""
    query = select(
        _COLUMNS.state,
        _COLUMNS.reason,
        _COLUMNS.waits_for,
        func.count().label("events"),
        func.sum(_COLUMNS.size_bytes).label("size_bytes"),
        func.min(_COLUMNS.since_us).label("since_us"),
    ).group_by(_COLUMNS.state, _COLUMNS.reason, _COLUMNS.waits_for)
    rows = list(connection.execute(query))
    waiting = [row for row in rows if row.state == _WAITING]
    refused = [row for row in rows if row.state == _REFUSED]
    return ParkedSummary(
        waiting={(RefusalReason(row.reason), row.waits_for): row.events for row in waiting},
        refused=sum(row.events for row in refused),
        size_bytes=sum(row.size_bytes for row in rows),
        oldest_us=min((row.since_us for row in waiting), default=None),
        oldest_refused_us=min((row.since_us for row in refused), default=None),
    )


def parked_lines(connection: Connection, *, limit: int) -> list[ParkedLine]:
    """The parked events that came first."""
    columns = [_COLUMNS[name] for name in ParkedLine._fields]
    query = select(*columns).order_by(_COLUMNS.id).limit(limit)
    return [ParkedLine(UUID(bytes=row[0]), *row[1:]) for row in connection.execute(query)]


def judgeable(
    connection: Connection, *, now_us: int, healed: Iterable[str], limit: int
) -> list[ParkedContent]:
    """Events that can be judged again, oldest first.

    Args:
        connection: of a transaction.
        now_us: the clock.
        healed: campaigns and epochs that the server has by now.
        limit: how many at most.
    """
    columns = (_COLUMNS.event_id, _COLUMNS.content, _COLUMNS.shift_us)
    conditions: list[ColumnElement[bool]] = [
        _COLUMNS.due_us <= now_us,
        _COLUMNS.waits_for.in_(list(healed)),
        (_COLUMNS.reason == RefusalReason.CURRENCY.value) & _HAS_RATE,
    ]
    contents: list[ParkedContent] = []
    # One after the other: SQLite would read the whole table for all of them together.
    for condition in conditions:
        query = (
            select(*columns)
            .where(_COLUMNS.state == _WAITING, condition)
            .order_by(_COLUMNS.id)
            .limit(limit - len(contents))
        )
        contents += (ParkedContent(*row) for row in connection.execute(query))
    return contents


def locked(connection: Connection, event_ids: Iterable[bytes]) -> set[bytes]:
    """Those of these events that still wait; no other server judges them in this transaction."""
    query = select(_COLUMNS.event_id).order_by(_COLUMNS.event_id).with_for_update()
    return {row.event_id for row in _rows_of(connection, query, event_ids)}


def remove(connection: Connection, event_ids: Sequence[bytes]) -> None:
    """Takes out events that were accepted."""
    for start in range(0, len(event_ids), _CHUNK):
        chunk = event_ids[start : start + _CHUNK]
        connection.execute(delete(_TABLE).where(_COLUMNS.event_id.in_(chunk)))


def restate(connection: Connection, refusals: Sequence[tuple[bytes, RefusedEvent]]) -> None:
    """Notes what each of these events waits for now, or why it was refused in the end."""
    due = case((bindparam("is_due") == 1, _COLUMNS.time_us - MAX_AHEAD_US), else_=None)
    statement = (
        update(_TABLE)
        .where(_COLUMNS.event_id == bindparam("parked_id"))
        .values(
            state=bindparam("new_state"),
            reason=bindparam("new_reason"),
            waits_for=bindparam("new_wait"),
            field=bindparam("new_field"),
            message=bindparam("new_message"),
            due_us=due,
        )
    )
    rows = [
        {
            "parked_id": event_id,
            "new_state": _WAITING if refusal.waits_for else _REFUSED,
            "new_reason": refusal.reason.value,
            "new_wait": refusal.waits_for,
            "new_field": refusal.field,
            "new_message": refusal.message,
            "is_due": int(refusal.waits_for == THE_CLOCK),
        }
        for event_id, refusal in refusals
    ]
    if rows:
        connection.execute(statement, rows)


def corrections(connection: Connection) -> int:
    """How many accepted events have a corrected time."""
    return connection.execute(
        select(func.count()).select_from(tables.clock_corrections)
    ).scalar_one()


def expire(connection: Connection, *, now_us: int, days: int) -> int:
    """Refuses what waited for too long, and deletes what was refused as long ago; returns how many.

    Deleted events stay seen: the same id does not come in again.
    """
    oldest_us = now_us - days * DAY_US
    waited_too_long = (_COLUMNS.state == _WAITING) & (_COLUMNS.since_us < oldest_us)
    text = _COLUMNS.message + f"; it waited for {days} days, and waits no longer"
    statement = (
        update(_TABLE)
        .where(waited_too_long)
        .values(state=_REFUSED, message=text, waits_for="", due_us=None)
    )
    expired = connection.execute(statement).rowcount
    connection.execute(
        delete(_TABLE).where(
            _COLUMNS.state == _REFUSED, _COLUMNS.since_us < oldest_us - days * DAY_US
        )
    )
    return expired


def joined_units(units: Sequence[str]) -> str:
    """The ids in one text in which each stands between two line breaks, which no id holds."""
    return "\n".join(["", *units, ""]) if units else ""


def _row(event: WaitingEvent) -> dict[str, Any]:
    """A new row of the table. `Any`: values of its columns."""
    refusal = event.refusal
    return {
        "event_id": event.event_id,
        "state": _WAITING,
        "reason": refusal.reason.value,
        "waits_for": refusal.waits_for,
        "due_us": event.due_us,
        "size_bytes": len(event.content),
        "since_us": max(event.time_us, event.received_us),
        "time_us": event.time_us,
        "received_us": event.received_us,
        "shift_us": event.shift_us,
        "field": refusal.field,
        "message": refusal.message,
        "content": event.content,
        "units": joined_units(event.units),
        "order_id": event.order_id,
    }


def _without_room(event: WaitingEvent, limits: ParkingLimits) -> RefusedEvent:
    refusal = event.refusal
    full = (
        f"{refusal.message}; the server keeps at most {limits.events} such events "
        f"({limits.size_bytes // 2**20} MiB){' of relays' if event.is_relayed else ''} and has no "
        "room: keep it, and send it again later"
    )
    return refusal._replace(message=full, is_retryable=True)


def _rows_of(connection: Connection, query: Any, event_ids: Iterable[bytes]) -> Iterable[Any]:
    """The rows of these events. `Any`: SQLAlchemy's rows of a query of several columns."""
    ids = list(event_ids)
    for start in range(0, len(ids), _CHUNK):
        yield from connection.execute(
            query.where(_COLUMNS.event_id.in_(ids[start : start + _CHUNK]))
        )
