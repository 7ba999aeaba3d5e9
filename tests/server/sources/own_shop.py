"""A shop that never sent an event: its own tables, and the sources file that maps them."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg

from tests.databases import new_database

CAMPAIGN = "autumn"
# Tables as a warehouse has them; texts are SQL of DuckDB and PostgreSQL alike.
TABLES: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "views": (
        "visitor_id VARCHAR, seen_at TIMESTAMP, event VARCHAR, experiment VARCHAR, arm VARCHAR, "
        "country VARCHAR, device VARCHAR",
        [
            ("'v1'", "'2026-11-02 10:00:00.000001'", "'seen'", "'autumn'", "'Control'", "'ES'",
             "'phone'"),
            ("'v2'", "'2026-11-02 11:00:00'", "'seen'", "'autumn'", "'Popup'", "'R\"O\\\\'",
             "NULL"),
            ("'v3'", "'2026-11-02 12:00:00'", "'other'", "'autumn'", "'Popup'", "'ES'", "''"),
            ("'ñandú@example.com'", "'2026-11-03 00:00:00'", "'seen'", "'autumn'", "'Popup'",
             "'D' || chr(10) || 'E'", "'phone'"),
        ],
    ),
    "sales": (
        "id BIGINT, client VARCHAR, placed DATE, total DOUBLE PRECISION, back DECIMAL(12, 4), "
        "off DECIMAL(12, 2), cogs DECIMAL(12, 2), code VARCHAR, state VARCHAR",
        [
            ("1", "'v1'", "'2026-11-02'", "19.99", "0", "1.5", "7.25", "'Free5, GIFT'", "'paid'"),
            ("2", "'v2'", "'2026-11-03'", "0.1", "0.0999", "NULL", "NULL", "NULL", "'paid'"),
            ("3", "'v2'", "'2026-11-04'", "1000000.07", "0", "0", "0", "''", "'void'"),
        ],
    ),
    "clicks": (
        "who VARCHAR, clicked TIMESTAMP, what VARCHAR, worth DOUBLE PRECISION",
        [("'v1'", "'2026-11-02 10:05:00'", "'newsletter'", "NULL"),
         ("'v2'", "'2026-11-02 11:05:00'", "'nps'", "9")],
    ),
    "logins": (
        "visitor VARCHAR, client VARCHAR, matched TIMESTAMP",
        [("'v2'", "'c2'", "'2026-11-02 11:30:00'")],
    ),
    "clients": (
        "client VARCHAR, since TIMESTAMP, tier VARCHAR, city VARCHAR",
        [("'c2'", "'2026-01-01 00:00:00'", "'gold'", "'Cluj'")],
    ),
}  # fmt: skip
MAPPING = """\
{where}
exposures:
  from: {schema}views
  where: event = 'seen'
  columns:
    unit: visitor_id
    time: seen_at
    campaign: experiment
    variant: lower(arm)
  labels: {{country: country, device: device}}
orders:
  from: {schema}sales
  columns:
    order: id
    unit: client
    time: placed
    revenue: total
    refunded: back
    discount: "off"
    cost: cogs
    coupons: code
    cancelled: state = 'void'
actions:
  from: {schema}clicks
  columns: {{unit: who, time: clicked, name: what, value: worth}}
links:
  from: {schema}logins
  columns: {{visitor: visitor, customer: client, time: matched}}
attributes:
  from: {schema}clients
  columns: {{unit: client, time: since}}
  labels: {{tier: tier, city: city}}
"""


@dataclass(frozen=True, slots=True)
class OwnShop:
    """A sources file, and the tables it maps.

    Attributes:
        file: the sources file.
        kind: where its tables are.
    """

    file: Path
    kind: str


def statements(schema: str) -> list[str]:
    """What makes the tables."""
    made = []
    for name, (columns, rows) in TABLES.items():
        made.append(f"CREATE TABLE {schema}{name} ({columns})")
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        made.append(f"INSERT INTO {schema}{name} VALUES {values}")
    return made


def duckdb_shop(folder: Path) -> OwnShop:
    """The tables in a DuckDB file."""
    with closing(duckdb.connect(folder / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA web")
        for statement in statements("web."):
            connection.execute(statement)
    return _mapped(folder, "duckdb", "database: warehouse.duckdb", "web.")


def postgres_shop(folder: Path) -> OwnShop:
    """The tables in PostgreSQL."""
    url = new_database(str(folder))
    with psycopg.connect(url) as connection:
        # As in DuckDB a backslash is itself.
        for statement in statements(""):
            connection.execute(statement.encode())
    return _mapped(folder, "postgres", f"database: {url}", "public.")


def parquet_shop(folder: Path, kind: str = "parquet") -> OwnShop:
    """The tables as Parquet files, which Spark reads, too."""
    with closing(duckdb.connect()) as connection:
        for statement in statements(""):
            connection.execute(statement)
        for name in TABLES:
            connection.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet)")
    files = "".join(f"  {name}: {name}.parquet\n" for name in TABLES)
    return _mapped(folder, kind, f"files:\n{files}", "")


def _mapped(folder: Path, kind: str, where: str, schema: str) -> OwnShop:
    file = folder / "sources.yaml"
    file.write_text(MAPPING.format(where=where.rstrip(), schema=schema), encoding="utf-8")
    return OwnShop(file, kind)
