"""fairlift-server migrate and accept: the database is made ready for this version."""

import argparse
import sys
import time

from fairlift_server.commands import Command, without_arguments
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; list the migrations that are missing, exit code 1 if there are any",
    )
    parser.add_argument(
        "--to",
        default="head",
        metavar="REVISION",
        help="go to this revision, such as 0009, also back from a newer one where that is "
        "possible; by default to the newest",
    )
    parser.add_argument(
        "--backed-up",
        action="store_true",
        help="you have made a back-up: run migrations that cannot be undone, too",
    )


def _migrate(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.check:
        _check(settings, arguments.to)
        return
    from fairlift_server.store.database import Store, existing_store

    # Only a migration to the newest version, of a shop that begins, makes a database.
    is_for_existing = arguments.to != "head" or arguments.backed_up
    store = (existing_store if is_for_existing else Store)(settings.database)
    try:
        store.migrate(to=arguments.to, is_backed_up=arguments.backed_up)
        print(f"{store.name} is up to date" if arguments.to == "head" else
              f"{store.name} is at {arguments.to}")  # fmt: skip
    finally:
        store.close()


def _check(settings: Settings, to: str) -> None:
    from fairlift_server.store.database import pending_migrations

    name, missing = pending_migrations(settings.database, to)
    for migration in missing:
        lost = f" It removes {migration.loses} for good." if migration.loses else ""
        print(f"{migration.revision}  {migration.title}{lost}")
    number = "1 migration" if len(missing) == 1 else f"{len(missing)} migrations"
    print(f"{name} lacks {number}" if missing else f"{name} is up to date")
    if missing:
        sys.exit(1)


def _accept(settings: Settings, _arguments: argparse.Namespace) -> None:
    from fairlift_server.store.database import existing_store
    from fairlift_server.store.tombstone_file import TombstoneFile
    from fairlift_server.store.unit_requests import apply_tombstones

    store = existing_store(settings.database, accept=True)
    try:
        store.migrate()
        # What was erased after an older back-up was made stays erased.
        file = TombstoneFile.of(settings.erased_file, store.file)
        apply_tombstones(store, file, time_us=time.time_ns() // 1_000)
        print(f"{store.name} is accepted: {store.contents()}")
    finally:
        store.close()


MIGRATE = Command(
    "migrate", "upgrade the database to this version, and exit", _add_arguments, _migrate
)
ACCEPT = Command(
    "accept",
    "take the database as it is though writes are missing, such as after restoring an older "
    "back-up, and exit",
    without_arguments,
    _accept,
)
