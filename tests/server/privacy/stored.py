"""What the server of a folder stores in place of an id."""

from pathlib import Path

from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store.files_to_keep import key_path
from fairlift_server.store.id_key import key_in_file

from tests.databases import ON_POSTGRES

# The condition for rows of events: empty ones stand in for erased newest rows.
EVENT = "event_id <> " + (f"decode('{'00' * 16}', 'hex')" if ON_POSTGRES else "zeroblob(16)")


def stored(folder: Path, unit: str, database: str = "shop.db") -> str:
    """The stored form of an id, under the key that the server made beside its database."""
    key = key_in_file(key_path(folder / database))
    return UnitIds(key, salt=b"").stored(unit)
