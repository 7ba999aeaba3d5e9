"""fairlift-server export: the ledger as Parquet files."""

import argparse
import sys
from pathlib import Path

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.commands.sqlite_only import sqlite_path
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="of an earlier export, or a new one")


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    # This process opens the database by DuckDB alone from here on; see `export_ledger`.
    from fairlift_server.lake.export import export_ledger
    from fairlift_server.store.database import check_ledger

    database = check_ledger(sqlite_path(settings, "export"))
    with interruptible("the export"):
        exported = export_ledger(database, arguments.folder, progress=_show_progress)
    for table, rows in exported.rows.items():
        print(f"{table}: {rows:,} rows")
    if exported.rewritten:
        print(f"{exported.rewritten:,} files were written again without erased visitors")
    if not exported.rows and not exported.rewritten:
        print("nothing is new")
    print(f"{arguments.folder}: {len(exported.manifest.files):,} files")


def _show_progress(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"{rows:,} rows", end="\r", file=sys.stderr, flush=True)


EXPORT = Command(
    "export",
    "write what is new in the ledger as Parquet files by day, also while a server runs",
    _add_arguments,
    _run,
)
