"""fairlift-server unit: erases or exports what is kept about a visitor or customer."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.settings import Settings


class _Units(Protocol):
    """A server, or a database that no server uses."""

    def erase(self, unit: str, reason: str) -> tuple[int, int]: ...
    def export(self, unit: str, reason: str) -> dict[str, Any]: ...


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    erase = verbs.add_parser(
        "erase",
        help="delete all that is kept about ids and those that are linked with them, for good",
    )
    erase.add_argument("ids", nargs="+", metavar="ID", help="as the shop sends it; -: one a line")
    export = verbs.add_parser(
        "export", help="print all that is kept about an id and those that are linked with it"
    )
    export.add_argument("ids", nargs=1, metavar="ID", help="as the shop sends it; -: one line")
    for verb in (erase, export):
        verb.add_argument("--reason", default="", help="kept in the record, which has no id")
        verb.add_argument(
            "--server",
            metavar="HOST:PORT",
            help="the running server; by default FAIRLIFT_LISTEN while one uses the database",
        )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    ids = [unit for given in arguments.ids for unit in _ids(given)]
    with _units(settings, arguments.server) as units:
        if arguments.verb == "export":
            _export(units, ids, arguments.reason)
        else:
            _erase(units, ids, arguments.reason)


def _ids(given: str) -> list[str]:
    """The id, or those on standard input: what is typed stays in the history of the shell."""
    return [given] if given != "-" else [line for line in sys.stdin.read().splitlines() if line]


def _erase(units: _Units, ids: list[str], reason: str) -> None:
    for number, unit in enumerate(ids, 1):
        erased_ids, events = units.erase(unit, reason)
        found = (
            f"{events} events of {erased_ids} linked {'id' if erased_ids == 1 else 'ids'}"
            if events
            else "nothing was kept about it; is it written as the shop sends it?"
        )
        print(f"erased {number} of {len(ids)}: {found}")


def _export(units: _Units, ids: list[str], reason: str) -> None:
    if len(ids) != 1:
        raise WrongState(f"standard input has {len(ids)} ids, an export is of one")
    print(json.dumps(units.export(ids[0], reason), indent=2, ensure_ascii=False))


@contextmanager
def _units(settings: Settings, server: str | None) -> Iterator[_Units]:
    from fairlift_server.api.admin_client import admin_client
    from fairlift_server.commands.server_access import settings_access
    from fairlift_server.store.file_locks import is_used

    path = Path(settings.database)
    if server or is_used(path):
        with admin_client(settings_access(settings, server)) as client:
            yield client
    else:
        with _offline(settings) as offline:
            yield offline


@contextmanager
def _offline(settings: Settings) -> Iterator[_Units]:
    from fairlift_server.api.offline_units import OfflineUnits
    from fairlift_server.build import id_settings_of
    from fairlift_server.results.answer_files import analysis_folder, remove_copy
    from fairlift_server.store.database import existing_store
    from fairlift_server.store.tombstone_file import TombstoneFile
    from fairlift_server.store.unit_requests import UnitRequests

    id_settings = id_settings_of(settings)
    store = existing_store(settings.database)
    try:
        try:
            store.refuse_other_servers()
        except WrongState as error:
            raise WrongState(f"{error}, or name it with --server HOST:PORT") from None
        store.migrate()
        ids = store.write_now(lambda transaction: id_settings.settled(transaction, store.name))
        file = TombstoneFile.of(settings.erased_file, store.file)
        folder = analysis_folder(settings.analysis_folder, store.file)
        yield OfflineUnits(UnitRequests(store, ids, file, partial(remove_copy, folder)))
    finally:
        store.close()


UNIT = Command(
    "unit",
    "erase or export what is kept about a visitor or customer",
    _add_arguments,
    _run,
)
