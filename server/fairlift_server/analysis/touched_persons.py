"""Rows of the persons whom new rows of a copy touch: all that is known of them, then and now."""

from dataclasses import dataclass
from typing import Final

import duckdb

from fairlift_server.analysis.copied_tables import COPIED, RESTATEMENTS, counted_rows
from fairlift_server.analysis.folding import NewestRestated
from fairlift_server.analysis.opened_copy import OpenedCopy

# With more than so many ids, or with chains of links that are longer, all is read.
_MOST_UNITS: Final = 200_000
_LONGEST_CHAIN: Final = 40
_UNITS: Final = "touched_units"
_OF_UNITS: Final = ("exposures", "actions", "customer_attributes", "orders")


@dataclass(frozen=True, slots=True)
class TouchedPersons:
    """Tables of the persons' rows on a connection.

    Attributes:
        costs_since: of the copy.
        newest_restated: among the new rows of all persons.
    """

    costs_since: int
    newest_restated: NewestRestated

    def counted(self, generation: int) -> dict[str, str]:
        """By table of the ledger, a query for the rows that count in a generation."""
        return {
            table: counted_rows(
                table, _table_of(table), _table_of(RESTATEMENTS), generation, self.costs_since
            )
            for table in COPIED
        }


def touched_persons(
    connection: duckdb.DuckDBPyConnection, copy: OpenedCopy, since: int
) -> TouchedPersons | None:
    """The persons of rows that are newer than a generation; None: they are too many."""
    reading = _Reading(connection, copy, since)
    if not reading.find_units():
        return None
    reading.keep_rows()
    return TouchedPersons(copy.manifest.costs_since, reading.newest_restated())


class _Reading:
    """Reads a copy for one fold."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, copy: OpenedCopy, since: int) -> None:
        self._connection = connection
        self._copy = copy
        self._new = f"generation > {since}"

    def find_units(self) -> bool:
        """Writes down the ids of all touched persons; False: they are too many."""
        rows = self._copy.rows
        parts = [
            *(f"SELECT unit FROM {rows(table)} WHERE {self._new}" for table in _OF_UNITS),
            f"SELECT visitor FROM {rows('identity_links')} WHERE {self._new}",
            f"SELECT customer FROM {rows('identity_links')} WHERE {self._new}",
        ]
        if self._copy.has_restated:
            # A correction may give an order to another person.
            parts.append(
                f"SELECT unit FROM {rows('orders')} WHERE order_id IN "
                f"(SELECT order_id FROM {rows(RESTATEMENTS)} WHERE {self._new})"
            )
        self._run(f"CREATE OR REPLACE TEMP TABLE {_UNITS} AS {' UNION '.join(parts)}")
        number = self._number()
        if not self._copy.has_links:
            return number <= _MOST_UNITS
        links = rows("identity_links")
        for _ in range(_LONGEST_CHAIN):
            if number > _MOST_UNITS:
                return False
            self._run(
                f"INSERT INTO {_UNITS} SELECT id FROM ("
                f"SELECT customer AS id FROM {links} WHERE visitor IN (FROM {_UNITS}) UNION "
                f"SELECT visitor AS id FROM {links} WHERE customer IN (FROM {_UNITS})"
                f") AS linked WHERE id NOT IN (FROM {_UNITS})"
            )
            before, number = number, self._number()
            if number == before:
                return True
        return False

    def keep_rows(self) -> None:
        """Keeps the persons' rows, and who restated them."""
        of_units = f"unit IN (FROM {_UNITS})"
        of_orders = f"order_id IN (SELECT order_id FROM {_table_of('orders')})"
        conditions = {
            **dict.fromkeys(_OF_UNITS, of_units),
            "identity_links": f"visitor IN (FROM {_UNITS})",
            **dict.fromkeys(("order_lines", "amendments", RESTATEMENTS), of_orders),
            "costs": "true",
            "exchange_rates": "false",
        }
        for table, condition in conditions.items():
            self._run(
                f"CREATE OR REPLACE TEMP TABLE {_table_of(table)} AS "
                f"SELECT * FROM {self._copy.rows(table)} AS copied WHERE {condition}"
            )

    def newest_restated(self) -> NewestRestated:
        """The newest amendment and link among the new rows."""
        return NewestRestated(
            self._newest("amendments", f"{self._new} AND status <> 'waiting'"),
            self._newest("identity_links", self._new),
        )

    def _newest(self, table: str, condition: str) -> int | None:
        query = f"SELECT max(time_us) FROM {self._copy.rows(table)} AS copied WHERE {condition}"
        [(time_us,)] = self._connection.execute(query).fetchall()
        return None if time_us is None else int(time_us)

    def _number(self) -> int:
        [(number,)] = self._connection.execute(f"SELECT count(*) FROM {_UNITS}").fetchall()
        return int(number)

    def _run(self, statement: str) -> None:
        self._connection.execute(statement)


def _table_of(table: str) -> str:
    return f"touched_{table}"
