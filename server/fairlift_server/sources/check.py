"""Looks at a shop's own tables before a campaign is analysed from them."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlift_server.analysis.table_reading import ShopTables, UnreadableTable
from fairlift_server.sources.dialects import SqlDialect
from fairlift_server.sources.fields import MAPPED_TABLES, FieldType
from fairlift_server.sources.source_file import Expression, Sources, SourceTable
from fairlift_server.sources.sql_pieces import rows_of

# How DuckDB and Spark write their types; the sizes of a decimal or a text are left out.
_WHOLE: Final = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    }
)
_NUMBERS: Final = _WHOLE | {"DECIMAL", "DOUBLE", "FLOAT"}
_FITS: Final[Mapping[FieldType, frozenset[str]]] = {
    FieldType.TIME: frozenset(
        {
            *("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NTZ"),
            *("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
        }
    ),
    FieldType.AMOUNT: _NUMBERS,
    FieldType.NUMBER: _NUMBERS,
    FieldType.WHOLE: _WHOLE,
    FieldType.YES_NO: frozenset({"BOOLEAN"}),
}
_NESTED: Final = ("STRUCT", "MAP", "ARRAY", "LIST", "UNION", "BLOB", "BINARY")
# A decimal without digits behind the point.
_WHOLE_DECIMAL: Final = re.compile(r"DECIMAL\(\d+, ?0\)")


@dataclass(frozen=True, slots=True)
class SourceFinding:
    """What is wrong with the tables.

    Attributes:
        line: of the sources file.
        where: the part of the file, such as `orders.columns.revenue`.
        text: what is wrong, the rule, and a way out.
    """

    line: int
    where: str
    text: str


def check_columns(sources: Sources, shop: ShopTables) -> list[SourceFinding]:
    """Tables and columns that are missing, and those of another type; reads no rows."""
    findings = [
        finding
        for name, table in sources.tables.items()
        for finding in _columns_of(name, table, shop)
    ]
    return [*_type_of_complete_until(sources, shop), *findings]


def check_rows(sources: Sources, shop: ShopTables, dialect: SqlDialect) -> list[SourceFinding]:
    """Rows that would give wrong figures; reads the tables once or twice."""
    findings = [
        finding
        for name, table in sources.tables.items()
        for finding in _rows_of(name, table, shop, dialect)
    ]
    # What cannot be read is told once.
    without_lines = () if findings else _orders_without_lines(sources, shop, dialect)
    return [*_value_of_complete_until(sources, shop), *findings, *without_lines]


def _type_of_complete_until(sources: Sources, shop: ShopTables) -> Iterator[SourceFinding]:
    until = sources.complete_until
    if until is None:
        return
    try:
        (kind,) = shop.types(f"SELECT ({until.sql}) AS value").values()
    except UnreadableTable as error:
        yield SourceFinding(until.line, "complete_until", f"cannot be read: {error}")
        return
    if not fits(kind.upper(), FieldType.TIME):
        text = f"is {kind}, must be {FieldType.TIME.value}; write an expression that makes it one"
        yield SourceFinding(until.line, "complete_until", text)


def _value_of_complete_until(sources: Sources, shop: ShopTables) -> Iterator[SourceFinding]:
    until = sources.complete_until
    if until is None:
        return
    try:
        ((is_empty,),) = shop.rows(f"SELECT ({until.sql}) IS NULL")
    except UnreadableTable as error:
        yield SourceFinding(until.line, "complete_until", f"cannot be read: {error}")
        return
    if is_empty:
        text = "is empty, so no day would be looked at; write an expression that gives a moment"
        yield SourceFinding(until.line, "complete_until", text)


def _rows_of(
    name: str, table: SourceTable, shop: ShopTables, dialect: SqlDialect
) -> Sequence[SourceFinding]:
    try:
        return (*_empty_values(name, table, shop, dialect), *_repeated(name, table, shop))
    except UnreadableTable as error:
        # The columns fit, and a value in them does not.
        text = f"has a value that cannot be read: {error}; leave its row out with {name}.where"
        return (SourceFinding(table.table.line, f"{name}.from", text),)


def _columns_of(name: str, table: SourceTable, shop: ShopTables) -> Iterator[SourceFinding]:
    whole = SourceTable(table.table, None, {}, {})
    try:
        there = shop.types(f"SELECT * FROM {rows_of(whole)}")
    except UnreadableTable as error:
        yield SourceFinding(table.table.line, f"{name}.from", f"cannot be read: {error}")
        return
    if table.where is not None:
        yield from _type_of(f"{name}.where", table.where, FieldType.YES_NO, whole, there, shop)
    for field, column in table.columns.items():
        kind = MAPPED_TABLES[name].fields[field].type
        yield from _type_of(f"{name}.columns.{field}", column, kind, whole, there, shop)
    for attribute, label in table.labels.items():
        where = f"{name}.labels.{attribute}"
        yield from _type_of(where, label, FieldType.TEXT, whole, there, shop)


def _type_of(
    where: str,
    expression: Expression,
    wanted: FieldType,
    table: SourceTable,
    there: Mapping[str, str],
    shop: ShopTables,
) -> Iterator[SourceFinding]:
    try:
        (column_type,) = shop.types(
            f"SELECT {expression.sql} AS value FROM {rows_of(table)}"
        ).values()
    except UnreadableTable as error:
        near = difflib.get_close_matches(expression.sql, there, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the table has {', '.join(there)}"
        yield SourceFinding(expression.line, where, f"cannot be read: {error}; {hint}")
        return
    if not fits(column_type.upper(), wanted):
        text = f"is {column_type}, must be {wanted.value}; write an expression that makes it one"
        yield SourceFinding(expression.line, where, text)


def fits(column_type: str, wanted: FieldType) -> bool:
    """Whether a column of this type, in capitals, may be such a field."""
    if wanted is FieldType.TEXT:
        return not column_type.startswith(_NESTED) and not column_type.endswith("]")
    if wanted is FieldType.WHOLE and _WHOLE_DECIMAL.fullmatch(column_type):
        return True
    return column_type.partition("(")[0].strip() in _FITS[wanted]


def _empty_values(
    name: str, table: SourceTable, shop: ShopTables, dialect: SqlDialect
) -> Iterator[SourceFinding]:
    """Fields that every row needs, and some rows lack."""
    needed = [key for key, field in MAPPED_TABLES[name].fields.items() if field.needed]
    if name == "orders" and "revenue" in table.columns:
        needed.append("revenue")
    empty = [
        f"coalesce(sum(CASE WHEN {_empty(name, key, table, dialect)} THEN 1 ELSE 0 END), 0)"
        for key in needed
    ]
    (counts,) = shop.rows(f"SELECT count(*), {', '.join(empty)} FROM {rows_of(table)}")
    rows, *duplicates = (int(count) for count in counts)
    for key, count in zip(needed, duplicates, strict=True):
        if count:
            where, line = f"{name}.columns.{key}", table.columns[key].line
            left_out = f"leave such rows out with {name}.where"
            yield SourceFinding(line, where, f"is empty in {count:,} of {rows:,} rows; {left_out}")
    if not rows:
        yield SourceFinding(table.table.line, f"{name}.from", "has no rows that count")


def _empty(name: str, key: str, table: SourceTable, dialect: SqlDialect) -> str:
    sql = table.columns[key].sql
    is_text = MAPPED_TABLES[name].fields[key].type is FieldType.TEXT
    blank = f" OR TRIM(CAST(({sql}) AS {dialect.text})) = ''" if is_text else ""
    return f"({sql}) IS NULL{blank}"


def _repeated(name: str, table: SourceTable, shop: ShopTables) -> Iterator[SourceFinding]:
    """Orders that are there twice would count twice."""
    if name != "orders":
        return
    order = table.columns["order"]
    query = f"SELECT {order.sql} AS id FROM {rows_of(table)}"
    ((repeated,),) = shop.rows(
        f"SELECT count(*) FROM (SELECT id FROM ({query}) q GROUP BY id HAVING count(*) > 1) r"
    )
    if repeated:
        text = f"{int(repeated):,} orders are there more than once, and would count as often"
        way_out = "keep one row for each, such as the newest, with a query in orders.from"
        yield SourceFinding(order.line, "orders.columns.order", f"{text}; {way_out}")


def _orders_without_lines(
    sources: Sources, shop: ShopTables, dialect: SqlDialect
) -> Iterator[SourceFinding]:
    """Orders that take their revenue from lines, and have none."""
    orders, lines = (sources.tables.get(name) for name in ("orders", "lines"))
    if orders is None or lines is None or "revenue" in orders.columns:
        return
    of_orders, of_lines = (
        f"SELECT CAST(({table.columns['order'].sql}) AS {dialect.text}) AS id FROM {rows_of(table)}"
        for table in (orders, lines)
    )
    ((rows, empty),) = shop.rows(
        "SELECT count(*), coalesce(sum(CASE WHEN l.id IS NULL THEN 1 ELSE 0 END), 0) "
        f"FROM ({of_orders}) o LEFT JOIN (SELECT DISTINCT id FROM ({of_lines}) q) l ON o.id = l.id"
    )
    if empty:
        text = f"{int(empty):,} of {int(rows):,} orders have no line, and would be worth nothing"
        way_out = "leave them out with orders.where, or map orders.columns.revenue"
        line = orders.columns["order"].line
        yield SourceFinding(line, "orders.columns.order", f"{text}; {way_out}")
