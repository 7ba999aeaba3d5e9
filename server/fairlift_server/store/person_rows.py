"""Finds everything that is kept about a person: an id, and all ids that are linked with it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, select

from fairlift_server.events.ledger import unit_in_content
from fairlift_server.store import tables
from fairlift_server.store.statements import select_by_key

# Tables whose rows name a unit themselves, with the columns that do.
UNIT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "exposures": ("unit",),
    "actions": ("unit",),
    "identity_links": ("visitor", "customer"),
    "customer_attributes": ("unit",),
}
# Tables that are searched from a row on; the rows of the others are found by order.
SEARCHED = (*UNIT_COLUMNS, "orders", "amendments")
# Tables that hold one row for each event.
OF_EVENTS = (
    "exposures",
    "actions",
    "orders",
    "amendments",
    "identity_links",
    "customer_attributes",
    "parked_events",
)

# Below the number of parameters that SQLite allows in one statement.
_CHUNK = 10_000

# Is this stored id one of those that are looked for?
IsWanted = Callable[[str], bool]
# Row id, event id, the ids in it, and its order.
_Parked: TypeAlias = list[tuple[int, bytes, list[str], str]]


@dataclass(frozen=True, slots=True)
class PersonRows:
    """What is kept about a person.

    Attributes:
        units: the ids, as they are stored.
        order_ids: the orders that name one of them: as placed, as corrected, or now.
        rows: by table, its rows of these units: row id to event id.
        newest: by table, the highest row id when it was searched.
    """

    units: frozenset[str]
    order_ids: frozenset[str]
    rows: Mapping[str, Mapping[int, bytes]]
    newest: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: len(rows) for table, rows in self.rows.items()}


def person_rows(
    connection: Connection,
    units: Iterable[str],
    *,
    order_ids: Iterable[str] = (),
    since: Mapping[str, int] | None = None,
) -> PersonRows:
    """What is kept about these ids and all that are linked with them, over any number of links.

    Args:
        connection: of a transaction.
        units: as they are stored.
        order_ids: orders that are known to be theirs.
        since: row ids by table; rows up to them were searched before.
    """
    after = since or dict.fromkeys(SEARCHED, 0)
    newest = {table: _newest(connection, table) for table in SEARCHED}
    parked = _parked(connection)
    linked = _linked(connection, frozenset(units), after["identity_links"], parked)
    orders = {*order_ids, *_order_ids(connection, linked, after, parked)}
    rows: dict[str, Mapping[int, bytes]] = {}
    for table, columns in UNIT_COLUMNS.items():
        source, identity = tables.metadata.tables[table], ("id", "event_id")
        rows[table] = _pairs(
            row
            for column in columns
            for row in _naming(connection, source, identity, column, linked, after[table])
        )
    for table in ("orders", "amendments"):
        query = f"SELECT id, event_id FROM {table}"
        rows[table] = _pairs(select_by_key(connection, query, "order_id", orders))
    lines = select_by_key(connection, "SELECT id FROM order_lines", "order_id", orders)
    rows["order_lines"] = {row[0]: b"" for row in lines}
    rows["parked_events"] = {
        row_id: event_id
        for row_id, event_id, named, order_id in parked
        if linked.intersection(named) or order_id in orders
    }
    return PersonRows(linked, frozenset(orders), rows, newest)


def units_kept(connection: Connection, is_wanted: IsWanted) -> frozenset[str]:
    """Those stored ids of the whole database for which this holds: reads all of it."""
    units: set[str] = set()
    for table, columns in (*UNIT_COLUMNS.items(), ("orders", ("unit",))):
        for column in columns:
            query = f"SELECT DISTINCT {column} FROM {table}"
            units.update(filter(is_wanted, connection.exec_driver_sql(query).scalars()))
    for _id, _event_id, named, _order_id in _parked(connection):
        units.update(filter(is_wanted, named))
    for unit, _order_id in _in_contents(connection, dict.fromkeys(SEARCHED, 0)):
        if is_wanted(unit):
            units.add(unit)
    return frozenset(units)


def order_ids_kept(connection: Connection, is_wanted: IsWanted) -> frozenset[str]:
    """Those order ids of the whole database for which this holds: reads all of it."""
    order_ids: set[str] = set()
    for table in ("orders", "amendments", "parked_events"):
        query = f"SELECT DISTINCT order_id FROM {table} WHERE order_id <> ''"
        order_ids.update(filter(is_wanted, connection.exec_driver_sql(query).scalars()))
    return frozenset(order_ids)


def _parked(connection: Connection) -> _Parked:
    rows = connection.exec_driver_sql(
        "SELECT id, event_id, units, order_id FROM parked_events "
        "WHERE units <> '' OR order_id <> ''"
    )
    return [(row[0], row[1], row[2].split("\n")[1:-1], row[3]) for row in rows]


def _linked(
    connection: Connection, units: frozenset[str], after: int, parked: _Parked
) -> frozenset[str]:
    """The ids and all that are linked with them; a link that waits links as well."""
    reached, new = set(units), set(units)
    table, ends = tables.identity_links, ("visitor", "customer")
    while new:
        links = [link for end in ends for link in _naming(connection, table, ends, end, new, after)]
        links += [tuple(named) for _, _, named, _ in parked if new.intersection(named)]
        new = {unit for link in links for unit in link} - reached
        reached |= new
    return frozenset(reached)


def _order_ids(
    connection: Connection, units: frozenset[str], after: Mapping[str, int], parked: _Parked
) -> set[str]:
    rows = _naming(connection, tables.orders, ("order_id",), "unit", units, after["orders"])
    order_ids = {row[0] for row in rows}
    order_ids.update(
        order_id for unit, order_id in _in_contents(connection, after) if unit in units
    )
    order_ids.update(
        order_id for _, _, named, order_id in parked if order_id and units.intersection(named)
    )
    return order_ids


def _in_contents(connection: Connection, after: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    """Units and order ids of what corrected orders said before, and of their corrections."""
    for table, column in (("orders", "placed"), ("amendments", "correction")):
        query = (
            f"SELECT {column}, order_id FROM {table} "
            f"WHERE id > {after[table]:d} AND {column} IS NOT NULL"
        )
        for text, order_id in connection.exec_driver_sql(query):
            yield unit_in_content(text), order_id


def _pairs(rows: Iterable[tuple[Any, ...]]) -> dict[int, bytes]:
    return {row[0]: row[1] for row in rows}


def _naming(
    connection: Connection,
    table: Table,
    columns: Iterable[str],
    naming: str,
    units: Collection[str],
    after: int,
) -> list[tuple[Any, ...]]:
    """The columns of a table's rows after a row id in which one column is one of these ids."""
    query = select(*(table.c[column] for column in columns)).where(table.c.id > after)
    rows: list[tuple[Any, ...]] = []
    wanted = sorted(units)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        rows += map(tuple, connection.execute(query.where(table.c[naming].in_(chunk))))
    return rows


def _newest(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table}").scalar_one())
