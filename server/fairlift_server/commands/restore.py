"""fairlift-server restore: a back-up takes the place of the database."""

import argparse
from functools import partial
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.commands.sqlite_only import OWN_BACKUPS, sqlite_path
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="of `backup`, with FILE.json beside it")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="a database that exists; it is kept as DATABASE.before-restore-TIME",
    )
    parser.add_argument(
        "--accept",
        action="store_true",
        help="that the back-up lacks events which the database had",
    )
    erased = parser.add_mutually_exclusive_group()
    erased.add_argument(
        "--erased",
        type=Path,
        metavar="FILE",
        help="the list of visitors who were erased since, so that they do not come back; "
        "by default DATABASE.erased, where it exists",
    )
    erased.add_argument(
        "--no-erased", action="store_true", help="there is no such list: nobody was erased"
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.store.erased_again import erase_again
    from fairlift_server.store.files_to_keep import key_path
    from fairlift_server.store.restore import restore_backup

    database = sqlite_path(settings, "restore", OWN_BACKUPS).resolve()
    erased = _erased_list(database, arguments)
    with interruptible("the restore"):
        restored = restore_backup(
            arguments.file,
            database,
            replace=arguments.replace,
            accept=arguments.accept,
            prepare=(lambda _copy: None) if erased is None else partial(erase_again, erased=erased),
        )
    manifest = restored.manifest
    print(f"{database} is restored: {manifest.events:,} events as of {manifest.made}")
    if restored.kept is not None:
        print(f"what was there before is {restored.kept}")
    if restored.valid_tokens:
        names = ", ".join(f"tokens/{each}" for each in restored.valid_tokens)
        print(
            f"valid as of the back-up: {names}; revoke again, with `fairlift-server token revoke "
            "NAME`, what was revoked or rotated since"
        )
    # A database with keyed ids refuses to start with another key.
    if not (key := key_path(database)).exists():
        print(f"if the shop has a key of visitor ids, put it back too: {key}")


def _erased_list(database: Path, arguments: argparse.Namespace) -> Path | None:
    """The list of erased visitors; None: there is none.

    Raises:
        WrongState: it is not there, or nobody said that there is none.
    """
    from fairlift_server.store.files_to_keep import erased_path

    if arguments.no_erased:
        return None
    default = erased_path(database)
    erased: Path = arguments.erased or default
    if erased.is_file():
        return erased
    if arguments.erased is not None:
        raise WrongState(f"there is no list of erased visitors at {erased}; check --erased")
    raise WrongState(
        f"there is no list of erased visitors at {default}: name it with --erased FILE, or say "
        "with --no-erased that nobody was erased since the back-up was made"
    )


RESTORE = Command(
    "restore",
    "put a back-up in the place of the database, while no server runs",
    _add_arguments,
    _run,
)
