"""What the SDK cannot send is logged with its field, its value and what to do instead."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fairlift import Cancellation, Client, Correction, OrderLine, Reason, Refund, event_messages
from fairlift.engine.assignment import Outcome, assignment

TIME_S = 1_800_000_000.0
LINE = OrderLine("sku-1", 1, 1_000_000)
HALF = "u\ud800"


def _order(client: Any, *lines: Any, **fields: Any) -> None:
    client.order("v", "o-1", list(lines) or [LINE], **{"currency": "EUR", **fields})


# The call, and the words that its line of the log must have.
CASES: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
    "no change": (
        lambda client: client.amend("x", None),
        ("change is None", "must be a Refund, a Cancellation, a Reopening or a Correction"),
    ),
    "a class as the change": (
        lambda c: c.amend("x", Cancellation),
        ("change is <class", "must be"),
    ),
    "no lines": (
        lambda c: c.order("v", "o", None, currency="EUR"),
        ("lines is None", "must be a list of OrderLine"),
    ),
    "an empty list": (
        lambda c: c.order("v", "o", [], currency="EUR"),
        ("lines is empty", "must have 1 to 1,000", "OrderLine("),
    ),
    "a line that is none": (
        lambda c: _order(c, "sku-1"),
        ("lines[0] is 'sku-1'", "must be an OrderLine"),
    ),
    "a price beyond the wire": (
        lambda c: _order(c, OrderLine("sku-1", 1, 2**70)),
        (f"lines[0].unit_price_micros is {2**70}", f"must be {-(2**63)} to {2**63 - 1}"),
    ),
    "a price of endless digits": (
        lambda c: _order(c, LINE, OrderLine("sku-1", 1, 10**5_000)),
        ("lines[1].unit_price_micros is a int", "must be"),
    ),
    "a quantity beyond the wire": (
        lambda c: _order(c, OrderLine("sku-1", 2**40, 1)),
        (f"lines[0].quantity is {2**40}", f"must be {-(2**31)} to {2**31 - 1}"),
    ),
    "a price that is a float": (
        lambda c: _order(c, OrderLine("sku-1", 1, 24.95)),  # type: ignore[arg-type]  # wrong
        ("lines[0].unit_price_micros is 24.95", 'micros("24.95")'),
    ),
    "a kind that is none": (
        lambda c: _order(c, OrderLine("sku-1", 1, 1, kind="gift")),  # type: ignore[arg-type]  # wrong
        ("lines[0].kind is 'gift'", "must be one of regular, upsell, cross_sell"),
    ),
    "half a surrogate pair in a unit": (
        lambda c: c.order(HALF, "o", [LINE], currency="EUR"),
        (r"unit is 'u\ud800'", "UTF-8", 'errors="replace"'),
    ),
    "half a surrogate pair in a visitor": (
        lambda c: c.identify(HALF, "c"),
        (r"visitor is 'u\ud800'",),
    ),
    "half a surrogate pair in a coupon": (
        lambda c: _order(c, coupon=["A", HALF]),
        (r"coupon[1] is 'u\ud800'", "UTF-8"),
    ),
    "no currency": (lambda c: _order(c, currency=None), ("currency is None", "must be a text")),
    "a channel that is a number": (lambda c: _order(c, channel=7), ("channel is 7", "a text")),
    "coupons that are a number": (lambda c: _order(c, coupon=7), ("coupon is 7", "list of texts")),
    "a test that is a word": (lambda c: _order(c, test="yes"), ("test is 'yes'", "True or False")),
    "a first purchase of several": (
        lambda c: _order(c, first_purchase=np.array([True, False])),
        ("first_purchase is array", "True or False"),
    ),
    "a name that is a number": (lambda c: c.action("v", 5), ("name is 5", "must be a text")),
    "a value that is a word": (
        lambda c: c.action("v", "nps", "nine"),
        ("value is 'nine'", "must be a number"),
    ),
    "a time that is a word": (
        lambda c: c.action("v", "view", time="now"),
        ("time is 'now'", "must be a datetime"),
    ),
    "a rate beyond the wire": (
        lambda c: c.exchange_rate("USD", 10**9),
        (f"rate is {10**21} picos", f"{2**63 - 1}"),
    ),
    "a rate without end": (
        lambda c: c.exchange_rate("USD", "Infinity"),
        ("rate: Infinity is not",),
    ),
    "a refund without currency": (
        lambda c: c.amend("x", Refund(1, None)),  # type: ignore[arg-type]  # wrong
        ("currency is None", "must be a text"),
    ),
    "a correction without lines": (
        lambda c: c.amend("x", Correction("v", [], "EUR")),
        ("lines is empty", "must have 1 to 1,000"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_names_field_value_and_remedy(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    record, words = CASES[case]
    client = Client("127.0.0.1:1")
    with caplog.at_level(logging.WARNING, "fairlift"):
        record(client)
    stats = client.stats()
    client.close(0.0)

    (line,) = (r.getMessage() for r in caplog.records if "cannot be sent" in r.getMessage())
    assert [word for word in words if word not in line] == []
    assert (stats.refused, stats.waiting) == ({"unsendable": 1}, 0)


def test_what_can_be_read_as_a_flag_or_a_number_is() -> None:
    fields = event_messages.OrderFields("v", [LINE], "EUR", first_purchase=np.True_, test=1)  # type: ignore[arg-type]  # as callers without a type checker
    order = event_messages.order("o", fields, TIME_S).order

    assert (order.first_purchase, order.test) == (True, True)
    action = event_messages.action("v", "nps", np.int64(9), TIME_S).action  # type: ignore[arg-type]  # likewise
    assert action.value == 9.0


def test_an_exposure_that_cannot_be_sent_names_its_unit() -> None:
    outcome = Outcome("spring", "control", {}, Reason.ASSIGNED)

    with pytest.raises(ValueError, match=r"unit is 'u\\ud800', holds half of a surrogate pair"):
        event_messages.exposure(assignment(outcome, HALF, {}, TIME_S))
