"""Orders and their amendments, each through gRPC: again, contradicted, out of order, too much."""

from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1.event_service_pb2 import (
    EVENT_STATUS_ACCEPTED,
    EVENT_STATUS_DUPLICATE,
    EVENT_STATUS_REFUSED,
    RefusalReason,
)

from tests import databases
from tests.databases import database_in
from tests.server import shop
from tests.server.client import Caller
from tests.server.events.outcomes import refusal, waits


@pytest.fixture(autouse=True)
async def campaign(caller: Caller) -> None:
    await caller.start(shop.campaign())


async def test_an_order_sent_again_under_another_event_id_is_a_duplicate(caller: Caller) -> None:
    outcomes = [
        *await caller.record(shop.order("v", "o-1"), shop.order("v", "o-1")),
        *await caller.record(shop.order("v", "o-1")),
    ]

    assert [outcome.status for outcome in outcomes] == [
        EVENT_STATUS_ACCEPTED,
        EVENT_STATUS_DUPLICATE,
        EVENT_STATUS_DUPLICATE,
    ]


async def test_an_order_id_with_other_contents_is_a_conflict(caller: Caller) -> None:
    await caller.record(shop.order("v", "o-1", shop.line(50)))

    outcome = await refusal(caller, shop.order("v", "o-1", shop.line(60)))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_CONFLICT
    assert "send a correction to change an order" in outcome.message


async def test_a_refused_event_twice_in_one_batch_is_refused_twice(caller: Caller) -> None:
    await caller.accepted([shop.order("v", "o-1", shop.line(50))])
    other = shop.order("v", "o-1", shop.line(60))

    outcomes = await caller.record(other, other)

    assert [outcome.status for outcome in outcomes] == [EVENT_STATUS_REFUSED] * 2


async def test_an_order_in_a_currency_without_a_rate_is_parked(caller: Caller) -> None:
    outcome = await waits(caller, shop.order("v", "o-1", currency="USD"))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_CURRENCY
    assert "the shop's currency is EUR" in outcome.message


async def test_an_order_and_a_refund_have_at_most_a_million_items(caller: Caller) -> None:
    half = shop.line(0.01, quantity=500_000)
    await caller.accepted([shop.order("v", "most", half, half), shop.refund("most", 1)])

    more = await refusal(caller, shop.order("v", "more", half, half, shop.line(1)))
    corrected = await refusal(
        caller, shop.correction("most", shop.order("v", "", half, half, shop.line(1)))
    )
    refunded = await refusal(caller, shop.refund("most", 1, items=1_000_001))

    assert more.message == ("order.lines: have 1000001 items, must have at most 1000000 together")
    assert corrected.field == "amendment.correction.lines"
    assert refunded.field == "amendment.refund.items"


async def test_a_refused_event_may_come_again_when_what_it_lacked_is_there(caller: Caller) -> None:
    await caller.accepted([shop.order("v", "o-1")])
    order = shop.order("v", "o-1", shop.line(1))
    await refusal(caller, order)
    order.order.order_id = "o-2"

    await caller.accepted([order])


async def test_an_amendment_that_contradicts_its_order_is_stored_and_says_so(
    caller: Caller,
) -> None:
    await caller.accepted([shop.order("v", "o-1", shop.line(50), discount=10)])
    await caller.accepted([shop.refund("o-1", 25, at=shop.now() - timedelta(minutes=1))])

    (above, foreign) = await caller.record(
        shop.refund("o-1", 16), shop.refund("o-1", 5, currency="USD")
    )

    assert above.status == foreign.status == EVENT_STATUS_ACCEPTED
    assert above.field == "amendment.refund.goods_micros"
    assert "to 41000000, must stay within its ticket, 40000000" in above.message
    assert "changes nothing" in above.message
    assert foreign.field == "amendment.refund.currency_code"


