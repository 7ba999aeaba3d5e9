"""The amounts of an order without tax, against fractions."""

import random
from fractions import Fraction
from typing import Any

import pytest
from fairlift_server.importing.order_money import PricedLine, order_money
from fairlift_server.importing.row_reader import RowRefusal

CENT = 10_000


def some_order(r: random.Random) -> tuple[dict[str, Any], list[PricedLine]]:
    """`Any`: values of fields."""
    lines = [
        PricedLine(quantity, r.randrange(1, 50_000) * CENT, None)
        for quantity in r.choices((1, 1, 2, 3, 7), k=r.randrange(1, 5))
    ]
    gross = sum(line.price for line in lines)
    subtotal = gross - r.randrange(gross // CENT) * CENT * r.choice((0, 1))
    delivery = r.choice((0, 495, 995)) * CENT
    rate = Fraction(r.choice((4, 10, 21)), 100)
    included = r.random() < 0.5
    paid = subtotal + delivery
    tax = round(paid * rate / (1 + rate if included else 1) / CENT) * CENT
    total = paid if included else paid + tax
    values = {"subtotal": subtotal, "delivery": delivery, "tax": tax, "total": total}
    return values, lines


@pytest.mark.parametrize("seed", range(60))
def test_net_amounts_are_those_of_fractions(seed: int) -> None:
    r = random.Random(seed)
    values, lines = some_order(r)
    paid = values["subtotal"] + values["delivery"]
    share = Fraction(1)
    if values["total"] == paid and values["tax"]:
        share = Fraction(paid - values["tax"], paid)

    money = order_money(values, lines)

    items = sum(line.quantity for line in lines)
    for line, price in zip(lines, money.unit_prices, strict=True):
        assert abs(price - Fraction(line.unit_price or 0) * share) <= Fraction(1, 2)
    goods = sum(line.quantity * price for line, price in zip(lines, money.unit_prices, strict=True))
    assert 0 <= money.discount <= goods
    assert abs(goods - money.discount - values["subtotal"] * share) <= items


@pytest.mark.parametrize("seed", range(60))
def test_the_parts_of_a_refund_add_up_and_a_whole_one_is_the_ticket(seed: int) -> None:
    r = random.Random(seed)
    values, lines = some_order(r)
    values["refunded"] = whole = values["total"]
    money = order_money(values, lines)
    goods = sum(line.quantity * price for line, price in zip(lines, money.unit_prices, strict=True))
    if whole:
        assert money.refund is not None
        # What is left of the order is nothing, to the micro.
        assert money.refund[0] == goods - money.discount
        assert sum(money.refund) == whole
        before = 0
        for part in range(1, 6):
            values["refunded"] = whole * part // 5
            refund = order_money(values, lines).refund
            assert refund is not None
            assert sum(refund) == values["refunded"]
            assert before <= refund[0] <= money.refund[0]
            assert min(refund) >= 0
            before = refund[0]


def test_a_gift_card_beside_goods_takes_no_tax_out_of_them() -> None:
    # A hat for 12.10 with 2.10 in it, and a card for 50.00
    values = {"subtotal": 6_210 * CENT, "tax": 210 * CENT, "total": 6_210 * CENT}
    money = order_money(values, [PricedLine(1, 1_210 * CENT, None)], 5_000 * CENT)
    assert (list(money.unit_prices), money.discount) == ([1_000 * CENT], 0)


@pytest.mark.parametrize(("tip", "price"), [(0, 1_000), (150, 1_000), (207, 1_000), (211, 1_210)])
def test_a_tip_in_the_total_hides_no_tax_that_is_larger(tip: int, price: int) -> None:
    # A hat for 12.10 with 2.10 in it: as the total is below 14.20, the tax is not added to it.
    total = {"subtotal": 1_210 * CENT, "tax": 210 * CENT, "total": (1_210 + tip) * CENT}

    money = order_money(total, [PricedLine(1, 1_210 * CENT, None)])

    assert list(money.unit_prices) == [price * CENT]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"subtotal": 11 * CENT}, "subtotal"),
        ({"subtotal": -1}, "subtotal"),
        ({"discount": 11 * CENT}, "discount"),
        ({"discount": -1}, "discount"),
        ({"tax": 11 * CENT, "tax_included": True}, "tax"),
        ({"tax": -1}, "tax"),
        ({"delivery": -1}, "tax"),
        ({"refunded": -1}, "refunded"),
    ],
)
def test_amounts_that_contradict_each_other(values: dict[str, int], field: str) -> None:
    with pytest.raises(RowRefusal) as refusal:
        order_money(values, [PricedLine(1, 10 * CENT, None)])
    assert refusal.value.field == field


def test_a_negative_price_is_no_discount() -> None:
    with pytest.raises(RowRefusal, match="must be 0 or more; give what is off as a discount"):
        order_money({}, [PricedLine(1, 10, None), PricedLine(1, -5, None)])
