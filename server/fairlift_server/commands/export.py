"""fairlift-server export: the ledger as Parquet files, or all results as tables for people."""

import argparse
import sys
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="of an earlier export, or a new one")
    parser.add_argument(
        "--what",
        choices=("ledger", "results"),
        default="ledger",
        help="ledger: what is new in it, as Parquet files by day (the default); results: the "
        "current reports of all campaigns, read from a running server",
    )
    results = parser.add_argument_group("with --what results")
    results.add_argument("--format", choices=("csv", "xlsx", "jsonl"), default="csv")
    results.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="of the running server; by default FAIRLIFT_LISTEN on this machine",
    )
    results.add_argument("--language", choices=("en", "es", "ro"), default="en")


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.what == "results":
        _export_results(settings, arguments)
    else:
        _export_ledger(settings, arguments.folder)


def _export_ledger(settings: Settings, folder: Path) -> None:
    # This process opens a SQLite file by DuckDB alone from here on; see `export_ledger`.
    from fairlift_server.lake.export import export_ledger
    from fairlift_server.lake.ledger import checked_ledger

    database = checked_ledger(settings.database)
    with interruptible("the export", "run it again: it goes on where it was stopped"):
        exported = export_ledger(database, folder, progress=_show_progress)
    for table, rows in exported.rows.items():
        print(f"{table}: {rows:,} rows")
    if exported.rewritten:
        print(f"{exported.rewritten:,} files were written again without erased visitors")
    if not exported.rows and not exported.rewritten:
        print("nothing is new")
    print(f"{folder}: {len(exported.manifest.files):,} files")


def _export_results(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.api.report_reading import report_reader
    from fairlift_server.api.report_rows import metric_rows, variant_rows
    from fairlift_server.commands.server_access import settings_access
    from fairlift_server.commands.spreadsheets import write_tables

    folder: Path = arguments.folder
    if not folder.absolute().parent.is_dir():
        raise WrongState(f"the folder {folder.absolute().parent} does not exist; create it first")
    with report_reader(settings_access(settings, arguments.server)) as reader:
        read = list(reader.reports(arguments.language))
    tables = {
        "variants": [row for each in read for row in variant_rows(each)],
        "metrics": [row for each in read for row in metric_rows(each)],
    }
    for path in write_tables(folder, tables, arguments.format):
        print(path)
    refused = [each for each in read if each.report is None]
    print(f"reports of {len(read) - len(refused)} of {len(read)} campaigns")
    if refused:
        lines = (f"{each.summary.campaign}: {each.refusal}" for each in refused)
        sys.exit("\n".join(f"fairlift-server: {line}" for line in lines))


def _show_progress(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"{rows:,} rows", end="\r", file=sys.stderr, flush=True)


EXPORT = Command(
    "export",
    "write what is new in the ledger as Parquet files, or all results as tables, also while a "
    "server runs",
    _add_arguments,
    _run,
)
