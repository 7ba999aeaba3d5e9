"""Stored tokens: of the secret its hash alone."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from fairlift_server.store import tables
from fairlift_server.store.locks import lock_history


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token; times are microseconds since 1970, None: never.

    Attributes:
        id: as in tokens/ID.
        display_name: for people.
        role: what it may do.
        environment: that it was made in.
        created_us: when.
        expires_us: when it ends by itself.
        revoked_us: when it was ended.
        last_used_us: to the minute.
        secret_hash: SHA-256 of the secret.
        old_secret_hash: of the secret before, while it is rotated.
        old_secret_expires_us: when that one ends.
    """

    id: str
    display_name: str
    role: str
    environment: str
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    last_used_us: int | None
    secret_hash: bytes
    old_secret_hash: bytes | None
    old_secret_expires_us: int | None


def tokens_version(connection: Connection) -> int:
    """A number that grows with every change of any token but that of its last use; 0: no token."""
    version = connection.execute(select(func.max(tables.tokens.c.version))).scalar()
    return int(version or 0)


def all_tokens(connection: Connection) -> list[StoredToken]:
    """All tokens, by id."""
    columns = [column for column in tables.tokens.c if column.name != "version"]
    rows = connection.execute(select(*columns).order_by(tables.tokens.c.id))
    return [StoredToken(*row) for row in rows]


def put_token(connection: Connection, token: StoredToken) -> None:
    """Adds a token, or replaces the one that has its id."""
    lock_history(connection)  # the version grows by one, whoever else changes a token now
    version = tokens_version(connection) + 1
    connection.execute(delete(tables.tokens).where(tables.tokens.c.id == token.id))
    connection.execute(insert(tables.tokens).values(version=version, **asdict(token)))


def note_uses(connection: Connection, ids: Iterable[str], time_us: int) -> None:
    """Writes down that tokens were used, unless another server did for this minute."""
    last_used_us = tables.tokens.c.last_used_us
    connection.execute(
        update(tables.tokens)
        .where(tables.tokens.c.id.in_(list(ids)))
        .where(or_(last_used_us.is_(None), last_used_us < time_us))
        .values(last_used_us=time_us)
    )
