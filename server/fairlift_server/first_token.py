"""The first token of a server that must have one: for an administrator, given once."""

import errno
import os
import time
from pathlib import Path
from tempfile import TemporaryFile

from fairlift.engine.errors import FairliftError, WrongState

from fairlift_server.access.roles import Role
from fairlift_server.access.token_changes import NewSecret, TokenChanges
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store, Transaction, read_beside
from fairlift_server.store.program_author import program_author
from fairlift_server.store.tokens import tokens_version


def check_first_token_file(settings: Settings) -> None:
    """Looks whether the file of the first token can be written, while there is no token yet.

    Args:
        settings: of the server; they name the file. Its database may not exist yet.

    Raises:
        WrongState: it cannot be written.
    """
    path = Path(settings.first_token_file)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with TemporaryFile(dir=path.parent):  # the file itself appears with its token only
            pass
    except OSError as error:
        if not _has_token(settings):
            raise _unwritable(path, error) from None


async def give_first_token(settings: Settings, store: Store) -> str:
    """Makes the first token, while there is none, and writes it to a file.

    Args:
        settings: of the server.
        store: its database, migrated.

    Returns:
        What is to be printed: the token, or where it is; empty: there is a token already.

    Raises:
        WrongState: the database cannot be used, or the file cannot be written; no token was made.
    """

    def create(transaction: Transaction) -> NewSecret | None:
        if tokens_version(transaction):
            return None
        changes = TokenChanges(settings.environment, has_setting=False)
        new = changes.create(
            transaction,
            "first administrator",
            Role.ADMIN,
            time_us=time.time_ns() // 1_000,
            author=program_author(),
            reason="the first start without a token",
        )
        if settings.first_token_file:
            _write(Path(settings.first_token_file), new.secret)
        return new

    created = await store.write(create)
    if created is None:
        return ""
    what = f"tokens/{created.token.id}, the first token, of the role admin"
    if settings.first_token_file:
        return f"{what}: written to {settings.first_token_file}"
    return f"{what}, shown only now: {created.secret}"


def _write(path: Path, secret: str) -> None:
    try:
        # One that is there may be read by others.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> WrongState:
    return WrongState(f"cannot write FAIRLIFT_FIRST_TOKEN_FILE {path}: {error.strerror}")


def _has_token(settings: Settings) -> bool:
    """Whether there is a token in the database; not where it cannot be read, or is not there."""
    try:
        return bool(read_beside(settings.database, tokens_version))
    except FairliftError:
        return False