async def test_a_contradiction_is_healed_by_a_correction(caller: Caller) -> None:
    await caller.accepted([shop.order("v", "o-1", shop.line(50))])
    await caller.record(shop.refund("o-1", 60))

    larger = shop.correction("o-1", shop.order("v", "", shop.line(80)))
    (healed,) = await caller.record(larger)
    (above,) = await caller.record(shop.refund("o-1", 21))

    assert healed.message == ""
    assert "to 81000000, must stay within its ticket, 80000000" in above.message


async def test_an_amendment_may_come_before_its_order(caller: Caller, tmp_path: Path) -> None:
    await caller.accepted([shop.refund("o-1", 5), shop.cancellation("o-2"), shop.reopening("o-2")])
    await caller.accepted([shop.correction("o-1", shop.order("v", ""))])
    await caller.accepted([shop.order("v", "o-1"), shop.order("v", "o-2")])

    select = "SELECT order_id, refunded_micros, cancelled FROM orders ORDER BY order_id"
    orders = databases.rows(database_in(tmp_path), select)
    assert [(name, int(refunded), bool(off)) for name, refunded, off in orders] == [
        ("o-1", 5_000_000, False),
        ("o-2", 0, False),
    ]


async def test_a_correction_is_checked_like_an_order(caller: Caller) -> None:
    named = shop.correction("o-1", shop.order("v", ""))
    named.amendment.correction.order_id = "o-2"
    cases = (
        (named, "amendment.correction.order_id", "the amendment is of 'o-1'"),
        (
            shop.correction("o-1", shop.order("v", "", discount=51)),
            "amendment.correction.discount_micros",
            "50000000",
        ),
        (
            shop.correction("o-1", shop.order("", "")),
            "amendment.correction.unit_id",
            "has 0 characters",
        ),
    )
    for event, field, says in cases:
        outcome = await refusal(caller, event)

        assert outcome.field == field
        assert says in outcome.message


async def test_an_order_has_at_most_ten_coupons(caller: Caller) -> None:
    await caller.accepted([shop.order("v", "o-1", coupon=[f"C{number}" for number in range(10)])])

    outcome = await refusal(caller, shop.order("v", "o-2", coupon=["C"] * 11))

    assert outcome.field == "order.coupons"
    assert "has 11, must have at most 10" in outcome.message


@pytest.mark.parametrize("rate_first", [True, False])
async def test_what_became_of_an_order_counts_though_a_rate_is_a_mistake(
    caller: Caller, tmp_path: Path, rate_first: bool
) -> None:
    """A rate that makes an order worth more than can be kept does not hide its cancellation."""
    at = shop.now() - timedelta(days=1)
    await caller.accepted([shop.exchange_rate("USD", 2, at=at - timedelta(hours=2))])
    await caller.accepted(
        [shop.order("v", "o-1", shop.line(90_000_000_000 / 10), currency="USD", at=at)]
    )
    mistake = [shop.exchange_rate("USD", 1_000, at=at - timedelta(hours=1))]
    amended = [shop.refund("o-1", 400.0, currency="USD"), shop.cancellation("o-1")]
    for events in (mistake, amended) if rate_first else (amended, mistake):
        await caller.accepted(events)

    found = databases.rows(
        database_in(tmp_path),
        "SELECT cancelled, refunded_micros, shop_net_revenue_micros, rate_picos FROM orders",
    )
    assert [tuple(map(int, row)) for row in found] == [(1, 400_000_000, 0, 2 * 10**12)]


async def test_an_order_is_stored_alike_as_placed_and_after_amendments_that_cancel_out(
    caller: Caller, tmp_path: Path
) -> None:
    lines = (shop.line(50), shop.line(19.99))
    await caller.accepted([shop.order("v", "o-1", *lines, discount=10, coupon=["A", "b"])])
    select = "SELECT * FROM orders"
    placed = databases.rows(database_in(tmp_path), select)

    await caller.accepted([shop.cancellation("o-1", at=shop.now() - timedelta(minutes=2))])
    cancelled = databases.rows(database_in(tmp_path), select)
    await caller.accepted([shop.reopening("o-1", at=shop.now() - timedelta(minutes=1))])

    assert cancelled != placed
    assert databases.rows(database_in(tmp_path), select) == placed
