"""The meaning of money: an order's own arithmetic (docs/decisions/0003-money-and-the-ledger.md)."""

import random
from fractions import Fraction

import pytest
from fairlift_server.events.ledger import (
    AmendmentEntry,
    AmendmentKind,
    OrderContent,
    content_from_text,
    content_text,
    coupon_list,
)
from fairlift_server.events.order_standing import (
    PICOS,
    OrderStanding,
    exchanged,
    order_standing,
)
from hypothesis import given
from hypothesis import strategies as st


def content(
    goods: int = 100,
    *,
    discount: int = 10,
    cost: int = 40,
    items: int = 3,
    currency: str = "EUR",
    test: bool = False,
) -> OrderContent:
    return OrderContent(
        "v", currency, items, goods, discount, cost, 5, False, False, "", "", None, test, ()
    )  # fmt: skip


def refund(
    goods: int,
    *,
    at: int = 0,
    recovered: int = 0,
    items: int = 0,
    currency: str = "EUR",
    tax: int = 0,
    delivery: int = 0,
    running_total: bool = False,
    named: bytes = b"",
) -> AmendmentEntry:
    amounts = (goods, tax, delivery, recovered, items)
    kind = AmendmentKind.REFUND
    return AmendmentEntry(named, at, 0, "o-1", kind, currency, *amounts, running_total)


def other(kind: AmendmentKind, *, at: int = 0, named: bytes = b"x") -> AmendmentEntry:
    return AmendmentEntry(named, at, 0, "o-1", kind)


def correction(new: OrderContent, *, at: int = 0, named: bytes = b"c") -> AmendmentEntry:
    kind, text = AmendmentKind.CORRECTION, content_text(new)
    return AmendmentEntry(named, at, 0, "o-1", kind, new.currency_code, correction=text)


def standing(*amendments: AmendmentEntry, placed: OrderContent | None = None) -> OrderStanding:
    return order_standing(placed or content(), amendments, {"EUR": PICOS}.get)[0]


def contradicting(*amendments: AmendmentEntry) -> list[str]:
    return [
        why.field for why in order_standing(content(), amendments, {"EUR": PICOS}.get)[1].values()
    ]


def test_the_worked_example_of_the_decision() -> None:
    # Two shoes at 40 that cost 15 each, one belt at 20 that costs 8; 10 off; delivery costs 5.
    placed = standing(placed=content(cost=38))
    # The belt comes back: 18 returned to the customer, the belt is sold again.
    restated = standing(refund(18, recovered=8, items=1), placed=content(cost=38))

    assert (placed.figures.revenue, placed.figures.profit) == (90, 90 - 38 - 5)
    assert restated.figures.revenue == 90
    assert restated.figures.net_revenue == 72
    assert restated.figures.profit == 72 - (38 - 8) - 5


def test_a_cancelled_order_never_was() -> None:
    cancelled = standing(other(AmendmentKind.CANCELLATION))

    assert cancelled.cancelled
    assert (cancelled.figures.net_revenue, cancelled.figures.profit) == (0, 0)


def test_the_latest_of_cancellations_and_reopenings_holds() -> None:
    cancelled = other(AmendmentKind.CANCELLATION, at=1)
    reopened = other(AmendmentKind.REOPENING, at=2, named=b"y")
    again = other(AmendmentKind.CANCELLATION, at=3, named=b"z")

    assert not standing(reopened, cancelled).cancelled
    assert standing(again, reopened, cancelled).cancelled
    assert standing(cancelled, reopened, refund(20)).figures.net_revenue == 70


def test_a_refund_may_pay_back_more_than_the_goods() -> None:
    # 54.95 on goods of 50.00: the delivery of 4.95 was never revenue.
    placed = content(50_000_000, discount=0, cost=0, items=1)
    whole = standing(refund(50_000_000, delivery=4_950_000), placed=placed)

    assert (whole.figures.net_revenue, whole.refunded) == (0, True)


def test_money_back_for_delivery_alone_leaves_the_revenue_and_marks_the_order() -> None:
    late = standing(refund(0, delivery=5))

    assert (late.figures.net_revenue, late.refunded) == (90, True)
    assert not standing(refund(0, items=1)).refunded


