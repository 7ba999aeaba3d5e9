"""Ids of visitors and customers, as they are stored: keyed, or raw (decision 28)."""

from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

from fairlift_server.events.personal_ids import PHONE_STARTS, PersonalIds

# Of HMAC-SHA256: 128 bits, and their characters without the padding.
_BYTES, _CHARACTERS = 16, 22
_BLOCK = 64
_FOR_URLS = bytes.maketrans(b"+/", b"-_")
# The ids that are seen again soon; a larger cache costs more on a miss than it saves.
_CACHED = 8_192
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
        self._key_hash = _KeyedHash(key or b"")
        self._salt_hash = _KeyedHash(salt)
        self._cached = lru_cache(_CACHED)(self._keyed if self.is_keyed else self._raw)
        self.stored: Callable[[str], str] = self._cached

    def tombstone(self, stored: str) -> str:
        """What stays of an erased id: a keyed id itself; of a raw one a salted hash."""
        return stored if self.is_keyed else self._salt_hash.of(f"unit{_APART}{stored}")

    def order_tombstone(self, order_id: str) -> str:
        """What stays of the id of an erased order: a salted hash."""
        return self._salt_hash.of(f"order{_APART}{order_id}")

    def event_key(self) -> bytes:
        """A key for ids that are derived from what events say; empty where ids are stored raw."""
        return (
            self._key_hash.of(f"{_APART}ids of imported events").encode() if self.is_keyed else b""
        )

    @property
    def key_states(self) -> tuple[bytes, bytes] | None:
        """What a stored id is hashed after, for engines that read ids as they came.

        The stored id of a text is the hash of the second and of the hash of the first and the
        text. None: ids are stored as they come. They are as secret as the key.
        """
        return self._key_hash.states if self.is_keyed else None

    def forget(self) -> None:
        """Drops the ids that are held in memory to make the next ones faster."""
        self._cached.cache_clear()

    # The two do without calls that most ids do not need: this runs for nearly every event.
    def _keyed(self, unit: str) -> str:
        if "@" in unit or unit[:1] in PHONE_STARTS:
            self.personal.look_at(unit)
        return self._key_hash.of(unit)

    def _raw(self, unit: str) -> str:
        if "@" in unit or unit[:1] in PHONE_STARTS:
            self.personal.look_at(unit)
        return unit


def key_check(key: bytes) -> str:
    """A value by which a database recognises its key, and which tells nothing of the key."""
    return _KeyedHash(key).of(f"{_APART}fairlift key check")


class _KeyedHash:
    """HMAC-SHA256 (RFC 2104), cut to 16 bytes, in unpadded base64url.

    It goes on from the states after the key: a third of the time of `hmac.digest`.
    """

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self.states = bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
        self._inner, self._outer = map(sha256, self.states)

    def of(self, text: str) -> str:
        """22 characters."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        encoded = b2a_base64(outer.digest()[:_BYTES], newline=False)
        return encoded[:_CHARACTERS].translate(_FOR_URLS).decode()
