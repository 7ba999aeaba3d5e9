"""The large shop in each kind of ledger: a SQLite file, PostgreSQL, and an exported lake."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import duckdb
from fairlift_server.analysis.attached_ledger import attach_database, quoted
from fairlift_server.store import campaigns as store
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.history import Author, add_change
from fairlift_server.store.tables import metadata

from benchmarks.large_shop.campaigns import LARGE, SMALL, START, started


def fill(database: str, files: Mapping[str, Path]) -> None:
    """Makes the tables of a database and puts the events of these files into them."""
    prepared = Store(database)
    prepared.migrate(lambda transaction: store.put_shop(transaction, store.Shop("EUR", 0, "salt")))
    prepared.write_now(_start_campaigns)
    prepared.close()
    _in_a_process(_copy_rows, database, {table: str(file) for table, file in files.items()})
    counted = Store(database)
    counted.write_now(lambda _transaction: None)
    counted.close()


def exported(database: str, folder: Path) -> Path:
    """The lake that `fairlift-server export` makes of a database."""
    _in_a_process(_export, database, str(folder))
    return folder


def _start_campaigns(transaction: Transaction) -> None:
    for name in (LARGE, *SMALL):
        campaign = started(name)
        store.add(transaction, campaign)
        store.add_epoch(transaction, store.Epoch(campaign, "traffic", "variants"))
        for verb in ("create", "start"):
            add_change(transaction, campaign, verb=verb, time=START, author=Author())


def _in_a_process(function: object, *arguments: object) -> None:
    """DuckDB and Store must not open one SQLite file in the same process."""
    name = getattr(function, "__name__", "")
    code = f"from benchmarks.large_shop import databases; databases.{name}(*{arguments!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def _copy_rows(database: str, files: Mapping[str, str]) -> None:
    with closing(duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})) as connection:
        attach_database(connection, database, "target")  # which loads what speaks to it
        kind, schema = ("postgres", "public") if "://" in database else ("sqlite", "main")
        connection.execute(f"DETACH target; ATTACH {quoted(database)} AS target (TYPE {kind})")
        for table, file in files.items():
            names = (column.name for column in metadata.tables[table].columns)
            columns = ", ".join(name for name in names if name != "id")
            connection.execute(
                f"INSERT INTO target.{schema}.{table} ({columns}) "
                f"SELECT {columns} FROM read_parquet({quoted(file)})"
            )


def _export(database: str, folder: str) -> None:
    from fairlift_server.lake.export import export_ledger

    export_ledger(database, Path(folder))
