"""The faults that are made on both databases, by name."""

from collections.abc import Callable
from functools import partial

from tests.faults import (
    damaged_journal,
    database_away,
    killed_commands,
    killed_while_erasing,
    loaded_servers,
    same_events,
)
from tests.faults.ledgers import LEDGERS, Counts, OpenLedger, postgres_ledger, sqlite_ledger


def _on(name: str, opened: OpenLedger) -> dict[str, Callable[[], Counts]]:
    servers = 1 if name == "SQLite" else 2
    of = "a server" if name == "SQLite" else "one of two servers"
    return {
        f"{name}: {of} is killed": partial(
            loaded_servers.killed_servers, open_ledger=opened, servers=servers, kills=50
        ),
        f"{name}: away for 30 s, with a journal": partial(
            database_away.away_for, 30, open_ledger=opened
        ),
        f"{name}: away, server with a journal is killed": partial(
            database_away.run, kills=25, open_ledger=opened
        ),
        f"{name}: away, the journal's disk is full": partial(
            database_away.full_disk, open_ledger=opened
        ),
        f"{name}: journals are cut off": partial(
            damaged_journal.run, damaged_journal.cut_off, open_ledger=opened, rounds=30
        ),
        f"{name}: bits of journals flip": partial(
            damaged_journal.run, damaged_journal.flipped, open_ledger=opened, rounds=30
        ),
        f"{name}: the same events 100 times": partial(
            same_events.repeated, open_ledger=opened, servers=servers, times=100
        ),
        f"{name}: orders are amended at once": partial(
            same_events.amended_at_once, open_ledger=opened, servers=servers, rounds=40
        ),
        f"{name}: killed while it erases": partial(
            killed_while_erasing.run, open_ledger=opened, rounds=50
        ),
        f"{name}: imports are killed": partial(
            killed_commands.killed_imports, open_ledger=opened, kills=20
        ),
        f"{name}: exports are killed": partial(
            killed_commands.killed_exports, open_ledger=opened, kills=20
        ),
        f"{name}: migrations are killed": partial(
            killed_commands.killed_migrations, open_ledger=opened, kills=20
        ),
    }


FAULTS: dict[str, Callable[[], Counts]] = {
    **{fault: run for name, opened in LEDGERS.items() for fault, run in _on(name, opened).items()},
    "PostgreSQL: its one server is killed": partial(
        loaded_servers.killed_servers, open_ledger=postgres_ledger, servers=1, kills=50
    ),
    "SQLite: locked for 0.2 s again and again": partial(
        loaded_servers.locked_file, lock_s=0.2, free_s=0.2, times=50
    ),
    "SQLite: locked for 5 s again and again": partial(
        loaded_servers.locked_file, lock_s=5.0, free_s=0.5, times=5
    ),
    "SQLite: its disk is full": partial(loaded_servers.full_disk, seconds=10),
    "moves to PostgreSQL are killed": partial(
        killed_commands.killed_moves, open_old=sqlite_ledger, open_new=postgres_ledger, kills=20
    ),
    "moves to SQLite are killed": partial(
        killed_commands.killed_moves, open_old=postgres_ledger, open_new=sqlite_ledger, kills=20
    ),
}
