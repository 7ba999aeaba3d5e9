"""fairlift-server migrate and accept: the database is made ready for this version."""

import argparse

from fairlift_server.commands import Command, without_arguments
from fairlift_server.settings import Settings


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    print(f"{_migrated(settings, accept=False)} is up to date")


def _accept(settings: Settings, _arguments: argparse.Namespace) -> None:
    print(_migrated(settings, accept=True))


def _migrated(settings: Settings, *, accept: bool) -> str:
    from fairlift_server.store.database import Store

    store = Store(settings.database, accept=accept)
    try:
        store.migrate()
        return f"{store.name} is accepted: {store.contents()}" if accept else store.name
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
