"""How SQLite and PostgreSQL write what an export asks: DuckDB hands each its own SQL."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL of one of them, with `{}` for a column, bytes in hex, or the name of a table.

    Attributes:
        query: DuckDB's function that hands a query over.
        hex: a column of bytes as hex, in capitals.
        float: a column of numbers, with as many digits as make the same number again.
        bytes: a literal.
        tables: how many tables have a name.
    """

    query: str
    hex: str
    float: str
    bytes: str
    tables: str

    def key(self, column: str) -> str:
        """A column that tells rows apart, as text."""
        return self.hex.format(column) if column == "event_id" else column

    def event_rows(self, alias: str) -> str:
        """The condition for rows of events: empty ones stand in for erased newest rows."""
        return f"{alias}.event_id <> {self.bytes.format('00' * 16)}"


SQLITE: Final = Dialect(
    query="sqlite_query",
    hex="hex({})",
    # SQLite's own text has 15 digits, and DuckDB takes all its values as text.
    float="CASE WHEN {0} IS NOT NULL THEN printf('%!.20e', {0}) END",
    bytes="x'{}'",
    tables="SELECT count(*) AS found FROM sqlite_master WHERE name = '{}'",
)
POSTGRES: Final = Dialect(
    query="postgres_query",
    hex="upper(encode({}, 'hex'))",
    float="{}",
    bytes="decode('{}', 'hex')",
    tables="SELECT count(to_regclass('{}')) AS found",
)
