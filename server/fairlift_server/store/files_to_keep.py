"""What a shop has beside its SQLite database and must keep apart from its back-ups."""

from pathlib import Path


def beside(path: Path, suffix: str) -> Path:
    """The file of the same name with something added."""
    return path.with_name(path.name + suffix)


def key_path(database: Path) -> Path:
    """Where the key of visitor ids is that a server made itself; never in a back-up."""
    return beside(database, ".id-key")


def erased_path(database: Path) -> Path:
    """Where the visitors are listed who were erased."""
    return beside(database, ".erased")
