"""The seam between the definition and what runs it: where the tables are, and how statements run.

The definition is Ibis expressions over the ledger's tables, small tables of the queries, and
results of earlier steps that are kept under a name.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.untyped import Row, Table

# Before the names of kept tables: a shop's own tables may have such names, too.
KEPT: Final = "kept_"


class Engine(Protocol):
    """A connection to an engine, as of one moment of the ledger.

    A step has a key, equal for equal expressions over the ledger of this engine: to work the text
    of a statement out takes longer than to answer it, so an engine keeps texts by their keys.
    """

    @property
    def ledger(self) -> Ledger:
        """Where the tables of the ledger are."""

    def put(self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes a small table of this name, in place of any before.

        Args:
            name: of the table.
            columns: Ibis types by name.
            rows: values in the order of the columns.
        """

    def keep(self, name: str, key: Hashable, expression: Callable[[], Table]) -> Table:
        """Runs a statement and keeps its rows as a table of this name, in place of any before."""

    def rows(
        self, key: Hashable, expression: Callable[[], Table], *, in_64_bits: bool = False
    ) -> Iterator[Row]:
        """Runs a statement and gives its rows.

        Args:
            key: of the statement.
            expression: makes it.
            in_64_bits: its sums fit into 64 bits, whatever the amounts; others may not.
        """

    def drop(self, names: Iterable[str]) -> None:
        """Frees tables that were kept and are not read any more."""
