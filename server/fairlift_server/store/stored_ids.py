"""How the ids in a database are stored: fixed at the first start, and checked at every other."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, Table, insert, select

from fairlift_server.events.unit_ids import UnitIds, key_check
from fairlift_server.store import tables
from fairlift_server.store.files_to_keep import key_path
from fairlift_server.store.id_key import (
    id_key_from,
    key_in_file,
    made_key,
)
from fairlift_server.store.statements import is_postgres

_COLUMNS = tables.stored_ids.c
_KEYED, _RAW = "keyed", "raw"
_TABLES_WITH_IDS: tuple[Table, ...] = (
    tables.exposures,
    tables.actions,
    tables.orders,
    tables.amendments,
    tables.identity_links,
    tables.customer_attributes,
    tables.parked_events,
    tables.erased_units,
)
_SPLIT = "with both forms in one database no visitor would be recognised again"


@dataclass(frozen=True, slots=True)
class IdSettings:
    """What the settings say of stored ids.

    Attributes:
        raw: ids are stored as they come.
        key: that was given; None: it is in the file.
        key_file: beside the database, made at the first start; None: the key must be given.
        key_source: the setting or the file that the key was read from, for sentences.
    """

    raw: bool = False
    key: bytes | None = None
    key_file: Path | None = None
    key_source: str = "FAIRLIFT_ID_KEY"

    @classmethod
    def of(cls, *, raw: bool, key: str, key_file: str, database: Path | None) -> "IdSettings":
        """From the settings of a server.

        Args:
            raw: ids are stored as they come.
            key: as text; empty: not given.
            key_file: the path of a file with the key; empty: not given.
            database: of SQLite, beside which a key may be made.

        Raises:
            WrongState: the file holds no key.
        """
        if raw:
            return cls(raw=True)
        if key:
            return cls(key=id_key_from(key))
        if key_file:
            path = Path(key_file)
            return cls(key=key_in_file(path), key_source=str(path))
        return cls(key_file=None if database is None else key_path(database.resolve()))

    def settled(self, connection: Connection, database: str) -> UnitIds:
        """How ids are stored; a new database takes the form that the settings name.

        Args:
            connection: in a transaction that may write.
            database: its name, for sentences.

        Raises:
            WrongState: the database holds ids in the other form, or under another key, or the key
                that it had is missing.
        """
        row = connection.execute(select(tables.stored_ids)).first()
        wanted = _RAW if self.raw else _KEYED
        if row is None:
            if not self.raw and holds_ids(connection):
                raise WrongState(
                    f"{database} holds ids as they came, from a version before keyed ids; set "
                    "FAIRLIFT_RAW_IDS=yes to go on so, or set FAIRLIFT_DATABASE to a new file"
                )
            return self._begun(connection, wanted)
        if row.form != wanted:
            # Another server may be about to store the first ones.
            if is_postgres(connection) or holds_ids(connection):
                raise _other_form(row.form, database)
            connection.execute(tables.stored_ids.delete())
            return self._begun(connection, wanted)
        salt = bytes.fromhex(row.salt)
        if self.raw:
            return UnitIds(None, salt=salt)
        key = self._known_key(database)
        if key_check(key) != row.key_check:
            raise WrongState(
                f"{self._source()} is not the key that the ids in {database} were stored with, and "
                "with another key no visitor would be recognised again; give the key that it had, "
                "or set FAIRLIFT_DATABASE to another file"
            )
        return UnitIds(key, salt=salt)

    def _begun(self, connection: Connection, form: str) -> UnitIds:
        salt = secrets.token_bytes(32)
        key = None if self.raw else self._new_key()
        check = "" if key is None else key_check(key)
        row = {"id": 1, "form": form, "key_check": check, "salt": salt.hex()}
        connection.execute(insert(tables.stored_ids).values(row))
        return UnitIds(key, salt=salt)

    def _new_key(self) -> bytes:
        if self.key is not None:
            return self.key
        if self.key_file is None:
            raise WrongState(
                "FAIRLIFT_ID_KEY: is unset, and every server of a database needs the same key; "
                "set it to what `openssl rand -hex 32` prints, and keep a copy"
            )
        return made_key(self.key_file)

    def _known_key(self, database: str) -> bytes:
        if self.key is not None:
            return self.key
        if self.key_file is not None and not self.key_file.exists():
            raise WrongState(
                f"{self.key_file}, the key of the ids in {database}, is missing; put it back from "
                "where you keep it, or set FAIRLIFT_ID_KEY to it: with a new key no visitor would "
                "be recognised again, so none is made"
            )
        return self._new_key() if self.key_file is None else key_in_file(self.key_file)

    def _source(self) -> str:
        return self.key_source if self.key is not None else str(self.key_file)


def are_settled(connection: Connection) -> bool:
    """Whether it is settled how ids are stored: since the first start of a server, or import."""
    return connection.execute(select(tables.stored_ids.c.id)).first() is not None


def holds_ids(connection: Connection) -> bool:
    """Whether the database holds ids of visitors or customers, or remembers erased ones."""
    return any(
        connection.execute(select(table.c.id).limit(1)).first() is not None
        for table in _TABLES_WITH_IDS
    )


def ids_for_tombstones(connection: Connection) -> UnitIds | None:
    """What makes the tombstones of stored ids, for which no key is needed; it stores no new ids.

    None: the database has never been used by a server.
    """
    row = connection.execute(select(_COLUMNS.form, _COLUMNS.salt)).first()
    if row is None:
        return None
    return UnitIds(b"" if row.form == _KEYED else None, salt=bytes.fromhex(row.salt))


def _other_form(form: str, database: str) -> WrongState:
    if form == _KEYED:
        return WrongState(
            f"FAIRLIFT_RAW_IDS is yes, but {database} holds keyed ids, and {_SPLIT}; leave the "
            "setting out, or set FAIRLIFT_DATABASE to another file"
        )
    return WrongState(
        f"{database} holds raw ids, and {_SPLIT}; set FAIRLIFT_RAW_IDS=yes, or set "
        "FAIRLIFT_DATABASE to another file"
    )
