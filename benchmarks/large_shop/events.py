"""The events of the large shop, as Parquet files with the columns of the ledger's tables.

Of a million events 400,000 are first exposures of as many visitors to the large campaign, 100,000
exposures to the small ones, 60,000 orders and 440,000 actions. Numbers come from hashes of row
numbers: the same for the same size. No order is amended and no visitor is linked.
"""

import hashlib
from contextlib import closing
from pathlib import Path

import duckdb
from fairlift_server.store.campaigns import microseconds

from benchmarks.large_shop.campaigns import DAYS, LARGE, SMALL, START, VARIANTS

TABLES = ("exposures", "actions", "orders")
_DAY_US = 86_400 * 1_000_000
_MACROS = f"""
CREATE MACRO drawn(number, salt, below) AS
  CAST(hash(number * 64 + salt) % CAST(below AS UBIGINT) AS BIGINT);
CREATE MACRO unit_of(visitor) AS substr(md5('visitor' || visitor), 1, 22);
CREATE MACRO entered_us(visitor) AS
  {microseconds(START)} + drawn(visitor, 1, {DAYS * _DAY_US});
-- From two days before to ten days after the visitor came.
CREATE MACRO around_us(visitor, number, salt) AS
  entered_us(visitor) - {2 * _DAY_US} + drawn(number, salt, {12 * _DAY_US});
CREATE MACRO one_of(number, salt, names) AS names[1 + drawn(number, salt, len(names))];
CREATE MACRO event_id_of(kind, number) AS unhex(printf('%016x%016x', kind, number));
"""
_SEGMENTS = (
    'printf(\'{{"country": "%s", "device": "%s", "returning": "%s"}}\', '
    "one_of(visitor, 3, ['ES', 'RO', 'DE', 'FR', 'IT']), one_of(visitor, 4, ['phone', 'desktop']), "
    "one_of(visitor, 5, ['yes', 'no']))"
)
_EXPOSURES = (
    "SELECT visitor, entered_us(visitor) AS time_us, '{large}' AS campaign, "
    "one_of(visitor, 2, {variants}) AS variant FROM range({visitors}) t(visitor) UNION ALL "
    "SELECT drawn(number, 6, {visitors}) AS visitor, around_us(visitor, number, 7) AS time_us, "
    "one_of(number, 8, {small}) AS campaign, one_of(visitor, 9, {variants}) AS variant "
    "FROM range({more}) t(number)"
)
_ROWS = {
    "exposures": (
        "SELECT 1 AS kind, time_us, unit_of(visitor) AS unit, campaign, 1 AS epoch, variant, "
        f"{_SEGMENTS} AS segments FROM ({_EXPOSURES})"
    ),
    "actions": (
        "SELECT 2 AS kind, around_us(visitor, number, 11) AS time_us, unit_of(visitor) AS unit, "
        "one_of(number, 12, ['add_to_cart', 'newsletter', 'view_360', 'search']) AS name, "
        "CAST(NULL AS DOUBLE) AS value "
        "FROM (SELECT number, drawn(number, 10, {visitors}) AS visitor "
        "FROM range({actions}) t(number))"
    ),
    "orders": (
        "SELECT 3 AS kind, around_us(visitor, number, 14) AS time_us, 'order-' || number AS "
        "order_id, unhex('0000000000000001') AS digest, unit_of(visitor) AS unit, 'EUR' AS "
        "currency_code, CAST(NULL AS BIGINT) AS rate_picos, 1 + drawn(number, 15, 4) AS items, "
        "10000 * (500 + drawn(number, 16, 20000)) AS goods_micros, 0 AS discount_micros, "
        "goods_micros // 2 AS cost_micros, 0 AS shipping_cost_micros, number % 9 = 0 AS upsell, "
        "number % 7 = 0 AS cross_sell, '' AS coupons, '' AS channel, CAST(NULL AS BOOLEAN) AS "
        "first_purchase, number % 500 = 0 AS test, CAST(NULL AS VARCHAR) AS placed, 0 AS "
        "refunded_micros, 0 AS recovered_cost_micros, 0 AS returned_items, false AS refunded, "
        "number % 25 = 1 AS cancelled, goods_micros AS shop_revenue_micros, goods_micros AS "
        "shop_net_revenue_micros, goods_micros - cost_micros AS shop_profit_micros, 0 AS "
        "shop_discount_micros FROM (SELECT number, drawn(number, 13, {visitors}) AS visitor "
        "FROM range({orders}) t(number))"
    ),
}


def visitors_of(events: int) -> int:
    """How many visitors meet the large campaign in so many events."""
    return events * 40 // 100


def unit_of(visitor: int) -> str:
    """The id of a visitor, as the macro of this name makes it."""
    return hashlib.md5(f"visitor{visitor}".encode(), usedforsecurity=False).hexdigest()[:22]


def write_events(folder: Path, events: int) -> dict[str, Path]:
    """Writes a file for each table of TABLES, in the order of time."""
    sizes = {
        "visitors": visitors_of(events),
        "more": events * 10 // 100,
        "actions": events * 44 // 100,
        "orders": events * 6 // 100,
        "large": LARGE,
        "small": list(SMALL),
        "variants": list(VARIANTS),
    }
    files = {table: folder / f"{table}.parquet" for table in TABLES}
    with closing(duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})) as connection:
        connection.execute(f"SET temp_directory = '{folder / 'spill'}'")
        connection.execute(_MACROS)
        for table, file in files.items():
            made = _ROWS[table].format(**sizes)
            connection.execute(
                f"COPY (SELECT row_number() OVER () AS id, event_id_of(kind, id) AS event_id, "
                f"time_us + 1000000 AS received_us, * EXCLUDE (kind) FROM ({made} ORDER BY "
                f"time_us)) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
            )
    return files
