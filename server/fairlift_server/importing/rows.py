"""The rows of a file as a mapping reads them: one value per field."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.importing.kinds import Field, Type
from fairlift_server.importing.mapping import ATTRIBUTE, FieldSource, KindMapping
from fairlift_server.importing.source import SourceFile
from fairlift_server.importing.sql_names import named
from fairlift_server.importing.values import NO_TIME

_BATCH = 5_000
_ATTRIBUTE = Field(Type.TEXT)
_SHOWN_COLUMNS = 30
_Z = "+00:00"


@dataclass(frozen=True, slots=True)
class MappedRows:
    """The rows of a file, mapped.

    Attributes:
        fields: names, in the order of the values.
        total: rows that are taken.
        left_out: rows that the mapping's condition leaves out.
        apart: ids of orders that stand in the file more than once, and differ.
    """

    source: SourceFile
    fields: tuple[str, ...]
    total: int
    left_out: int
    apart: frozenset[str]
    _select: str

    def batches(self) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Rows in the file's order: the line, a mark where equal rows may be there, the values.

        `Any`: a text, a whole number of microseconds for a time, a list of texts, or None.
        """
        return self.source.batches(self._select, _BATCH)


def mapped_rows(source: SourceFile, mapping: KindMapping) -> MappedRows:
    """The file's rows, read through once: no broken line or expression comes up later.

    Raises:
        InvalidRequest: the mapping does not fit the file.
        WrongState: some line of the file cannot be read.
    """
    whole = "source"
    if mapping.each:
        column, item = mapping.each
        whole = _each_item(source, column, item, mapping)
    table = f"(SELECT * FROM {whole} WHERE ({mapping.only}))" if mapping.only else whole
    there = {column.casefold() for column in source.columns}
    expressions = {
        name: _expression(source, name, one, mapping)
        for name, one in mapping.sources.items()
        # What the file lacks, and may lack, needs no reading.
        if one.how != "column" or one.text.casefold() in there or _is_needed(mapping, name)
    }
    types = _types(source, expressions, table)
    read = {
        name: _read_as(expression, types[name], _field(mapping, name), mapping)
        for name, expression in expressions.items()
    }
    values = ", ".join(f"{expression} AS {named(name)}" for name, expression in read.items())
    names = ", ".join(map(named, read))
    rows = f"(SELECT import_line, {values} FROM {table})"
    counts = ", ".join(f"count({named(name)})" for name in read)
    total = source.all(f"SELECT count(*), {counts} FROM {rows}")[0][0]
    left_out = source.all(f"SELECT count(*) FROM {whole}")[0][0] - total if mapping.only else 0
    mark = _mark(source, rows, names) if mapping.kind.repeats else "NULL"
    select = f"SELECT import_line, {mark}, {names} FROM {rows}"
    apart = _contradicted(source, rows, names) if "order" in read else frozenset[str]()
    return MappedRows(source, tuple(read), total, left_out, apart, select)


def _mark(source: SourceFile, rows: str, names: str) -> str:
    """Marks the rows that are there more than once."""
    twice = f"SELECT hash({names}) AS row_hash FROM {rows} GROUP BY 1 HAVING count(*) > 1"
    source.all(f"CREATE TABLE repeated AS {twice}")
    if source.all("SELECT count(*) FROM repeated")[0][0] == 0:
        return "NULL"
    return f"CASE WHEN hash({names}) IN (SELECT row_hash FROM repeated) THEN 1 END"


def _contradicted(source: SourceFile, rows: str, names: str) -> frozenset[str]:
    """Orders whose rows stand apart in the file, and do not say the same again."""
    begun = f'SELECT *, "order" IS DISTINCT FROM lag("order") OVER () AS begins FROM {rows}'
    apart = (
        f'SELECT "order" FROM ({begun}) WHERE begins AND "order" IS NOT NULL '
        "GROUP BY 1 HAVING count(*) > 1"
    )
    if not source.all(f"{apart} LIMIT 1"):
        return frozenset()
    runs = f"SELECT *, sum(begins::INT) OVER (ROWS UNBOUNDED PRECEDING) AS run FROM ({begun})"
    said = (
        f'SELECT "order", list(hash({names}) ORDER BY import_line) AS said FROM ({runs}) '
        f'WHERE "order" IN ({apart}) GROUP BY "order", run'
    )
    differing = f'SELECT "order" FROM ({said}) GROUP BY 1 HAVING count(DISTINCT said) > 1'
    return frozenset(row[0] for row in source.all(differing))


def _each_item(source: SourceFile, column: str, item: str, mapping: KindMapping) -> str:
    column = _known_column(source, "each", column, mapping)
    # A row whose list is empty stays: its fields are missing, and it is refused by name.
    items = f"CASE WHEN len({column}) > 0 THEN {column} ELSE [NULL] END"
    return f"(SELECT *, unnest({items}) AS {named(item)} FROM source)"


def _is_needed(mapping: KindMapping, name: str) -> bool:
    lacking = {column.casefold() for column in mapping.options.may_lack}
    return mapping.sources[name].text.casefold() not in lacking or _field(mapping, name).required


