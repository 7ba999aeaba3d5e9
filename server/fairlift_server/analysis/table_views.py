"""The ledger's tables where no database of ours has them: queries that give their columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import ibis
from fairlift.engine.errors import WrongState

from fairlift_server.analysis.ledger_tables import LEDGER_COLUMNS, Ledger

# Of a row that is there in several versions, the last counts; rows of these tables with the same
# value are versions of one.
_VERSIONED: Final = {
    "orders": "order_id",
    "order_lines": "order_id",
    "amendments": "event_id",
    "costs": "event_id",
}
_PREFIX: Final = "ledger_"
# Before the name of a table: what its files hold.
FILES_PREFIX: Final = "files_"
# One row: what stored ids are hashed after.
KEY_TABLE: Final = "fairlift_id_key"


_MOMENTS: Final = " UNION ALL ".join(
    f"SELECT max(time_us) AS time_us FROM {_PREFIX}{name}"
    for name in ("exposures", "actions", "orders")
)
_NEWEST_EVENT: Final = f"SELECT max(time_us) AS newest FROM ({_MOMENTS}) AS moments"


@dataclass(frozen=True, slots=True)
class LakeTables:
    """The files of an exported ledger.

    Attributes:
        paths: by table; a table without files has no rows.
        currency: the shop's.
    """

    paths: Mapping[str, tuple[str, ...]]
    currency: str


@dataclass(frozen=True, slots=True)
class OwnTables:
    """A shop's own tables, read by queries in the engine's SQL.

    Attributes:
        queries: by table of the ledger; a table without a query has no rows.
        currency: the shop's.
        complete_until: a query of the moment until which the tables are complete, in microseconds;
            empty: that of the newest event.
        database: that DuckDB reads; empty: none.
        files: tables that are files, by name; each a pattern of paths.
        key_states: of the key of stored ids; None: ids are stored as they come.
    """

    queries: Mapping[str, str]
    currency: str
    complete_until: str = ""
    database: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    key_states: tuple[bytes, bytes] | None = field(default=None, repr=False)


def unknown_kind(name: str, pattern: str, known: Iterable[str]) -> WrongState:
    """That a file of the sources file is of a kind that no engine reads."""
    return WrongState(f"{pattern} (files.{name}) must end in one of {', '.join(known)}")


def complete_until(tables: LakeTables | OwnTables) -> str:
    """A query with one row: the moment until which the tables are complete."""
    return getattr(tables, "complete_until", "") or _NEWEST_EVENT


def named_ledger() -> Ledger:
    """The tables by the names that `ledger_views` gives them."""
    return Ledger(
        **{
            name: ibis.table(columns, name=f"{_PREFIX}{name}")
            for name, columns in LEDGER_COLUMNS.items()
        }
    )


def lake_views(tables: LakeTables, types: Mapping[str, str]) -> Mapping[str, str]:
    """By the name of each view its query, over the tables of files.

    Args:
        tables: whose files are read under the names of `FILES_PREFIX` and the table.
        types: the engine's, by Ibis's.
    """
    queries = {name: _of_files(name) for name in LEDGER_COLUMNS if tables.paths.get(name)}
    return ledger_views(queries, tables.currency, types)


def own_views(tables: OwnTables, types: Mapping[str, str]) -> Mapping[str, str]:
    """By the name of each view its query, over the shop's own tables."""
    return ledger_views(tables.queries, tables.currency, types)


def ledger_views(
    queries: Mapping[str, str], currency: str, types: Mapping[str, str]
) -> Mapping[str, str]:
    """By the name of each view its query.

    Args:
        queries: by table of the ledger; a table without a query has no rows.
        currency: the shop's.
        types: the engine's, by Ibis's.
    """
    queries = {**queries, "shop": _shop(currency, types)}
    return {
        f"{_PREFIX}{name}": _typed(columns, queries[name], types)
        if name in queries
        else _empty(columns, types)
        for name, columns in LEDGER_COLUMNS.items()
    }


def _typed(columns: Mapping[str, str], query: str, types: Mapping[str, str]) -> str:
    given = ", ".join(f"CAST({name} AS {types[kind]}) AS {name}" for name, kind in columns.items())
    return f"SELECT {given} FROM ({query}) AS given"


def _empty(columns: Mapping[str, str], types: Mapping[str, str]) -> str:
    nulls = ", ".join(f"CAST(NULL AS {types[kind]}) AS {name}" for name, kind in columns.items())
    return f"SELECT {nulls} WHERE 1 = 0"


def _of_files(name: str) -> str:
    columns = ", ".join(
        # Ids of events are texts in files.
        f"unhex(replace({column}, '-', '')) AS {column}" if kind == "binary" else column
        for column, kind in LEDGER_COLUMNS[name].items()
    )
    source = f"{FILES_PREFIX}{name}"
    if name in _VERSIONED:
        newest = f"rank() OVER (PARTITION BY {_VERSIONED[name]} ORDER BY version DESC) AS newest"
        source = f"(SELECT *, {newest} FROM {source}) AS versions WHERE newest = 1"
    return f"SELECT {columns} FROM {source}"


def _shop(currency: str, types: Mapping[str, str]) -> str:
    return f"SELECT CAST('{currency}' AS {types['string']}) AS currency_code"
