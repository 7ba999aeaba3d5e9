"""What a shop has beside its SQLite database and must keep apart from its back-ups."""

from pathlib import Path


def key_path(database: Path) -> Path:
    """Where the key of visitor ids is; never in a back-up."""
    return database.with_name(database.name + ".id-key")


def erased_path(database: Path) -> Path:
    """Where the visitors are listed who were erased."""
    return database.with_name(database.name + ".erased")
