"""fairlift-server audit: checks and exports the history of all changes, also while servers run."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.settings import Settings

_PAGE = 1_000


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="check that no entry was edited or removed")
    check.add_argument(
        "--expect",
        metavar="NUMBER:HASH",
        help="an entry as an earlier check printed it; without it, not all removed newest entries "
        "are noticed",
    )
    check.add_argument(
        "--kept",
        metavar="FILE",
        type=Path,
        help="where the newest entry is kept between checks: compared first, then written anew; on "
        "a disk that the database's users cannot write",
    )
    verbs.add_parser("export", help="print all entries, one JSON object a line")


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.verb == "check":
        _check(settings, arguments.expect, arguments.kept)
    else:
        _export(settings)


def _check(settings: Settings, expected: str | None, kept: Path | None) -> None:
    from fairlift_server.store.database import Transaction, read_beside
    from fairlift_server.store.history import first_break, hash_at, newest
    from fairlift_server.store.history_gaps import missing_entry

    anchors = [_anchor("--expect", expected)] if expected else []
    if kept is not None and kept.exists():
        anchors.append(_anchor(str(kept), kept.read_text().strip()))

    def read(transaction: Transaction) -> tuple[str, list[str], int, str]:
        found = [hash_at(transaction, number) for number, _ in anchors]
        return first_break(transaction) or missing_entry(transaction), found, *newest(transaction)

    broken, found, count, newest_hash = read_beside(settings.database, read)
    if broken:
        raise WrongState(f"the history was changed: {broken}")
    for (number, digest), at in zip(anchors, found, strict=True):
        if at != digest:
            raise WrongState(
                f"the history was changed: entry {number} is not the one that was expected; "
                "entries were removed or written anew"
            )
    line = f"{count}:{newest_hash}"
    if kept is not None:
        _write(kept, line)
    where = "elsewhere" if kept is None else f"as {kept} does"
    print(f"the history holds: {count:,} entries; keep this for the next check, {where}:")
    print(line)


def _anchor(where: str, text: str) -> tuple[int, str]:
    """An entry's number and hash."""
    number, _, digest = text.partition(":")
    if not number.isdigit():
        raise WrongState(f"{where} is {text!r}, must be such as 17:3f0c…, of an earlier check")
    return int(number), digest


def _write(path: Path, line: str) -> None:
    try:
        path.write_text(line + "\n")
    except OSError as error:
        raise WrongState(f"cannot write {path}: {error.strerror}") from None


def _export(settings: Settings) -> None:
    from fairlift_server.store.database import Transaction, read_beside
    from fairlift_server.store.history import entries

    def write(transaction: Transaction) -> None:
        after = 0
        while found := entries(transaction, after=after, limit=_PAGE):
            for entry in found:
                line = {**asdict(entry), "time": entry.time.isoformat()}
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            after = found[-1].number

    read_beside(settings.database, write)


AUDIT = Command(
    "audit",
    "check or export the history of all changes, also while servers run",
    _add_arguments,
    _run,
)
