"""Everything that is kept about a person, as entries of the ledger, to be handed over."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection

from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    AmendmentKind,
    AttributeEntry,
    ExposureEntry,
    IdentityEntry,
    LineEntry,
    OrderContent,
    OrderEntry,
    content_from_text,
)
from fairlift_server.store.person_rows import person_rows
from fairlift_server.store.statements import select_by_key

PersonEntry: TypeAlias = ExposureEntry | ActionEntry | OrderEntry | AmendmentEntry | IdentityEntry
_CONTENT = OrderContent._fields[:-1]  # all but the lines


@dataclass(frozen=True, slots=True)
class PersonEntries:
    """What is kept about a person.

    Attributes:
        ids: the id and those linked with it.
        entries: of the ledger, by time.
        attributes: what files said of them, by time.
        waiting: the messages of events that wait until they can be judged.
        counts: rows by table.
    """

    ids: int
    entries: tuple[PersonEntry, ...]
    attributes: tuple[AttributeEntry, ...]
    waiting: tuple[bytes, ...]
    counts: dict[str, int]


def person_entries(connection: Connection, unit: str) -> PersonEntries:
    """What is kept about a stored id and all that are linked with it."""
    person = person_rows(connection, [unit])

    # Any: whatever type the driver returns.
    def rows(table: str, fields: Iterable[str]) -> list[tuple[Any, ...]]:
        select = f"SELECT {', '.join(fields)} FROM {table}"
        return select_by_key(connection, select, "id", person.rows[table])

    amendments = [
        AmendmentEntry(*row)._replace(kind=AmendmentKind(row[4]))
        for row in rows("amendments", AmendmentEntry._fields)
    ]
    entries: list[PersonEntry] = [
        *(ExposureEntry(*row) for row in rows("exposures", ExposureEntry._fields)),
        *(ActionEntry(*row) for row in rows("actions", ActionEntry._fields)),
        *(IdentityEntry(*row) for row in rows("identity_links", IdentityEntry._fields)),
        *_orders(connection, person.rows["orders"]),
        *amendments,
    ]
    attributes = (
        AttributeEntry(*row) for row in rows("customer_attributes", AttributeEntry._fields)
    )
    waiting = rows("parked_events", ("content",))
    return PersonEntries(
        len(person.units),
        tuple(sorted(entries, key=lambda entry: (entry.time_us, entry.event_id))),
        tuple(sorted(attributes, key=lambda entry: (entry.time_us, entry.event_id))),
        tuple(bytes(row[0]) for row in waiting),
        person.counts(),
    )


def _orders(connection: Connection, ids: Iterable[int]) -> list[OrderEntry]:
    """The orders as they were placed; what became of them is in their amendments."""
    columns = ("event_id", "order_id", "digest", "time_us", "received_us", "placed", *_CONTENT)
    select = f"SELECT {', '.join(columns)} FROM orders"
    stored = select_by_key(connection, select, "id", ids)
    lines = defaultdict(list)
    select = f"SELECT order_id, {', '.join(LineEntry._fields)} FROM order_lines"
    for order_id, *line in select_by_key(connection, select, "order_id", (o[1] for o in stored)):
        lines[order_id].append(LineEntry(*line))
    return [_order(row, tuple(lines[row[1]])) for row in stored]


def _order(row: tuple[Any, ...], lines: tuple[LineEntry, ...]) -> OrderEntry:
    """From a row of `orders`. `Any`: whatever type the driver returns."""
    event_id, order_id, digest, time_us, received_us, placed, *content = row
    if placed is not None:
        said = content_from_text(placed)
    else:
        said = OrderContent._make([*content, lines])
    return OrderEntry(event_id, order_id, digest, time_us, received_us, said)