def _field(mapping: KindMapping, name: str) -> Field:
    return _ATTRIBUTE if name.startswith(ATTRIBUTE) else mapping.kind.fields[name]


def _expression(
    source: SourceFile, name: str, field_source: FieldSource, mapping: KindMapping
) -> str:
    match field_source.how:
        case "column":
            return _known_column(source, name, field_source.text, mapping)
        case "value":
            return quoted(field_source.text)
    return f"({field_source.text})"


def _known_column(source: SourceFile, name: str, column: str, mapping: KindMapping) -> str:
    known = {*source.columns, *mapping.options.may_lack}
    if mapping.each:
        known.add(mapping.each[1])
    if column.casefold() in {each.casefold() for each in known}:
        return named(column)
    raise InvalidRequest([Violation(name, _no_column(source, column, mapping))])


def _no_column(source: SourceFile, column: str, mapping: KindMapping) -> str:
    columns = source.columns
    needs = f"needs the column {column!r}"
    may_be_another = len(columns) == 1 and not source.names_separator
    if may_be_another and (other := _other_delimiter(columns[0], mapping)):
        there = f", {columns[0][:80]!r}" if are_names(columns[0].split(other)) else ""
        return (
            f"{needs}, but {source.path} has one column only{there}; set `delimiter: {other!r}` in "
            "the mapping's `file`"
        )
    near = difflib.get_close_matches(column, columns, n=1) if are_names(columns) else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{needs}, which {source.path} lacks; {_there(columns)}{hint}"


def _there(columns: Sequence[str]) -> str:
    """Says which columns a file has; what may be its first row is not shown: it may name people."""
    if not are_names(columns):
        return "its first line must name the columns, and looks like a row of values"
    more = f" and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return f"it has {', '.join(columns[:_SHOWN_COLUMNS])}{more}"


def are_names(columns: Sequence[str]) -> bool:
    """Whether a file's first line names its columns: none is an e-mail, or digits for the most.

    >>> are_names(["Order", "Tax 1 Name"]), are_names(["B-1", "24/11/2026 10:30", "Ana"])
    (True, False)
    """
    return not any("@" in column or _is_number(column) for column in columns)


def _is_number(column: str) -> bool:
    digits = sum(map(str.isdigit, column))
    return digits > 0 and 2 * digits >= sum(map(str.isalnum, column))


def _other_delimiter(header: str, mapping: KindMapping) -> str:
    counts = {mark: header.count(mark) for mark in ";\t|," if mark != mapping.options.delimiter}
    most = max(counts, key=lambda mark: counts[mark])
    return most if counts[most] else ""


def _types(source: SourceFile, expressions: Mapping[str, str], table: str) -> dict[str, str]:
    """The type of each expression; a wrong one is named."""
    types = {}
    for name, expression in {"": "1", **expressions}.items():
        try:
            described = source.described(f"SELECT {expression} AS value FROM {table}")
        except duckdb.Error as error:
            text = f"{expression} cannot be read: {str(error).partition(chr(10))[0]}"
            text = f"{text}; in {source.path}: {_there(source.columns)}"
            raise InvalidRequest([Violation(name or "only", text)]) from None
        types[name] = described
    return types


def _read_as(expression: str, type_name: str, field: Field, mapping: KindMapping) -> str:
    """The expression as what Python reads: a text, but for times and lists."""
    if type_name == "JSON":
        expression, type_name = f"({expression} ->> '$')", "VARCHAR"
    match field.type:
        case Type.TIME:
            return _time(expression, type_name, mapping.options.time_format)
        case Type.LIST if type_name.endswith("[]"):
            return f"CAST({expression} AS VARCHAR[])"
        case Type.AMOUNT | Type.WHOLE | Type.NUMBER if (
            mapping.options.decimal == "comma" and type_name != "VARCHAR"
        ):
            return f"replace(CAST({expression} AS VARCHAR), '.', ',')"
    return expression if type_name == "VARCHAR" else f"CAST({expression} AS VARCHAR)"


def _time(expression: str, type_name: str, time_format: str) -> str:
    if type_name == "VARCHAR":
        if not time_format:
            return expression
        read = f"try_strptime({expression}, {quoted(time_format)})"
        if "%z" in time_format:
            read = f"({read} AT TIME ZONE 'UTC')"
        known = f"strftime({read}, '%Y-%m-%dT%H:%M:%S.%f{_Z if '%z' in time_format else ''}')"
        # What is no time in this form goes on marked, and is refused by its line.
        return f"coalesce({known}, {quoted(NO_TIME)} || {expression})"
    if type_name == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({expression})"
    if type_name.startswith(("TIMESTAMP", "DATE")):
        return f"strftime({expression}, '%Y-%m-%dT%H:%M:%S.%f')"
    if type_name in ("BIGINT", "HUGEINT", "UBIGINT", "INTEGER"):
        return f"CAST({expression} AS BIGINT)"
    return f"CAST({expression} AS VARCHAR)"
