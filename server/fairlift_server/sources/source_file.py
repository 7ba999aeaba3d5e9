"""Reads a sources file: every mistake is named with its line."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from fairlift.engine.audience import ATTRIBUTE_NAME
from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.sources.fields import MAPPED_TABLES, REVENUE

_MAX_BYTES = 1 << 20
_OF_ALL = ("database", "files", "complete_until")
_PARTS = ("from", "where", "columns", "labels")


@dataclass(frozen=True, slots=True)
class Expression:
    """A piece of SQL, and the line of the file on which it stands."""

    sql: str
    line: int


@dataclass(frozen=True, slots=True)
class SourceTable:
    """How a table of the ledger is read.

    Attributes:
        table: a table, or a query in brackets.
        where: rows that count; None: all.
        columns: by field.
        labels: by attribute.
    """

    table: Expression
    where: Expression | None
    columns: Mapping[str, Expression]
    labels: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class Sources:
    """A sources file.

    Attributes:
        name: of the file, as messages show it.
        complete_until: a moment: what happened before is in the tables; None: the newest event.
        database: that DuckDB reads: a DuckDB file, or postgresql://…; empty: none.
        files: tables that are files, each with its paths' pattern.
        tables: by the ledger's names.
    """

    name: str
    complete_until: Expression | None
    database: str
    files: Mapping[str, str]
    tables: Mapping[str, SourceTable]


def read_sources(path: Path) -> Sources:
    """The sources file.

    Relative paths in it are those from its folder.

    Raises:
        InvalidRequest: it cannot be read, or breaks a rule; every broken rule is named.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _invalid(path, "is larger than 1 MiB; it is no sources file")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _invalid(path, "is not UTF-8 text") from None
    return _Reading(path).sources(text)


@dataclass(slots=True)
class _Reading:
    """Reads one file, and collects what is wrong with it."""

    path: Path
    violations: list[Violation] = field(default_factory=list)

    def sources(self, text: str) -> Sources:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            raise _invalid(self.path, f"is not YAML{where}") from None
        except RecursionError:
            raise _invalid(self.path, "is nested too deep") from None
        parts = {} if root is None else self._entries(root, "", (*_OF_ALL, *MAPPED_TABLES))
        tables = {
            name: table
            for name in MAPPED_TABLES
            if name in parts and (table := self._table(name, parts[name]))
        }
        for needed in ("exposures",):
            if needed not in parts:
                self._break(
                    1, "", f"lacks {needed}: without them nobody is known to have seen a variant"
                )
        self._check_revenue(parts, tables)
        database = self._expression(parts["database"], "database") if "database" in parts else None
        files = self._entries(parts["files"], "files", None) if "files" in parts else {}
        read = {name: self._expression(node, f"files.{name}") for name, node in files.items()}
        until = None
        if "complete_until" in parts:
            until = self._expression(parts["complete_until"], "complete_until")
        if self.violations:
            raise InvalidRequest(self.violations)
        return Sources(
            str(self.path),
            until,
            "" if database is None else self._located(database.sql),
            {name: self._located(each.sql) for name, each in read.items()},
            tables,
        )

    def _table(self, name: str, node: yaml.Node) -> SourceTable | None:
        parts, mapped = self._entries(node, name, _PARTS), MAPPED_TABLES[name]
        line = node.start_mark.line + 1
        if "from" not in parts:
            self._break(line, name, "lacks from: the table, or a query in brackets")
            return None
        columns = self._expressions(parts, f"{name}.columns", "columns", mapped.fields)
        labels = self._expressions(parts, f"{name}.labels", "labels", None)
        for key, needed in mapped.fields.items():
            if needed.needed and key not in columns:
                where = parts["columns"].start_mark.line + 1 if "columns" in parts else line
                self._break(where, f"{name}.columns", f"lacks {key}, which every row needs")
        if labels and not mapped.labels:
            self._break(parts["labels"].start_mark.line + 1, name, "takes no labels")
        if mapped.needs_labels and not labels:
            self._break(line, name, "lacks labels, such as {tier: loyalty_tier}")
        for attribute, label in labels.items():
            if not ATTRIBUTE_NAME.fullmatch(attribute):
                rule = "must be letters, digits, _ and ., not a digit first, 64 at most"
                self._break(label.line, f"{name}.labels.{attribute}", f"is no attribute; it {rule}")
        where_rows = self._expression(parts["where"], f"{name}.where") if "where" in parts else None
        return SourceTable(
            self._expression(parts["from"], f"{name}.from"), where_rows, columns, labels
        )

    def _check_revenue(
        self, parts: Mapping[str, yaml.Node], tables: Mapping[str, SourceTable]
    ) -> None:
        if "lines" in tables and "orders" not in parts:
            line = tables["lines"].table.line
            self._break(line, "lines", "are of no orders; map orders too")
        orders = tables.get("orders")
        if orders is not None and REVENUE not in orders.columns and "lines" not in tables:
            rule = "lacks revenue, which every order needs unless lines are mapped"
            self._break(orders.table.line, "orders.columns", rule)

    def _expressions(
        self,
        parts: Mapping[str, yaml.Node],
        where: str,
        key: str,
        known: Collection[str] | None,
    ) -> dict[str, Expression]:
        if key not in parts:
            return {}
        entries = self._entries(parts[key], where, known)
        return {name: self._expression(node, f"{where}.{name}") for name, node in entries.items()}

    def _expression(self, node: yaml.Node, where: str) -> Expression:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self._break(line, where, "must be a text: SQL, or a name")
            return Expression("", line)
        return Expression(node.value.strip(), line)

    def _entries(
        self, node: yaml.Node, where: str, known: Collection[str] | None
    ) -> dict[str, yaml.Node]:
        """The entries of a mapping; of `known` None they may have any name."""
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            self._break(line, where, "must have entries, such as `unit: visitor_id`")
            return {}
        entries: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            path = f"{where}.{key}" if where else key
            if known is not None and key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                self._break(line, path, f"is not known; {hint}")
            elif key in entries:
                self._break(line, path, "is there twice; keep one of them")
            else:
                entries[key] = value
        return entries

    def _located(self, text: str) -> str:
        """A path in the file as one from anywhere; a URL as it is."""
        return text if "://" in text else str(self.path.absolute().parent / text)

    def _break(self, line: int, where: str, text: str) -> None:
        self.violations.append(Violation(f"{self.path}:{line}: {where}".rstrip(": "), text))


def _invalid(path: Path, text: str) -> InvalidRequest:
    return InvalidRequest([Violation(str(path), text)])
