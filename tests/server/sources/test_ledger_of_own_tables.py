"""A shop's own tables, read as the tables of the ledger by each engine."""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fairlift_server.analysis import duckdb_tables, spark_tables
from fairlift_server.analysis.ledger_tables import LEDGER_COLUMNS
from fairlift_server.analysis.spark_session import spark_session
from fairlift_server.analysis.table_views import OwnTables
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.sources.dialects import UNTESTED
from fairlift_server.sources.ledger_views import LedgerViews
from fairlift_server.sources.shop_sources import own_tables
from fairlift_server.sources.source_file import read_sources
from fairlift_server.sources.sql_pieces import check_sql
from sqlglot import parse_one
from sqlglot.expressions import Select

from tests.server.sources.own_shop import OwnShop, duckdb_shop, parquet_shop, postgres_shop
from tests.spark_cluster import SparkCluster

IDS = UnitIds(b"k" * 32, salt=b"")
Rows = Mapping[str, list[dict[str, Any]]]


def us(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000 + moment.microsecond


def read_by_duckdb(tables: OwnTables) -> Rows:
    with closing(duckdb.connect()) as connection:
        duckdb_tables.open_own(connection, tables)
        read = {}
        for name in LEDGER_COLUMNS:
            cursor = connection.execute(f"SELECT * FROM ledger_{name}")
            columns = [column[0] for column in cursor.description or ()]
            read[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return read


def read_by_spark(tables: OwnTables, url: str) -> Rows:
    with spark_session(url) as session:
        spark_tables.open_spark_own(session, tables)
        return {
            name: [row.asDict() for row in session.sql(f"SELECT * FROM ledger_{name}").collect()]
            for name in LEDGER_COLUMNS
        }


@pytest.fixture(params=["duckdb", "postgres", "parquet"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> OwnShop:
    makers = {"duckdb": duckdb_shop, "postgres": postgres_shop, "parquet": parquet_shop}
    return makers[request.param](tmp_path)


def tables_of(shop: OwnShop, *, spark: bool = False, keyed: bool = True) -> OwnTables:
    states = IDS.key_states if keyed else None
    return own_tables(shop.file, spark=spark, currency="EUR", key_states=states)


def check(read: Rows) -> None:
    """What the mapping says of the rows of own_shop, written out by hand."""
    for name, columns in LEDGER_COLUMNS.items():
        for row in read[name]:
            assert row.keys() == columns.keys()
    exposures = sorted(read["exposures"], key=lambda row: row["time_us"])
    assert [row["unit"] for row in exposures] == [
        IDS.stored("v1"), IDS.stored("v2"), IDS.stored("ñandú@example.com")
    ]  # fmt: skip
    assert [row["variant"] for row in exposures] == ["control", "popup", "popup"]
    assert exposures[0]["time_us"] == us("2026-11-02T10:00:00.000001")
    assert {row["campaign"] for row in exposures} == {"autumn"}
    assert {row["epoch"] for row in exposures} == {1}
    assert [json.loads(row["segments"]) for row in exposures] == [
        {"country": "ES", "device": "phone"},
        {"country": 'R"O\\\\', "device": ""},
        {"country": "D E", "device": "phone"},
    ]
    one, two, three = sorted(read["orders"], key=lambda row: row["order_id"])
    assert [each["order_id"] for each in (one, two, three)] == ["1", "2", "3"]
    assert one["time_us"] == us("2026-11-02")
    assert one["coupons"] == "\nfree5\ngift\n"
    assert two["coupons"] == three["coupons"] == ""
    money = ("revenue", "net_revenue", "profit", "discount")
    assert [one[f"shop_{name}_micros"] for name in money] == [
        19_990_000, 19_990_000, 12_740_000, 1_500_000
    ]  # fmt: skip
    assert [two[f"shop_{name}_micros"] for name in money] == [100_000, 100, 100, 0]
    assert three["shop_revenue_micros"] == 1_000_000_070_000
    assert [row["refunded"] for row in (one, two, three)] == [False, True, False]
    assert [row["cancelled"] for row in (one, two, three)] == [False, False, True]
    assert one["first_purchase"] is None
    assert {row["currency_code"] for row in read["orders"]} == {"EUR"}
    actions = sorted(read["actions"], key=lambda row: row["time_us"])
    assert [(row["name"], row["value"]) for row in actions] == [("newsletter", None), ("nps", 9.0)]
    (link,) = read["identity_links"]
    assert (link["visitor"], link["customer"]) == (IDS.stored("v2"), IDS.stored("c2"))
    labels = {(row["unit"], row["name"], row["label"]) for row in read["customer_attributes"]}
    assert labels == {(IDS.stored("c2"), "tier", "gold"), (IDS.stored("c2"), "city", "Cluj")}
    assert read["amendments"] == read["exchange_rates"] == []
    assert read["shop"] == [{"currency_code": "EUR"}]


def test_duckdb_reads_own_tables_as_a_ledger(shop: OwnShop) -> None:
    check(read_by_duckdb(tables_of(shop)))


@pytest.mark.spark
@pytest.mark.timeout(900)
@pytest.mark.slow
def test_spark_reads_own_tables_as_a_ledger(spark_cluster: SparkCluster, tmp_path: Path) -> None:
    check(read_by_spark(tables_of(parquet_shop(tmp_path), spark=True), spark_cluster.url))


def test_ids_stay_as_they_are_where_the_ledger_keeps_them_raw(tmp_path: Path) -> None:
    read = read_by_duckdb(tables_of(parquet_shop(tmp_path), keyed=False))
    assert {row["unit"] for row in read["exposures"]} == {"v1", "v2", "ñandú@example.com"}


def with_empty_fields(folder: Path) -> OwnShop:
    """Fields that need not be mapped are, and no row says anything of them."""
    shop = parquet_shop(folder)
    text = shop.file.read_text().replace(
        "    variant: lower(arm)\n",
        """\
    variant: lower(arm)
    epoch: CAST(NULL AS BIGINT)
    received: CAST(NULL AS TIMESTAMP)
""",
    )
    text = text.replace(
        "    revenue: total\n",
        """\
    revenue: total
    items: CAST(NULL AS BIGINT)
    channel: CAST(NULL AS VARCHAR)
""",
    )
    lines = "columns: {order: id, unit_price: total, quantity: CAST(NULL AS BIGINT)}"
    shop.file.write_text(f"{text}lines:\n  from: sales\n  {lines}\n")
    return shop


def test_a_field_that_is_empty_in_a_row_is_what_it_would_be_without_a_mapping(
    tmp_path: Path,
) -> None:
    read = read_by_duckdb(tables_of(with_empty_fields(tmp_path)))
    # docs/sources.md: epoch (else 1), received (else time), items and quantity (else 1).
    assert {row["epoch"] for row in read["exposures"]} == {1}
    assert all(row["received_us"] == row["time_us"] for row in read["exposures"])
    assert {row["items"] for row in read["orders"]} == {1}
    assert {row["channel"] for row in read["orders"]} == {""}
    assert {row["quantity"] for row in read["order_lines"]} == {1}
    # Nor does a line without a quantity cost its order the revenue of the line.
    shop = with_empty_fields(tmp_path)
    shop.file.write_text(shop.file.read_text().replace("    revenue: total\n", ""))
    by_lines = read_by_duckdb(tables_of(shop))["orders"]
    assert {row["order_id"]: row["goods_micros"] for row in by_lines} == {
        row["order_id"]: row["unit_price_micros"] for row in read["order_lines"]
    }


@pytest.mark.parametrize("name", UNTESTED)
def test_other_warehouses_compile(name: str, tmp_path: Path) -> None:
    sources = read_sources(duckdb_shop(tmp_path).file)
    check_sql(sources, UNTESTED[name])
    views = LedgerViews(sources, UNTESTED[name], currency="EUR", keyed=False)
    for table, query in views.queries().items():
        columns = {
            each.alias_or_name.lower()
            for each in parse_one(query, dialect=name, into=Select).selects
        }
        assert columns >= LEDGER_COLUMNS[table].keys()
