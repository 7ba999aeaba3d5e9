"""Ids that shops have: texts, whole numbers and UUIDs arrive; anything else is refused by name."""

import logging
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fairlift import Cancellation, Client, OrderLine, Reason, Refund
from fairlift.openfeature import FairliftProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.track import TrackingEventDetails

from tests.client.shop import Shop

SPAIN = {"country": "ES"}
A_UUID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
IDS = [(7, "7"), (0, "0"), (np.int64(7), "7"), (A_UUID, str(A_UUID)), ("é", "é")]
# Each reads as an id to a person, and would be another text on another day or machine.
NO_IDS = [7.0, True, Decimal(7), b"7", ["7"]]


@pytest.fixture
def client(shop: Shop) -> Any:
    with Client(shop.target) as connected:
        assert connected.wait_ready(10)
        yield connected


@pytest.mark.parametrize(("raw", "text"), IDS)
def test_id_is_its_text_in_decisions_and_events(
    shop: Shop, client: Client, raw: Any, text: str
) -> None:
    assigned = client.assign("spring", raw, SPAIN, expose=True)
    everywhere = client.assign_all(raw, SPAIN)["spring"]
    client.action(raw, "view")
    client.order(raw, raw, [OrderLine(raw, 1, 1_000_000)], currency="EUR")
    client.amend(raw, Cancellation())
    client.identify("visitor", raw)
    assert client.flush(10)

    assert assigned.reason is Reason.ASSIGNED
    assert assigned.unit == text
    assert assigned.variant == client.assign("spring", text, SPAIN).variant == everywhere.variant
    assert [message.unit_id for message in shop.of_kind("exposure")] == [text]
    assert [message.unit_id for message in shop.of_kind("action")] == [text]
    (order,) = shop.of_kind("order")
    assert (order.unit_id, order.order_id, order.lines[0].product_id) == (text, text, text)
    assert [message.order_id for message in shop.of_kind("amendment")] == [text]
    assert [message.customer_id for message in shop.of_kind("identity")] == [text]
    assert client.stats().refused == {}


@pytest.mark.parametrize(("raw", "text"), IDS)
def test_thin_client_sends_the_same_text(shop: Shop, raw: Any, text: str) -> None:
    with Client(shop.target, decide="server", timeout_s=5) as thin:
        assigned = thin.assign("spring", raw, SPAIN)

    assert (assigned.reason, assigned.unit) == (Reason.ASSIGNED, text)


def test_customer_who_is_a_number_keeps_the_variant_of_the_first_visit(client: Client) -> None:
    for number in range(50):
        before = client.assign("spring", f"device-{number}", SPAIN)
        client.identify(f"device-{number}", number)
        after = client.assign("spring", f"other-device-{number}", SPAIN, customer=number)
        assert after.variant == before.variant
        assert after.unit == f"device-{number}"


@pytest.mark.parametrize("raw", NO_IDS)
def test_what_is_no_id_is_refused_by_name_and_counted(
    client: Client, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "fairlift"):
        assigned = client.assign("spring", raw, SPAIN, expose=True)
        client.order("v", "o", [OrderLine("p", 1, 1), OrderLine(raw, 1, 1)], currency="EUR")
        client.action(raw, "view")

    assert (assigned.variant, assigned.reason) == ("control", Reason.ERROR)
    assert client.stats().refused == {"unsendable": 2}
    assert f"lines[1].product_id: the id {raw!r} must be a text, a whole number or a UUID" in (
        caplog.text
    )
    assert "pass it as str(…)" in caplog.text


def test_every_lost_event_is_counted_though_only_the_first_are_logged(client: Client) -> None:
    for _ in range(500):
        client.action(1.5, "view")  # type: ignore[arg-type]  # that is the mistake

    assert client.stats().refused == {"unsendable": 500}


@pytest.mark.parametrize("amount", [24.95, Decimal("24.95"), "24.95", None])
def test_amount_that_is_not_in_micros_is_refused_by_name_with_the_remedy(
    client: Client, amount: Any, caplog: pytest.LogCaptureFixture
) -> None:
    line = OrderLine("sku-1", 2, 24_950_000)
    with caplog.at_level(logging.WARNING, "fairlift"):
        client.order("v", "o", [line, OrderLine("sku-1", 2, amount)], currency="EUR")
        client.order("v", "o", [line], currency="EUR", discount_micros=amount)
        client.amend("o", Refund(amount, "EUR"))
        client.order("v", "o", [OrderLine("sku-1", amount, 24_950_000)], currency="EUR")

    assert client.stats().refused == {"unsendable": 4}
    remedy = f'is {amount!r}, must be a whole number of micros, such as micros("24.95")'
    for field in ("lines[1].unit_price_micros", "discount_micros", "goods_micros"):
        assert f"{field} {remedy}" in caplog.text
    assert f"lines[0].quantity is {amount!r}, must be a whole number" in caplog.text


@pytest.mark.parametrize(("raw", "text"), [(7, "7"), (A_UUID, str(A_UUID))])
def test_openfeature_takes_customers_and_orders_that_are_numbers(
    shop: Shop, raw: Any, text: str
) -> None:
    client = Client(shop.target)
    provider = FairliftProvider(client, ready_s=10)
    provider.initialize(EvaluationContext())
    context = EvaluationContext("visitor", {"customer_id": raw})
    order = {"order_id": raw, "currency": "EUR"}

    provider.track("order", context, TrackingEventDetails(9.5, order))
    provider.shutdown()

    (sent,) = shop.of_kind("order")
    assert (sent.unit_id, sent.order_id) == (text, text)
    (link,) = shop.of_kind("identity")
    assert (link.visitor_id, link.customer_id) == ("visitor", text)


def test_openfeature_counts_an_order_that_cannot_be_read(shop: Shop) -> None:
    client = Client(shop.target)
    provider = FairliftProvider(client, ready_s=10)
    provider.initialize(EvaluationContext())

    provider.track("order", EvaluationContext("v"), TrackingEventDetails(1, {"currency": "EUR"}))

    assert client.stats().refused == {"unsendable": 1}
    provider.shutdown()
