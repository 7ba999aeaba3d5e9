"""fairlift-server migrate and accept: the database is made ready for this version."""

import argparse
import time
from pathlib import Path

from fairlift_server.commands import Command, without_arguments
from fairlift_server.settings import Settings


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    print(f"{_migrated(settings, accept=False)} is up to date")


def _accept(settings: Settings, _arguments: argparse.Namespace) -> None:
    print(_migrated(settings, accept=True))


def _migrated(settings: Settings, *, accept: bool) -> str:
    from fairlift_server.store.database import Store
    from fairlift_server.store.tombstone_file import TombstoneFile
    from fairlift_server.store.unit_requests import apply_tombstones

    store = Store(Path(settings.database), accept=accept)
    try:
        store.migrate()
        if accept:
            # What was erased after an older back-up was made stays erased.
            file = TombstoneFile.of(settings.erased_file, store.path)
            apply_tombstones(store, file, time_us=time.time_ns() // 1_000)
        return f"{store.path} is accepted: {store.contents()}" if accept else str(store.path)
    finally:
        store.close()


MIGRATE = Command(
    "migrate", "upgrade the database to this version, and exit", without_arguments, _migrate
)
ACCEPT = Command(
    "accept",
    "take the database as it is though writes are missing, such as after restoring an older "
    "back-up, and exit",
    without_arguments,
    _accept,
)
