"""The keys that exposure tokens are signed with: shared by all servers of one database."""

import secrets
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from fairlift_server.store import tables

_KEYS = tables.exposure_keys
_KEY_BYTES = 32


class ExposureKey(NamedTuple):
    """A key of exposure tokens.

    Attributes:
        secret: random.
        starts_us: from when on it signs; it checks as soon as a server knows it.
        ends_us: until when tokens of it are valid; None: it is the newest.
    """

    secret: bytes
    starts_us: int
    ends_us: int | None


def exposure_keys(connection: Connection) -> list[ExposureKey]:
    """All keys, the newest first."""
    columns = (_KEYS.c.secret, _KEYS.c.starts_us, _KEYS.c.ends_us)
    rows = connection.execute(select(*columns).order_by(_KEYS.c.id.desc()))
    return [ExposureKey(*row) for row in rows]


def add_exposure_key(connection: Connection, *, starts_us: int, old_ends_us: int) -> None:
    """A new key that signs from then on; the one before stays until its end, and no older one."""
    connection.execute(delete(_KEYS).where(_KEYS.c.ends_us.is_not(None)))
    connection.execute(update(_KEYS).values(ends_us=old_ends_us))
    secret = secrets.token_bytes(_KEY_BYTES)
    connection.execute(insert(_KEYS).values(secret=secret, starts_us=starts_us))
