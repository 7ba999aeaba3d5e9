"""How each engine writes the few things in which they differ, when it reads a shop's tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """The SQL of an engine, with `{}` for an expression.

    Attributes:
        name: as sqlglot knows it.
        text: the type of texts.
        micros: a timestamp or date as microseconds since 1970 UTC.
        printable: a text with blanks in the place of control characters.
        keyed: a text as a stored id: unpadded base64url of a keyed hash, whose two states are
            columns of KEY_TABLE; empty where Fairlift does not run.
    """

    name: str
    text: str
    micros: str
    printable: str
    keyed: str = ""

    def quoted(self, text: str) -> str:
        """A text as a literal."""
        return exp.Literal.string(text).sql(dialect=self.name)

    def column(self, name: str) -> str:
        """A name of a column."""
        return exp.to_identifier(name, quoted=True).sql(dialect=self.name)


# HMAC-SHA256: the hash of the outer state and of the hash of the inner state and the text. Its
# first 16 bytes are 22 characters.
_DUCKDB_KEYED: Final = (
    "translate(substr(to_base64(unhex(substr(sha256(k.outer_state || unhex(sha256("
    "k.inner_state || encode({})))), 1, 32))), 1, 22), '+/', '-_')"
)
_SPARK_KEYED: Final = (
    "translate(substr(base64(unhex(substr(sha2(concat(k.outer_state, unhex(sha2(concat("
    "k.inner_state, encode({}, 'UTF-8')), 256))), 256), 1, 32))), 1, 22), '+/', '-_')"
)
DUCKDB: Final = SqlDialect(
    "duckdb",
    text="VARCHAR",
    micros="epoch_us({})",
    printable="regexp_replace({}, '[\\x00-\\x1f]', ' ', 'g')",
    keyed=_DUCKDB_KEYED,
)
SPARK: Final = SqlDialect(
    "spark",
    text="STRING",
    micros="unix_micros(CAST({} AS TIMESTAMP))",
    printable="regexp_replace({}, '[\\\\x00-\\\\x1f]', ' ')",
    keyed=_SPARK_KEYED,
)
# They compile; nobody has run them.
UNTESTED: Final[Mapping[str, SqlDialect]] = {
    "bigquery": SqlDialect(
        "bigquery",
        text="STRING",
        micros="UNIX_MICROS(CAST({} AS TIMESTAMP))",
        printable="REGEXP_REPLACE({}, r'[\\x00-\\x1f]', ' ')",
    ),
    "snowflake": SqlDialect(
        "snowflake",
        text="VARCHAR",
        micros="DATE_PART(EPOCH_MICROSECOND, {})",
        printable="REGEXP_REPLACE({}, '[\\\\x00-\\\\x1f]', ' ')",
    ),
    "clickhouse": SqlDialect(
        "clickhouse",
        text="String",
        micros="toUnixTimestamp64Micro(toDateTime64({}, 6, 'UTC'))",
        printable="replaceRegexpAll({}, '[\\\\x00-\\\\x1f]', ' ')",
    ),
    "trino": SqlDialect(
        "trino",
        text="VARCHAR",
        micros="CAST(to_unixtime(CAST({} AS TIMESTAMP(6))) * 1000000 AS BIGINT)",
        printable="regexp_replace({}, '[\\x00-\\x1f]', ' ')",
    ),
}
