"""The events of a shop as tables of a warehouse that never sent them."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
from fairlift.v1.event_service_pb2 import Event

from tests.databases import new_database

_EURO = 1_000_000
_MAPPING = """\
complete_until: {now}
{where}
exposures:
  from: views
  columns: {{unit: visitor, time: seen_at, campaign: experiment, variant: arm}}
  labels: {{country: country}}
orders:
  from: SELECT * FROM sales WHERE id IS NOT NULL
  columns:
    order: id
    unit: client
    time: placed_at
    revenue: total
    cost: cogs
    items: pieces
links:
  from: logins
  columns: {{visitor: visitor, customer: client, time: at_time}}
"""


def warehouse(folder: Path, events: Iterable[Event]) -> dict[str, Path]:
    """Sources files: DuckDB over a DuckDB file and over PostgreSQL, Spark over Parquet files."""
    events = list(events)
    views = [
        (e.exposure.unit_id, _us(e), e.exposure.campaign.removeprefix("campaigns/"),
         e.exposure.variant, e.exposure.attributes["country"].string_value)
        for e in events if e.HasField("exposure")
    ]  # fmt: skip
    sales = [
        (e.order.order_id, e.order.unit_id, _us(e),
         sum(line.quantity * line.unit_price_micros for line in e.order.lines) / _EURO,
         sum(line.quantity * line.unit_cost_micros for line in e.order.lines) / _EURO,
         sum(line.quantity for line in e.order.lines))
        for e in events if e.HasField("order")
    ]  # fmt: skip
    logins = [
        (e.identity.visitor_id, e.identity.customer_id, _us(e))
        for e in events
        if e.HasField("identity")
    ]
    tables: dict[str, tuple[tuple[str, ...], Sequence[tuple[object, ...]]]] = {
        "views": (("visitor", "seen_at", "experiment", "arm", "country"), views),
        "sales": (("id", "client", "placed_at", "total", "cogs", "pieces"), sales),
        "logins": (("visitor", "client", "at_time"), logins),
    }
    with closing(duckdb.connect(folder / "warehouse.duckdb")) as connection:
        for name, (columns, rows) in tables.items():
            connection.execute(_table(name, columns, rows, "make_timestamp({})"))
            connection.execute(f"COPY {name} TO '{folder / name}.parquet'")
    url = new_database(str(folder))
    with psycopg.connect(url) as postgres:
        for name, (columns, rows) in tables.items():
            moment = "TIMESTAMP 'epoch' + {} * INTERVAL '1 microsecond'"
            postgres.execute(_table(name, columns, rows, moment).encode())
    files = "".join(f"  {name}: {name}.parquet\n" for name in tables)
    made = {
        "duckdb": _MAPPING.format(now="now()", where="database: warehouse.duckdb"),
        "postgres": _MAPPING.format(now="now()", where=f"database: {url}"),
        "spark": _MAPPING.format(now="current_timestamp()", where=f"files:\n{files}"),
    }
    for name, text in made.items():
        (folder / f"{name}.yaml").write_text(text)
    return {name: folder / f"{name}.yaml" for name in made}


def _us(event: Event) -> int:
    return event.event_time.ToMicroseconds()


def _table(
    name: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]], moment: str
) -> str:
    """The statement that makes a table, in SQL of DuckDB and PostgreSQL alike.

    Columns that end in `_at` or `_time` are timestamps without a zone, in UTC, by `moment` of their
    microseconds.
    """
    values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    typed = ", ".join(
        f"{moment.format(c)} AS {c}" if c.endswith(("_at", "_time")) else c for c in columns
    )
    return f"CREATE TABLE {name} AS SELECT {typed} FROM (VALUES {values}) t({', '.join(columns)})"


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
