"""fairlift-server import: files of the shop's other systems."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fairlift.engine.errors import FairliftError, Invalid

from fairlift_server.commands import Command
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.importing.mapping import KindMapping
    from fairlift_server.importing.session import FileImport, ImportSession
    from fairlift_server.importing.tally import Group, Why

log = logging.getLogger("fairlift.import")

_KINDS = ("orders", "exposures", "actions", "links", "customers", "rates", "costs")
_SOME_REFUSED = 1
_UNUSABLE = 2
_INTERRUPTED = 130


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="CSV, Parquet, or JSON lines (.jsonl)"
    )
    parser.add_argument("--as", dest="kind", required=True, choices=_KINDS, help="what a row is")
    parser.add_argument(
        "--map",
        dest="mapping",
        required=True,
        metavar="MAP.yaml",
        help="which column is which field: a file, or one that is ready, such as shopify-orders "
        "or generic",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be taken, and change nothing"
    )
    parser.add_argument(
        "--refused",
        type=Path,
        metavar="PATH",
        help="where rows that are not taken are written; FILE.refused.csv by default",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    try:
        sys.exit(_import(settings, arguments))
    except Invalid as error:
        _refuse(str(violation) for violation in error.violations)
    except FairliftError as error:
        _refuse([str(error)])
    except BrokenPipeError:
        raise  # of what it prints; no file is meant
    except OSError as error:
        _refuse([f"cannot use {error.filename}: {error.strerror}"])
    except KeyboardInterrupt:
        print("fairlift-server: interrupted while a file was looked through", file=sys.stderr)
        sys.exit(_INTERRUPTED)


def _import(settings: Settings, arguments: argparse.Namespace) -> int:
    """The exit code: whether some rows were refused.

    Raises:
        FairliftError: a file, the mapping or the database cannot be used.
    """
    from fairlift_server.importing.mapping import read_mapping
    from fairlift_server.importing.source import check_is_file

    if arguments.refused is not None and len(arguments.files) > 1:
        _refuse(["--refused names one file; import one file at a time with it"])
    if arguments.refused is not None:
        _check_refused(arguments.refused, [*arguments.files, arguments.mapping, settings.database])
    mapping = read_mapping(arguments.mapping, arguments.kind)
    for path in arguments.files:  # before the first is imported
        check_is_file(path)
    if not arguments.dry_run:
        return _import_files(settings, arguments, mapping)
    from fairlift_server.commands.dry_runs import judging

    with judging(settings) as chosen:
        return _import_files(chosen, arguments, mapping)


def _import_files(settings: Settings, arguments: argparse.Namespace, mapping: "KindMapping") -> int:
    """Imports all files into the database of the settings; the exit code."""
    from fairlift_server.build import id_settings_of, prepared
    from fairlift_server.events.parking import ParkingLimits
    from fairlift_server.importing.session import ImportRules, ImportSession
    from fairlift_server.store.database import Store

    limits = ParkingLimits(settings.parked_events, settings.parked_days)
    rules = ImportRules(settings.currency, settings.history_days, limits)
    id_settings = id_settings_of(settings)
    store = Store(settings.database)
    try:
        ids = prepared(store, settings, id_settings)
        session = ImportSession(store, rules, datetime.now(UTC), ids)
        code = 0
        for path in arguments.files:
            with session.file(path, arguments.kind, mapping) as file:
                refused = arguments.refused or path.with_name(f"{path.name}.refused.csv")
                code = max(code, _import_file(session, file, path, arguments, refused))
            if code == _INTERRUPTED:
                break
        return code
    finally:
        store.close()


def _check_refused(refused: Path, read: Iterable[Path | str]) -> None:
    """Refuses to write the refused rows over what the import reads."""
    for path in read:
        if refused.resolve() == Path(path).resolve():
            _refuse([f"--refused names {path}, which the import reads; choose another name"])


def _import_file(
    session: "ImportSession",
    file: "FileImport",
    path: Path,
    arguments: argparse.Namespace,
    refused: Path,
) -> int:
    """The exit code of one file, of which a summary is printed."""
    from fairlift_server.importing.progress import ProgressBar

    progress = ProgressBar(file.rows.total, sys.stderr)
    code = _INTERRUPTED
    try:
        with _stoppable() as goes_on:

            def told(rows: int) -> bool:
                progress.say(rows)
                return goes_on()

            run = partial(file.run, told)
            if session.try_out(run) if arguments.dry_run else run():
                code = 0
    except FairliftError:
        progress.end()
        _print_summary(file, path, "was not finished")
        raise
    progress.end()
    endings = {0: "imported", _INTERRUPTED: "was interrupted"}
    _print_summary(file, path, "would be taken so" if arguments.dry_run else endings[code])
    if code == _INTERRUPTED and not arguments.dry_run:
        print("What is taken is stored. Run the same command again to go on.")
    tally = file.tally
    if tally.refused_rows and (not arguments.dry_run or arguments.refused):
        try:
            file.write_refused(refused)
            print(f"The refused rows are in {refused}")
        except OSError as error:
            print(f"The refused rows cannot be written to {refused}: {error.strerror}")
    if not arguments.dry_run:
        log.info("imported a file", extra={"fields": {"file": path.name, **tally.counts()}})
    return code or (_SOME_REFUSED if tally.refused_rows else 0)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Until Ctrl-C or SIGTERM the import goes on; then it ends after the group that is under way.

    Ctrl-C again ends it at once.
    """
    stopped = False

    def stop(number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: not stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_summary(file: "FileImport", path: Path, ending: str) -> None:
    tally, rows = file.tally, file.rows
    if not rows.total:
        print(f"{path}: it has no rows; is it the whole file?")
        return
    print(f"{path}: {ending}: {tally.rows:,} of {rows.total:,} rows")
    print(f"  taken    {tally.taken:>12,}  ({tally.events:,} events)")
    if tally.old:
        print(
            f"           {tally.old:>12,}  of these are older than FAIRLIFT_HISTORY_DAYS: they "
            "count before campaigns only"
        )
    print(f"  known    {tally.known:>12,}")
    if left_out := rows.left_out + tally.left_out:
        print(f"  left out {left_out:>12,}  by the mapping")
    if tally.idle:
        print(
            f"  idle     {tally.idle:>12,}  events that contradict their order and change nothing"
        )
    _print_groups("waiting", tally.waiting, rows.source.line_word)
    if tally.waiting:
        print("    They are judged while a server runs, once what they wait for is there.")
    _print_groups("refused", tally.refused, rows.source.line_word)


def _print_groups(word: str, groups: "Mapping[Why, Group]", line_word: str) -> None:
    total = sum(group.rows for group in groups.values())
    if total or word == "refused":
        print(f"  {word:<8} {total:>12,}")
    for why, group in sorted(groups.items(), key=lambda item: -item[1].rows):
        lines = ", ".join(map(str, group.first))
        more = ", …" if group.rows > len(group.first) else ""
        print(f"    {group.rows:,} × {why.reason}, {line_word} {lines}{more}")
        print(f"      {why.field}: {group.message}" if why.field else f"      {group.message}")


def _refuse(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        print(f"fairlift-server: {line}", file=sys.stderr)
    sys.exit(_UNUSABLE)


IMPORT = Command(
    "import", "take orders and other events from files, safe to repeat", _add_arguments, _run
)
