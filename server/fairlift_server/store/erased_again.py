"""Erases visitors from a restored database who were erased since its back-up was made."""

import time
from pathlib import Path

from fairlift_server.store.database import Store
from fairlift_server.store.tombstone_file import TombstoneFile
from fairlift_server.store.unit_requests import apply_tombstones


def erase_again(database: Path, erased: Path) -> None:
    """Erases from a database that nobody has open whom the file lists.

    Raises:
        WrongState: the file cannot be read.
    """
    store = Store(database, accept=True)
    try:
        store.migrate()
        apply_tombstones(store, TombstoneFile(erased), time_us=time.time_ns() // 1_000)
    finally:
        store.close()
