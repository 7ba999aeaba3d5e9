"""DuckDB over the SQLite file, attached read-only: how the embedded server answers questions."""

from collections.abc import Sequence
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path

import duckdb
import ibis
from ibis.backends.sql.compilers.duckdb import compiler

from fairlift_server.analysis.cells import cell, cells
from fairlift_server.analysis.question import Answer, Question
from fairlift_server.analysis.units import Ledger, units

_THREADS = 2
_SCANNER = "duckdb_extension_sqlite_scanner"
_COLUMNS = {
    "exposures": {
        "unit": "string",
        "time_us": "int64",
        "campaign": "string",
        "epoch": "int64",
        "variant": "string",
        "segments": "string",
    },
    "actions": {"unit": "string", "time_us": "int64", "name": "string", "value": "float64"},
    "orders": {
        "unit": "string",
        "time_us": "int64",
        "items": "int64",
        "coupon": "string",
        "first_purchase": "int64",
        "refunded_micros": "int64",
        "upsell": "int64",
        "cross_sell": "int64",
        "cancelled": "int64",
        "shop_revenue_micros": "int64",
        "shop_net_revenue_micros": "int64",
        "shop_profit_micros": "int64",
        "shop_discount_micros": "int64",
    },
    "identity_links": {"id": "int64", "visitor": "string", "customer": "string"},
}


def answers(path: Path, questions: Sequence[Question]) -> list[Answer]:
    """The answers to all questions, as of one moment.

    Call it in a process of its own: DuckDB brings its own SQLite, and two copies of SQLite in one
    process drop each other's locks on the file.
    """
    with closing(duckdb.connect(config={"threads": _THREADS})) as connection:
        # From the wheel: nothing is downloaded at run time.
        extension = f"extensions/v{duckdb.__version__}/sqlite_scanner.duckdb_extension"
        with as_file(files(_SCANNER).joinpath(extension)) as scanner:
            connection.execute(f"LOAD {_quoted(scanner)}")
        connection.execute(f"ATTACH {_quoted(path)} AS shop (TYPE sqlite, READ_ONLY)")
        connection.begin()
        found = [_answer(connection, question) for question in questions]
        connection.commit()
        return found


def _answer(connection: duckdb.DuckDBPyConnection, question: Question) -> Answer:
    query = compiler.to_sqlglot(cells(units(_ledger(), question), question)).sql("duckdb")
    cursor = connection.execute(query)
    names = [each[0] for each in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    # The order of groups is the engine's whim; the answer's is not.
    found = sorted(
        (cell(row, question) for row in rows),
        key=lambda each: (each.variant, each.segment, each.is_contaminated),
    )
    return Answer(tuple(found))


def _ledger() -> Ledger:
    tables = {
        name: ibis.table(columns, name=name, catalog="shop", database="main")
        for name, columns in _COLUMNS.items()
    }
    # SQLite has no booleans.
    orders = tables.pop("orders")
    orders = orders.mutate(
        cancelled=orders.cancelled == 1,
        first_purchase=orders.first_purchase.cast("boolean"),
    )
    return Ledger(orders=orders, **tables)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
