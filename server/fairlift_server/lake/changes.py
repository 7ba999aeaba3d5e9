"""What one step of an export reads of each table, in the database's own SQL.

A restated order is written again with all its lines and amendments: what belongs together has one
version.
"""

from collections.abc import Callable, Mapping
from typing import Final

from fairlift_server.lake.dialect import Dialect
from fairlift_server.lake.tables import TABLES, column_as_given
from fairlift_server.lake.watermark import Watermark, new_rows, old_rows


def changed_rows(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    """The query for rows that are new, or were changed, between two watermarks.

    It has the table's columns as `column_as_given`, and `day_us`, whose day in UTC is the row's day
    of receipt.
    """
    return _CHANGES.get(table, _new)(table, since, until, sql)


def _new(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    new = new_rows("r", since[table], until[table])
    return f"{_select(table, sql)} FROM {table} r WHERE {new} AND {sql.event_rows('r')}"


def _orders(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    return (
        f"{_select(table, sql)} FROM ({_touched(since, until, sql)}) t JOIN orders r ON r.id = t.id"
    )


def _lines(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    return (
        f"{_select(table, sql, day='o.received_us')} FROM ({_touched(since, until, sql)}) t "
        "JOIN orders o ON o.id = t.id JOIN order_lines r ON r.order_id = o.order_id"
    )


def _amendments(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    touched = _touched(since, until, sql)
    again = (
        f"{_select(table, sql)} FROM ({touched}) t JOIN orders o ON o.id = t.id "
        f"JOIN amendments r ON r.order_id = o.order_id WHERE {old_rows('r', since[table])}"
    )
    return f"{_new(table, since, until, sql)} UNION ALL {again}"


def _costs(table: str, since: Watermark, until: Watermark, sql: Dialect) -> str:
    """A rate that comes late restates the costs from its time on."""
    rates = new_rows("x", since["exchange_rates"], until["exchange_rates"])
    again = (
        f"{_select(table, sql)} FROM (SELECT currency_code, min(time_us) AS time_us "
        f"FROM exchange_rates x WHERE {rates} GROUP BY currency_code) x "
        "JOIN costs r ON r.currency_code = x.currency_code AND r.time_us >= x.time_us "
        f"WHERE {old_rows('r', since[table])}"
    )
    return f"{_new(table, since, until, sql)} UNION ALL {again}"


def _touched(since: Watermark, until: Watermark, sql: Dialect) -> str:
    """The ids of orders that are new, and of known ones that were restated; each once."""
    changed = new_rows("c", since["order_changes"], until["order_changes"])
    return (
        f"SELECT id FROM orders n WHERE {new_rows('n', since['orders'], until['orders'])} "
        f"AND {sql.event_rows('n')} "
        "UNION SELECT n.id FROM order_changes c JOIN orders n ON n.order_id = c.order_id "
        f"WHERE {changed} AND {old_rows('n', until['orders'])}"
    )


def _select(table: str, sql: Dialect, *, day: str = "r.received_us") -> str:
    columns = (
        column_as_given(name, kind, "r", sql) for name, kind in TABLES[table].columns.items()
    )
    return f"SELECT {', '.join(columns)}, {day} AS day_us"


_CHANGES: Final[Mapping[str, Callable[[str, Watermark, Watermark, Dialect], str]]] = {
    "orders": _orders,
    "order_lines": _lines,
    "amendments": _amendments,
    "costs": _costs,
}