def test_a_running_total_replaces_what_was_refunded_before() -> None:
    fifteen = refund(15, at=1, running_total=True)
    fifty = refund(50, at=2, running_total=True, named=b"2")

    assert standing(fifteen, fifty).refunded_micros == 50
    assert standing(fifty, fifteen).refunded_micros == 50
    assert standing(fifty, fifteen, refund(5, at=3, named=b"3")).refunded_micros == 55


def test_refunds_stay_within_what_was_paid() -> None:
    for amendment, field in (
        (refund(91), "goods_micros"),
        (refund(1, recovered=41), "recovered_cost_micros"),
        (refund(1, items=4), "items"),
        (refund(1, currency="USD"), "currency_code"),
    ):
        assert contradicting(amendment) == [f"amendment.refund.{field}"]
        assert standing(amendment).refunded_micros == 0
    assert contradicting(refund(90, recovered=40, items=3)) == []


def test_the_latest_correction_holds_but_for_the_date() -> None:
    small, large = content(50, discount=0), content(200, discount=0, test=True)

    corrected = standing(correction(large, at=2, named=b"2"), correction(small, at=1))

    assert corrected.content == large
    assert corrected.figures.revenue == 200


def test_refunds_are_judged_by_the_order_as_it_is_now() -> None:
    assert contradicting(refund(60), correction(content(50, discount=0), at=9)) == [
        "amendment.refund.goods_micros"
    ]
    assert contradicting(refund(120), correction(content(150, discount=0), at=9)) == []


def test_a_correction_without_a_rate_changes_nothing() -> None:
    foreign = correction(content(500, discount=0, currency="USD"))

    assert contradicting(foreign) == ["amendment.correction.currency_code"]
    assert standing(foreign).figures.revenue == 90


def test_a_correction_beyond_what_can_be_kept_changes_nothing() -> None:
    rates = {"EUR": PICOS, "BTC": 100_000 * PICOS}
    large = correction(content(10**13, discount=0, currency="BTC"))

    after, contradictions = order_standing(content(), [large], rates.get)

    assert after.figures.revenue == 90
    assert "must be worth at most" in contradictions[b"c"].message


@given(st.data())
def test_the_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    amounts = st.integers(0, 60)
    made = data.draw(
        st.lists(
            st.one_of(
                st.builds(refund, amounts, at=st.integers(0, 3), running_total=st.booleans()),
                st.builds(
                    other,
                    st.sampled_from([AmendmentKind.CANCELLATION, AmendmentKind.REOPENING]),
                    at=st.integers(0, 3),
                ),
                st.builds(
                    lambda goods, at: correction(content(goods, discount=0), at=at),
                    amounts,
                    st.integers(0, 3),
                ),
            ),
            max_size=8,
        )
    )
    amendments = [entry._replace(event_id=bytes([number])) for number, entry in enumerate(made)]
    shuffled = [*amendments]
    random.Random(data.draw(st.integers())).shuffle(shuffled)

    rates = {"EUR": PICOS}.get
    assert order_standing(content(), amendments, rates) == order_standing(
        content(), shuffled, rates
    )
    after, _ = order_standing(content(), amendments, rates)
    assert 0 <= after.refunded_micros <= after.content.ticket_micros


def test_a_content_comes_back_from_its_text() -> None:
    assert content_from_text(content_text(content(currency="USD"))) == content(currency="USD")


@pytest.mark.parametrize("codes", [["Straße"], ["STRASSE", "straße"]])
def test_coupons_are_compared_without_case(codes: list[str]) -> None:
    assert coupon_list(codes) == "\nstrasse\n"
    assert coupon_list([]) == ""


def test_weak_currencies_keep_their_digits() -> None:
    # 3,000,000 dong at 0.0000345 euros each.
    assert exchanged(3_000_000 * 10**6, 34_500_000) == 103_500_000


@given(amount=st.integers(-(10**17), 10**17), rate=st.integers(1, 10**18))
def test_an_exchange_is_right_to_half_a_micro(amount: int, rate: int) -> None:
    exact = Fraction(amount) * rate / PICOS

    assert abs(exchanged(amount, rate) - exact) <= Fraction(1, 2)
