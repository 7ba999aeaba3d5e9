"""Ids of visitors and customers, as they are stored: keyed, or raw (decision 28)."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache

from fairlift_server.events.personal_ids import PersonalIds

# Of HMAC-SHA256: 128 bits.
_BYTES = 16
# The ids that are seen again soon; about 20 MB when full.
_CACHED = 100_000
# No id holds this character, so that nothing else that is hashed can equal an id.
_APART = "\x00"


class UnitIds:
    """Turns ids as they come in into ids as they are stored.

    Args:
        key: at least 32 bytes; None: ids are stored as they come.
        salt: of this database and its copies, for what tombstones hold besides keyed ids.

    Attributes:
        stored: the stored form of an id; of a keyed one, 22 characters of unpadded base64url.
        personal: how many of the ids looked like an e-mail address or a phone number.
    """

    def __init__(self, key: bytes | None, *, salt: bytes) -> None:
        self.is_keyed = key is not None
        self.personal = PersonalIds(is_keyed=self.is_keyed)
        self._key = key or b""
        self._salt = salt
        self._cached = lru_cache(_CACHED)(self._keyed if self.is_keyed else self._raw)
        self.stored: Callable[[str], str] = self._cached

    def tombstone(self, stored: str) -> str:
        """What stays of an erased id: a keyed id itself; of a raw one a salted hash."""
        return stored if self.is_keyed else _hashed(self._salt, f"unit{_APART}{stored}")

    def order_tombstone(self, order_id: str) -> str:
        """What stays of the id of an erased order: a salted hash."""
        return _hashed(self._salt, f"order{_APART}{order_id}")

    def forget(self) -> None:
        """Drops the ids that are held in memory to make the next ones faster."""
        self._cached.cache_clear()

    def _keyed(self, unit: str) -> str:
        self.personal.look_at(unit)
        return _hashed(self._key, unit)

    def _raw(self, unit: str) -> str:
        self.personal.look_at(unit)
        return unit


def key_check(key: bytes) -> str:
    """A value by which a database recognises its key, and which tells nothing of the key."""
    return _hashed(key, f"{_APART}fairlift key check")


def _hashed(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), "sha256")[:_BYTES]
    return urlsafe_b64encode(digest)[:-2].decode()  # without the padding
