"""The key of stored ids: where it is kept, and how it is read. It is never in the database."""

import binascii
import contextlib
import os
import re
import secrets
from base64 import b64decode
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.store.durable_files import sync

MIN_BYTES = 32
_RULE = (
    f"must be at least {MIN_BYTES} random bytes in hex or base64; `openssl rand -hex 32` makes one"
)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def id_key_from(text: str) -> bytes:
    """The key in a text.

    Raises:
        ValueError: it is none; the sentence does not show it.
    """
    word = text.strip()
    if _HEX.fullmatch(word):
        key = bytes.fromhex(word)
    else:
        try:
            padded = word.translate(str.maketrans("-_", "+/")).rstrip("=")
            key = b64decode(padded + "=" * (-len(padded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"is neither hex nor base64; {_RULE}") from None
    if len(key) < MIN_BYTES:
        raise ValueError(f"has {len(key)} bytes, {_RULE}")
    return key


def key_in_file(path: Path) -> bytes:
    """The key in a file.

    Raises:
        WrongState: there is no such file, or it holds no key.
    """
    try:
        return id_key_from(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise WrongState(f"cannot read {path}, the key of stored ids: {reason}") from None
    except ValueError as error:
        raise WrongState(f"{path}, the key of stored ids, {error}") from None


def made_key(path: Path) -> bytes:
    """A new key, on disk in the file; where there is one already, the one in the file.

    Raises:
        WrongState: the file cannot be written or read.
    """
    if not path.exists():
        try:
            _write_new(path, secrets.token_hex(MIN_BYTES))
        except OSError as error:
            raise WrongState(
                f"cannot write {path}, the key of stored ids: {error.strerror}; let this user "
                "write to its folder, or set FAIRLIFT_ID_KEY"
            ) from None
    return key_in_file(path)


def _write_new(path: Path, text: str) -> None:
    """Writes a file that is either whole or not there, and never replaces one."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        # Where somebody else was first, theirs is the key.
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink()
    sync(path.parent)
