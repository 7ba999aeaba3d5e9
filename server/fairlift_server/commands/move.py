"""fairlift-server move: the shop goes to another database."""

import argparse
import sys

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="DATABASE",
        help="a path or postgresql://…; it stays as it is",
    )
    parser.add_argument(
        "--to",
        dest="target",
        required=True,
        metavar="DATABASE",
        help="an empty database, or one into which this move was begun",
    )


def _run(_settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.store.database import Store, existing_store, name_one_database
    from fairlift_server.store.moving import move

    if name_one_database(arguments.source, arguments.target):
        raise WrongState("--from and --to name the same database")
    source = existing_store(arguments.source)
    try:
        source.keep_others_away()
        source.migrate()
        target = Store(arguments.target)
        try:
            target.keep_others_away()
            target.migrate(may_be_unfinished=True)
            with interruptible("the move", "run it again: it goes on where it was stopped"):
                move(source, target, _report)
            print(
                f"{source.name} was copied to {target.name} ({target.contents()}). Set "
                "FAIRLIFT_DATABASE to it, keep the key of ids (FAIRLIFT_ID_KEY_FILE) and the list "
                "of who was erased (FAIRLIFT_ERASED_FILE), and start no server on the old one again"
            )
        finally:
            target.close()
    finally:
        source.close()


def _report(table: str, done: int, rows: int) -> None:
    if done and done == rows:
        print(f"{table}: {rows:,} rows", file=sys.stderr)
    elif done and sys.stderr.isatty():
        print(f"{table}: {done:,} of {rows:,} rows", end="\r", file=sys.stderr, flush=True)


MOVE = Command(
    "move",
    "copy the shop to another database while no server runs, such as from SQLite to PostgreSQL; "
    "goes on where it was stopped",
    _add_arguments,
    _run,
)
