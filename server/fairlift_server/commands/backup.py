"""fairlift-server backup: a copy of the database, also while a server runs."""

import argparse
from pathlib import Path

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.commands.sqlite_only import OWN_BACKUPS, sqlite_path
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, help="to write; a manifest with its hash goes to FILE.json"
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.store.backup import make_backup
    from fairlift_server.store.files_to_keep import erased_path, key_path

    database = sqlite_path(settings, "backup", OWN_BACKUPS)
    with interruptible("the back-up"):
        manifest = make_backup(database, arguments.file)
    print(
        f"{arguments.file}: {manifest.events:,} events as of {manifest.made}, "
        f"{manifest.bytes:,} bytes, SHA-256 {manifest.sha256}"
    )
    database = database.resolve()
    apart = [
        f"{path} ({meaning})"
        for path, meaning in (
            (key_path(database), "the key of visitor ids"),
            (erased_path(database), "who was erased"),
        )
        if path.exists()
    ]
    if apart:
        print(f"keep also, apart from the back-up, which does not hold it: {', '.join(apart)}")
    else:
        print(f"nothing else must be kept: the back-up holds all of {database}")


BACKUP = Command(
    "backup",
    "write a checked copy of the database to a new file, also while a server runs",
    _add_arguments,
    _run,
)
