"""fairlift-server sources check: looks at a shop's own tables before they are analysed."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.commands import Command
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.analysis.table_reading import ShopTables
    from fairlift_server.sources.source_file import Sources


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser(
        "check", help="name what is missing, of another type, or there twice in the shop's tables"
    )
    check.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="the sources file; by default that of FAIRLIFT_ANALYSIS_TABLES=sources:FILE",
    )
    check.add_argument(
        "--engine",
        metavar="ENGINE",
        help="duckdb, spark or spark:MASTER; by default FAIRLIFT_ANALYSIS",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.analysis.ledger_source import LedgerSource
    from fairlift_server.results.analysis_source import AnalysisSource
    from fairlift_server.sources.check import check_columns, check_rows
    from fairlift_server.sources.shop_sources import dialect_of
    from fairlift_server.sources.source_file import read_sources
    from fairlift_server.sources.sql_pieces import check_sql

    path = arguments.file or _file_of(settings)
    master = AnalysisSource(LedgerSource(""), arguments.engine or settings.analysis).master
    sources, dialect = read_sources(path), dialect_of(spark=bool(master))
    check_sql(sources, dialect)
    with _shop(sources, master, settings.currency) as shop:
        findings = check_columns(sources, shop)
        # Rows cannot be counted by columns that are not there.
        if not findings:
            findings = check_rows(sources, shop, dialect)
    for finding in findings:
        print(f"{path}:{finding.line}: {finding.where}: {finding.text}")
    print(f"{path}: {_count(len(sources.tables), 'table')}, {_count(len(findings), 'mistake')}")
    if findings:
        sys.exit(1)


def _file_of(settings: Settings) -> Path:
    kind, _, path = settings.analysis_tables.partition(":")
    if kind != "sources":
        rule = "names no sources file; give one: fairlift-server sources check FILE"
        raise InvalidRequest([Violation("FAIRLIFT_ANALYSIS_TABLES", rule)])
    return Path(path)


@contextmanager
def _shop(sources: "Sources", master: str, currency: str) -> "Iterator[ShopTables]":
    from fairlift_server.analysis.table_views import OwnTables

    tables = OwnTables({}, currency, database=sources.database, files=sources.files)
    if master:
        from fairlift_server.analysis import spark_tables
        from fairlift_server.analysis.spark_session import spark_session
        from fairlift_server.analysis.table_reading import SparkShop

        with spark_session(master) as session:
            spark_tables.open_spark_shop(session, tables)
            yield SparkShop(session)
        return
    from fairlift_server.analysis.duckdb_tables import shop_connection
    from fairlift_server.analysis.table_reading import DuckdbShop

    with closing(shop_connection(tables)) as connection:
        yield DuckdbShop(connection)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


SOURCES = Command(
    "sources",
    "look at the shop's own tables that a sources file maps",
    _add_arguments,
    _run,
)
