"""The meaning of money: an order's own arithmetic (docs/decisions/0003-money-and-the-ledger.md)."""

from fractions import Fraction

from fairlift_server.events.ledger import (
    MICROS,
    AmendmentEntry,
    OrderState,
    RefusalReason,
    RefusedEvent,
    exchanged,
)
from hypothesis import given
from hypothesis import strategies as st


def refund(
    amount: int, *, recovered: int = 0, items: int = 0, currency: str = "EUR"
) -> AmendmentEntry:
    return AmendmentEntry(b"", 0, 0, "o-1", False, currency, amount, recovered, items)


CANCELLATION = AmendmentEntry(b"", 0, 0, "o-1", True, "", 0, 0, 0)


def state() -> OrderState:
    return OrderState("EUR", MICROS, 3, 100, 10, 40, 5)


def test_the_worked_example_of_the_decision() -> None:
    # Two shoes at 40 that cost 15 each, one belt at 20 that costs 8; 10 off; delivery costs 5.
    placed = OrderState("EUR", MICROS, 3, 100, 10, 38, 5)
    # The belt comes back: 18 returned to the customer, the belt is sold again.
    restated = placed.amended(refund(18, recovered=8, items=1))

    assert isinstance(restated, OrderState)
    assert (placed.shop_revenue_micros, placed.shop_profit_micros) == (90, 90 - 38 - 5)
    assert restated.shop_revenue_micros == 90
    assert restated.shop_net_revenue_micros == 72
    assert restated.shop_profit_micros == 72 - (38 - 8) - 5


def test_a_cancelled_order_never_was() -> None:
    cancelled = state().amended(CANCELLATION)

    assert isinstance(cancelled, OrderState)
    assert cancelled.cancelled
    assert (cancelled.shop_net_revenue_micros, cancelled.shop_profit_micros) == (0, 0)


def test_refunds_stay_within_what_was_paid() -> None:
    for amendment, field in (
        (refund(91), "goods_micros"),
        (refund(1, recovered=41), "recovered_cost_micros"),
        (refund(1, items=4), "items"),
    ):
        refused = state().amended(amendment)
        assert isinstance(refused, RefusedEvent)
        assert refused.field == f"amendment.refund.{field}"
    assert isinstance(state().amended(refund(90, recovered=40, items=3)), OrderState)


def test_a_refund_is_in_the_order_s_currency() -> None:
    refused = state().amended(refund(1, currency="USD"))

    assert isinstance(refused, RefusedEvent)
    assert refused.reason is RefusalReason.CURRENCY


@given(amounts=st.lists(st.integers(0, 30), max_size=6), order=st.randoms())
def test_refunds_restate_the_same_in_any_order(amounts: list[int], order: object) -> None:
    def restated(sequence: list[int]) -> OrderState:
        current = state()
        for amount in sequence:
            after = current.amended(refund(amount))
            current = current if isinstance(after, RefusedEvent) else after
        return current

    shuffled = [*amounts]
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    if sum(amounts) <= 90:
        assert restated(amounts) == restated(shuffled)
    assert restated(amounts).refunded_micros <= 90


@given(amount=st.integers(0, 10**17), rate=st.integers(1, 10**12))
def test_an_exchange_is_right_to_half_a_micro(amount: int, rate: int) -> None:
    exact = Fraction(amount) * rate / MICROS

    assert abs(exchanged(amount, rate) - exact) <= Fraction(1, 2)
