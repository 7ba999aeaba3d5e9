"""The mappings for WooCommerce's API and for GA4's export, on files of their shape."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from fairlift_server.importing.kinds import KINDS
from fairlift_server.importing.mapping import read_mapping, ready_mappings

from tests.server import shop
from tests.server.client import Clock, running
from tests.server.importing.files import SAMPLES, imported, rows, written

EURO = 1_000_000
WOO, GA4 = SAMPLES / "woocommerce_orders.jsonl", SAMPLES / "ga4_events.jsonl"


def test_every_ready_mapping_can_be_read_for_all_that_it_maps() -> None:
    assert ready_mappings() == ["ga4-bigquery", "generic", "shopify-orders", "woocommerce-orders"]
    # The attributes of customers are the shop's own.
    assert all(read_mapping("generic", kind) for kind in KINDS if kind != "customers")
    assert all(read_mapping("ga4-bigquery", kind) for kind in ("orders", "exposures", "actions"))


@pytest.mark.parametrize("form", ["lines", "list"])
def test_woocommerce(tmp_path: Path, form: str) -> None:
    file = WOO
    if form == "list":
        file = tmp_path / "orders.json"
        file.write_text(f"[{','.join(WOO.read_text().splitlines())}]")

    tally = imported(tmp_path, file, mapping="woocommerce-orders")

    # The order that waits for its payment is left out; the first has two lines.
    assert (tally.taken, tally.refused_rows) == (3, 0)
    found = rows(
        tmp_path,
        "SELECT order_id, unit, goods_micros, discount_micros, coupons, cancelled, "
        "shop_net_revenue_micros FROM orders ORDER BY order_id",
    )
    assert found == [
        # 12.10 went back: 10.00 of goods. 30 + 20 − 5 − 10 = 35.
        ("901", "ana@example.com", 50 * EURO, 5 * EURO, "\ntea5\n", 0, 35 * EURO),
        ("902", "order 902", 10 * EURO, 0, "", 1, 0),
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
async def test_ga4(tmp_path: Path, form: str) -> None:
    file = GA4
    if form == "parquet":
        file = tmp_path / "events.parquet"
        duckdb.execute(f"COPY (SELECT * FROM read_json('{GA4}')) TO '{file}'")
    clock = Clock()
    clock.set(datetime(2026, 11, 20, 9, 55, tzinfo=UTC))
    async with running(tmp_path, clock=clock, raw_ids=True) as caller:
        await caller.start(shop.campaign("spring"))

    tallies = [
        imported(tmp_path, file, kind, "ga4-bigquery")
        for kind in ("exposures", "actions", "orders")
    ]

    assert [tally.taken for tally in tallies] == [1, 1, 2]
    moment = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * EURO
    exposures = rows(tmp_path, "SELECT unit, campaign, variant, epoch, time_us FROM exposures")
    assert exposures == [("11.22", "spring", "free", 1, moment + EURO)]
    actions = rows(tmp_path, "SELECT unit, name, time_us FROM actions")
    assert actions == [("11.22", "add_to_cart", moment + 60 * EURO)]
    orders = rows(
        tmp_path, "SELECT order_id, unit, currency_code, goods_micros, coupons FROM orders"
    )
    assert orders == [("T-1", "11.22", "EUR", 49_970_000, "\ntea5\n")]


def test_costs_and_actions_that_are_equal_are_two(tmp_path: Path) -> None:
    costs = written(
        tmp_path / "costs.csv",
        "amount,time,channel",
        "10.50,2026-11-20,search",
        "10.50,2026-11-20,search",
        "10.50,2026-11-21,search",
    )

    first, again = (imported(tmp_path, costs, "costs") for _ in range(2))

    assert (first.events, again.events, again.known) == (3, 0, 3)
    assert rows(tmp_path, "SELECT sum(amount_micros) FROM costs") == [(31_500_000,)]
    # A file that overlaps and has the row once says nothing new; one that has it thrice does.
    lines = costs.read_text().splitlines()
    once = written(tmp_path / "once.csv", lines[0], lines[1], "1,2026-11-22,search")
    thrice = written(tmp_path / "thrice.csv", lines[0], *[lines[1]] * 3)
    assert [imported(tmp_path, file, "costs").events for file in (once, thrice)] == [1, 1]


def test_a_row_is_known_by_the_id_that_its_file_gives_it(tmp_path: Path) -> None:
    header, time = "name,unit,time,id", "2026-11-20T10:00:00Z"
    uuid = "01890A5D-AC96-774B-BCCE-B302099A8057"
    one = written(tmp_path / "1.csv", header, f"visit,v,{time},a", f"visit,v,{time},{uuid}")
    two = written(tmp_path / "2.csv", header, f"visit,v,{time},b", f"visit,v,{time},a")

    assert [imported(tmp_path, file, "actions").events for file in (one, two)] == [2, 1]
    ids = {row[0].hex() for row in rows(tmp_path, "SELECT event_id FROM actions")}
    assert uuid.replace("-", "").lower() in ids


def test_json_lines_keep_every_digit_of_an_amount(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    order = {"order": "o", "unit": "v", "time": "2026-11-20T10:00:00Z", "product": "p"}
    amounts = {"a": 0.1, "b": "12345678901.123456", "c": 19.989999, "d": 7}
    file.write_text(
        "".join(
            json.dumps({**order, "order": k, "unit_price": v}) + "\n" for k, v in amounts.items()
        )
    )

    assert imported(tmp_path, file).taken == 4
    found = rows(tmp_path, "SELECT goods_micros FROM orders ORDER BY order_id")
    assert found == [(100_000,), (12_345_678_901_123_456,), (19_989_999,), (7_000_000,)]
