"""Ids of imported events: the same row always gets the same one."""

from hashlib import blake2b

_LAST_MS = 2**48 - 1


class EventIds:
    """Derives ids of events.

    Args:
        key: of the shop: without it nobody can try out whose event an id belongs to; empty where
            ids are stored raw. At most 64 bytes.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def derived(self, kind: str, identity: bytes, time_us: int) -> str:
        """A UUID of version 7 whose random bits are a hash; ids grow with time, as the index likes.

        Args:
            kind: of the events, such as orders.
            identity: what the event says, or the id that its file gives it.
            time_us: when it happened.
        """
        hashed = blake2b(identity, digest_size=10, person=kind.encode(), key=self._key)
        digest = hashed.hexdigest()
        moment = f"{min(max(time_us // 1_000, 0), _LAST_MS):012x}"
        variant = "89ab"[int(digest[3], 16) & 3]
        return f"{moment[:8]}-{moment[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"
