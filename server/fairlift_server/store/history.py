"""The history: everything that people changed, who did it, from where and why.

Entries are only added. Each is numbered, and holds the SHA-256 of itself and of the entry before:
one that is edited or removed breaks the chain, and `fairlift-server audit check` says where.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fairlift.engine.campaign import Campaign
from fairlift.engine.change import ChangeClass, FieldChange
from sqlalchemy import Connection, Row, Select, insert, select

from fairlift_server.store import tables
from fairlift_server.store.campaigns import microseconds, moment
from fairlift_server.store.locks import lock_history
from fairlift_server.store.statements import execute_many, updating

# What changes when visitors enter.
_MOVES = ("start", "pause", "resume", "stop")
# Entries that are read at once when the chain is checked.
_CHECKED = 1_000
_CHAIN = updating(tables.changes, ("resource", "number", "hash"), "id")


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change.

    Attributes:
        token: its name, such as tokens/ci; empty on an open server.
        user: the person, as the caller says it; nothing proves it.
        peer: the network address that the call came from, or the name of the machine.
    """

    token: str = ""
    user: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of the history.

    Attributes:
        resource: such as campaigns/free-shipping, tokens/ci, holdout, settings or units.
        epoch: of a campaign; else 0.
        number: in the chain, from 1.
        hash: SHA-256 in hex.
    """

    resource: str
    time: datetime
    author: Author
    verb: str
    epoch: int
    fields: tuple[FieldChange, ...]
    reason: str
    number: int
    hash: str


def changed_field(field: str, before: object, after: object) -> FieldChange:
    """A change of something that is no campaign; None is shown as empty."""
    old, new = ("" if value is None else str(value) for value in (before, after))
    return FieldChange(field, old, new, ChangeClass.SAFE, "")


def add_change(
    connection: Connection,
    campaign: Campaign,
    *,
    verb: str,
    time: datetime,
    author: Author,
    fields: Sequence[FieldChange] = (),
    reason: str = "",
) -> None:
    """Adds a change of a campaign; `chain` must follow in the same transaction."""
    row = _row(campaign.name, verb, microseconds(time), author, fields, reason)
    row |= {"campaign": campaign.id, "epoch": campaign.lifecycle.epoch}
    connection.execute(insert(tables.changes).values(row))


def add_entry(
    connection: Connection,
    resource: str,
    *,
    verb: str,
    time_us: int,
    author: Author,
    fields: Sequence[FieldChange] = (),
    reason: str = "",
) -> None:
    """Adds a change of anything else, and chains it."""
    row = _row(resource, verb, time_us, author, fields, reason)
    connection.execute(insert(tables.changes).values(row))
    chain(connection)


def chain(connection: Connection) -> None:
    """Numbers and hashes all entries that are not chained yet, the oldest first.

    Also those that an older version wrote.
    """
    lock_history(connection)
    changes = tables.changes
    query = select(changes).where(changes.c.number.is_(None))
    rows = connection.execute(query.order_by(changes.c.time_us, changes.c.id)).all()
    number, before = newest(connection)
    chained = []
    for row in rows:
        number += 1
        before = _hash(row, number, before)
        chained.append((_resource(row), number, before, row.id))
    execute_many(connection, _CHAIN, chained)


def newest(connection: Connection) -> tuple[int, str]:
    """The number and the hash of the newest entry; 0 and nothing while there is none."""
    changes = tables.changes.c
    query = select(changes.number, changes.hash).where(changes.number.is_not(None))
    row = connection.execute(query.order_by(changes.number.desc()).limit(1)).first()
    return (0, "") if row is None else (row.number, row.hash)


def hash_at(connection: Connection, number: int) -> str:
    """The hash of an entry; empty: there is no such entry."""
    changes = tables.changes.c
    query = select(changes.hash).where(changes.number == number)
    return str(connection.execute(query).scalar() or "")


def first_break(connection: Connection) -> str:
    """What is wrong with the first entry that breaks the chain; empty: the chain holds."""
    expected, before = 1, ""
    for row in _chained(connection):
        if row.number != expected:
            return f"entry {expected} is missing"
        if row.hash != _hash(row, expected, before):
            return f"entry {expected} is not what was written, or the one before it is not"
        expected, before = expected + 1, row.hash
    return ""


def entries(
    connection: Connection,
    *,
    resource: str = "",
    of_campaigns: bool = False,
    from_us: int | None = None,
    after: int = 0,
    limit: int,
) -> list[HistoryEntry]:
    """The history, oldest first, starting after the entry `after`.

    Args:
        connection: in a transaction.
        resource: such as tokens/ci; empty: everything.
        of_campaigns: only changes of campaigns.
        from_us: the first moment, in microseconds; None: from the beginning.
        after: a number.
        limit: how many entries at most.
    """
    changes = tables.changes.c
    query = select(tables.changes).where(changes.number > after)
    if resource:
        query = query.where(changes.resource == resource)
    if of_campaigns:
        query = query.where(changes.campaign.is_not(None))
    if from_us is not None:
        query = query.where(changes.time_us >= from_us)
    return _read(connection, query.order_by(changes.number).limit(limit))


def moves_of(connection: Connection, campaigns: Collection[str]) -> dict[str, list[HistoryEntry]]:
    """By campaign, when it was started, paused, resumed and stopped, oldest first."""
    changes = tables.changes.c
    query = (
        select(tables.changes)
        .where(changes.campaign.in_(campaigns), changes.verb.in_(_MOVES))
        .order_by(changes.campaign, changes.id)
    )
    moves: dict[str, list[HistoryEntry]] = {campaign: [] for campaign in campaigns}
    for row in connection.execute(query):
        moves[row.campaign].append(_entry(row))
    return moves


# `Any` below: SQLAlchemy knows the columns of a row at run time.


def _row(
    resource: str,
    verb: str,
    time_us: int,
    author: Author,
    fields: Sequence[FieldChange],
    reason: str,
) -> dict[str, Any]:
    return {
        "resource": resource,
        "time_us": time_us,
        "author": author.token,
        "user_name": author.user,
        "peer": author.peer,
        "verb": verb,
        "epoch": 0,
        "fields": json.dumps([asdict(field) for field in fields], ensure_ascii=False),
        "reason": reason,
    }


def _resource(row: Row[Any]) -> str:
    # An older version names the campaign alone.
    return row.resource or f"campaigns/{row.campaign}"


def _hash(row: Row[Any], number: int, before: str) -> str:
    # The order is part of the promise: it never changes.
    content = [
        before, number, row.time_us, row.author, row.user_name, row.peer, row.verb,
        _resource(row), row.epoch, row.fields, row.reason,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _chained(connection: Connection) -> Iterator[Row[Any]]:
    after = 0
    changes = tables.changes.c
    while True:
        query = select(tables.changes).where(changes.number > after)
        rows = connection.execute(query.order_by(changes.number).limit(_CHECKED)).all()
        yield from rows
        if len(rows) < _CHECKED:
            return
        after = rows[-1].number


def _read(connection: Connection, query: Select[Any]) -> list[HistoryEntry]:
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        _resource(row),
        moment(row.time_us),
        Author(row.author, row.user_name, row.peer),
        row.verb,
        row.epoch,
        tuple(map(_field_change, json.loads(row.fields))),
        row.reason,
        row.number or 0,
        row.hash or "",
    )


def _field_change(fields: dict[str, Any]) -> FieldChange:
    change_class = ChangeClass(int(fields["change_class"]))
    return FieldChange(
        fields["field"], fields["before"], fields["after"], change_class, fields["reason"]
    )
