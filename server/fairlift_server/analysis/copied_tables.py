"""What a columnar copy holds of each table of the ledger, and what is new for it in SQLite.

Every row has the generation in which it was added. An order that is restated is added again, with
its lines and amendments; `restatements` says which orders were, and when: older rows of theirs
do not count any more.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from fairlift_server.analysis.attached_ledger import DUCKDB_TYPES, quoted
from fairlift_server.analysis.ledger_tables import LEDGER_COLUMNS
from fairlift_server.events.numbered_rows import ROW_KEYS

# A table of the copy alone: `order_id` and `generation`.
RESTATEMENTS: Final = "restatements"
COPIED: Final[Mapping[str, Mapping[str, str]]] = {
    name: columns for name, columns in LEDGER_COLUMNS.items() if name != "shop"
}
# Tables of which rows may count no more.
_OF_ORDERS: Final = ("orders", "order_lines", "amendments")
# In SQLite's own SQL, what tells a row from another one of the same id in another database.
_KEYS: Final[Mapping[str, str]] = {
    table: key if table == "order_changes" else f"hex({key}) || ' ' || received_us"
    for table, key in ROW_KEYS.items()
}

# By table the id of the newest row, and its key; 0 and an empty key: there is none.
Marks: TypeAlias = Mapping[str, tuple[int, str]]


def newest_rows() -> str:
    """A query for the table, the id and the key of each table's newest row."""
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT '{table}' AS name, id, {key} AS row_key FROM {table} "
        "ORDER BY id DESC LIMIT 1)"
        for table, key in _KEYS.items()
    )


def rows_of_marks(marks: Marks) -> str:
    """A query for the table, the id and the key of the rows of marks, as far as they are there."""
    return " UNION ALL ".join(
        f"SELECT '{table}' AS name, id, {_KEYS[table]} AS row_key FROM {table} WHERE id = {row_id}"
        for table, (row_id, _) in marks.items()
    )


def no_rows() -> Marks:
    """The marks of a ledger without rows."""
    return dict.fromkeys(_KEYS, (0, ""))


def created(schema: str) -> list[str]:
    """Statements that make the tables of one file of the copy."""
    tables: dict[str, Mapping[str, str]] = {**COPIED, RESTATEMENTS: {"order_id": "string"}}
    return [
        f"CREATE TABLE {schema}.{name} ("
        + ", ".join(f"{column} {DUCKDB_TYPES[kind]}" for column, kind in columns.items())
        + ", generation BIGINT)"
        for name, columns in tables.items()
    ]


def all_rows(table: str) -> str:
    """The columns of a table of the ledger, all of its rows, by DuckDB's own reader of SQLite."""
    columns = ", ".join(
        f"CAST({name} AS {DUCKDB_TYPES[kind]}) AS {name}" for name, kind in COPIED[table].items()
    )
    return f"SELECT {columns} FROM shop.main.{table}"


def rows_to_copy(table: str, since: Marks) -> str:
    """The columns of a table of the ledger, what is new or restated since the marks.

    SQLite's own SQL finds rows by their ids; DuckDB's reader would read all of them. What it hands
    over is text.
    """
    query = _CHANGES.get(table, _new)(table, since)
    columns = ", ".join(_typed(name, kind) for name, kind in COPIED[table].items())
    return f"SELECT {columns} FROM {of_sqlite(query)}"


def newly_restated(since: Marks) -> str:
    """Ids of orders of which older rows may be in the copy, and are out of date."""
    query = (
        f"SELECT order_id FROM order_changes WHERE id > {since['order_changes'][0]} "
        # Of an order that came after its amendments these are added again.
        "UNION SELECT o.order_id FROM orders o JOIN amendments a ON a.order_id = o.order_id "
        f"WHERE o.id > {since['orders'][0]} AND a.id <= {since['amendments'][0]}"
    )
    return f"SELECT order_id FROM {of_sqlite(query)}"


def of_sqlite(query: str) -> str:
    """What stands after FROM for the rows of a query in SQLite's own SQL."""
    return f"sqlite_query('shop', {quoted(query)})"


def counted_rows(table: str, rows: str, restated: str, until: int, costs_since: int) -> str:
    """A query for the rows of a table that count in a generation.

    Args:
        table: of the ledger.
        rows: what stands after FROM for all that was copied of it.
        restated: the same for RESTATEMENTS; empty: nothing was restated.
        until: the generation.
        costs_since: the generation in which all costs were added again.
    """
    condition = f"r.generation <= {until}"
    if table == "costs":
        condition += f" AND r.generation >= {costs_since}"
    if table in _OF_ORDERS and restated:
        newest = (
            f"SELECT order_id, max(generation) AS generation FROM {restated} "
            f"WHERE generation <= {until} GROUP BY order_id"
        )
        condition += (
            f" AND NOT EXISTS (SELECT 1 FROM ({newest}) n "
            "WHERE n.order_id = r.order_id AND n.generation > r.generation)"
        )
    return f"SELECT {', '.join(f'r.{name}' for name in COPIED[table])} FROM {rows} r " + (
        f"WHERE {condition}"
    )


def _new(table: str, since: Marks) -> str:
    return f"{_select(table)} FROM {table} r WHERE r.id > {since[table][0]}"


def _orders(table: str, since: Marks) -> str:
    return f"{_select(table)} FROM ({_touched(since)}) t JOIN orders r ON r.id = t.id"


def _lines(table: str, since: Marks) -> str:
    return (
        f"{_select(table)} FROM ({_touched(since)}) t JOIN orders o ON o.id = t.id "
        "JOIN order_lines r ON r.order_id = o.order_id"
    )


def _amendments(table: str, since: Marks) -> str:
    again = (
        f"{_select(table)} FROM ({_touched(since)}) t JOIN orders o ON o.id = t.id "
        f"JOIN amendments r ON r.order_id = o.order_id WHERE r.id <= {since[table][0]}"
    )
    return f"{_new(table, since)} UNION ALL {again}"


def _costs(table: str, since: Marks) -> str:
    """A new rate restates costs: then all are added again."""
    newer = f"(SELECT max(id) FROM exchange_rates) > {since['exchange_rates'][0]}"
    return f"{_select(table)} FROM costs r WHERE r.id > {since[table][0]} OR {newer}"


def _touched(since: Marks) -> str:
    """Ids of the rows of orders that are new or were restated."""
    return (
        f"SELECT id FROM orders WHERE id > {since['orders'][0]} UNION "
        "SELECT o.id FROM order_changes c JOIN orders o ON o.order_id = c.order_id "
        f"WHERE c.id > {since['order_changes'][0]}"
    )


_CHANGES: Final[Mapping[str, Callable[[str, Marks], str]]] = {
    "orders": _orders,
    "order_lines": _lines,
    "amendments": _amendments,
    "costs": _costs,
}


def _select(table: str) -> str:
    return "SELECT " + ", ".join(_as_text(name, kind) for name, kind in COPIED[table].items())


def _as_text(name: str, kind: str) -> str:
    match kind:
        case "binary":
            return f"hex(r.{name}) AS {name}"
        case "float64":
            # SQLite's own text has 15 digits.
            return f"CASE WHEN r.{name} IS NOT NULL THEN printf('%!.20e', r.{name}) END AS {name}"
    return f"r.{name} AS {name}"


def _typed(name: str, kind: str) -> str:
    match kind:
        case "binary":
            return f"unhex({name}) AS {name}"
        case "boolean":
            return f"CAST(CAST({name} AS INTEGER) AS BOOLEAN) AS {name}"
    return f"CAST({name} AS {DUCKDB_TYPES[kind]}) AS {name}"
