"""Shopify's export as its admin writes it: what each order is worth, worked out by hand."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from tests.server.importing.files import SAMPLES, imported, rows, written

EURO = 1_000_000
FILE = SAMPLES / "shopify_orders.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shopify")
    rate = written(folder / "rates.csv", "currency,rate,time", "USD,0.92,2026-11-01T00:00:00Z")
    assert imported(folder, rate, "rates").taken == 1
    tally = imported(folder, FILE, mapping="shopify-orders")
    # The order of a gift card alone is left out; #1001 has two lines.
    assert (tally.taken, tally.left_out, tally.refused_rows, tally.waiting_rows) == (8, 1, 0, 0)
    return folder


def order(folder: Path, name: str, *columns: str) -> tuple[object, ...]:
    (found,) = rows(folder, f"SELECT {', '.join(columns)} FROM orders WHERE order_id = '{name}'")
    return found


def test_tax_is_taken_out_of_prices_that_include_it(folder: Path) -> None:
    # 80.00 + 2 × 20.50 with 21 % in it is 100.00
    assert order(folder, "#1001", "goods_micros", "items", "discount_micros") == (100 * EURO, 3, 0)
    prices = rows(
        folder, "SELECT unit_price_micros FROM order_lines WHERE order_id = '#1001' ORDER BY id"
    )
    expected = [round(Fraction(price) / Fraction("1.21") * EURO) for price in ("80", "20.5")]
    assert [price for (price,) in prices] == expected


def test_the_discount_is_of_goods_and_the_codes_are_two(folder: Path) -> None:
    # 60.50 less 6.05, with tax; the code for free delivery took 6.05 off the delivery instead.
    found = order(folder, "#1002", "goods_micros", "discount_micros", "coupons")
    assert found == (50 * EURO, 5 * EURO, "\nfreeship\nwinter10\n")


def test_a_refund_is_of_goods_first_and_has_tax_in_it(folder: Path) -> None:
    amendments = rows(
        folder,
        "SELECT order_id, goods_micros, tax_micros, delivery_micros, running_total, status "
        "FROM amendments WHERE kind = 'refund' ORDER BY order_id",
    )
    assert amendments == [
        ("#1002", 25 * EURO, 5_250_000, 0, 1, "applied"),
        # 66.55: 60.50 of goods with tax, and 6.05 of delivery
        ("#1004", 50 * EURO, 10_500_000, 6_050_000, 1, "applied"),
    ]
    # 50 less 5 less 25
    assert order(folder, "#1002", "shop_net_revenue_micros") == (20 * EURO,)


def test_who_is_who(folder: Path) -> None:
    assert order(folder, "#1001", "unit") == ("ana@example.com",)
    assert order(folder, "#1003", "unit", "channel") == ("order #1003", "pos")


def test_cancelled_and_voided_orders_count_nothing(folder: Path) -> None:
    assert order(folder, "#1004", "cancelled", "shop_net_revenue_micros") == (1, 0)
    assert order(folder, "#1008", "cancelled", "coupons") == (1, "")
    assert order(folder, "#1001", "cancelled") == (0,)


def test_another_currency_is_converted_and_its_tax_was_added(folder: Path) -> None:
    found = order(folder, "#1005", "goods_micros", "currency_code", "shop_revenue_micros")
    assert found == (100 * EURO, "USD", 92 * EURO)


def test_times_have_the_offset_of_the_shop(folder: Path) -> None:
    ten = datetime(2026, 11, 20, 10, 2, 5, tzinfo=UTC)
    nine = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert order(folder, "#1001", "time_us") == (int(ten.timestamp()) * EURO,)
    assert order(folder, "#1005", "time_us") == (int(nine.timestamp()) * EURO,)


def test_the_tag_test_marks_a_test(folder: Path) -> None:
    assert order(folder, "#1007", "test") == (1,)
    assert order(folder, "#1002", "test") == (0,)


def test_a_later_export_changes_the_refund_alone(folder: Path, tmp_path: Path) -> None:
    before = rows(folder, "SELECT order_id, goods_micros FROM orders ORDER BY order_id")
    later = tmp_path / "later.csv"
    later.write_text(FILE.read_text().replace("Cards,30.25", "Cards,48.40"))

    tally = imported(folder, later, mapping="shopify-orders")

    assert (tally.taken, tally.known, tally.events) == (1, 7, 1)
    # 48.40 with tax is 40.00
    assert order(folder, "#1002", "shop_net_revenue_micros") == (5 * EURO,)
    # The earlier export again: the larger total holds
    assert imported(folder, FILE, mapping="shopify-orders").taken == 0
    assert order(folder, "#1002", "shop_net_revenue_micros") == (5 * EURO,)
    assert rows(folder, "SELECT order_id, goods_micros FROM orders ORDER BY order_id") == before


def test_a_line_after_a_note_of_two_lines_has_the_number_that_an_editor_shows(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(FILE.read_text().replace("2026-11-21 12:00:00", "2026-11-31 12:00:00"))
    (number,) = (
        number
        for number, line in enumerate(broken.read_text().splitlines(), 1)
        if line.startswith("#1008")
    )

    tally = imported(tmp_path, broken, mapping="shopify-orders")

    (group,) = tally.refused.values()
    assert group.first == [number]
