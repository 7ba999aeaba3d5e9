"""fairlift-server audit: checks and exports the history of all changes, also while servers run."""

import argparse
import json
import sys
from dataclasses import asdict

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
        help="an entry as an earlier check printed it; without it, removed newest entries are "
        "not noticed",
    )
    verbs.add_parser("export", help="print all entries, one JSON object a line")


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.verb == "check":
        _check(settings, arguments.expect)
    else:
        _export(settings)


def _check(settings: Settings, expected: str | None) -> None:
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.history import first_break, hash_at, newest

    number, _, digest = (expected or "0:").partition(":")
    if not number.isdigit():
        raise WrongState(f"--expect is {expected!r}, must be such as 17:3f0c…, of an earlier check")
    broken, at, (count, newest_hash) = read_beside(
        settings.database,
        lambda transaction: (
            first_break(transaction),
            hash_at(transaction, int(number)),
            newest(transaction),
        ),
    )
    if broken:
        raise WrongState(f"the history was changed: {broken}")
    if expected and at != digest:
        raise WrongState(
            f"the history was changed: entry {number} is not the one that was expected; entries "
            "were removed or written anew"
        )
    print(f"the history holds: {count:,} entries; keep this for the next check, elsewhere:")
    print(f"{count}:{newest_hash}")


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
