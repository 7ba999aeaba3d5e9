"""What a storefront gets from its client, against a real server."""

import logging
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from fairlift import (
    Cancellation,
    Client,
    Correction,
    LineKind,
    OrderLine,
    Reason,
    Refund,
    Reopening,
    micros,
)
from fairlift.engine.assignment import Outcome, assignment
from fairlift.exposures import SeenExposures
from fairlift.v1 import event_service_pb2 as e

from tests.client.shop import Shop, connected, eventually, running, spring

SPAIN = {"country": "ES"}


# As a caller without a type checker would.
_line: Any = OrderLine


def test_visitor_gets_a_variant_with_its_payload(shop: Shop) -> None:
    with connected(shop) as client:
        decided = [client.assign("spring", f"v{i}", SPAIN) for i in range(200)]

    assert {each.variant for each in decided} == {"control", "treatment"}
    assert {each.reason for each in decided} == {Reason.ASSIGNED}
    treated = next(each for each in decided if each.variant == "treatment")
    assert treated.payload == {"threshold": 50}
    assert treated.value("threshold", 0) == 50
    assert treated.snapshot_age_s is not None
    assert 0 <= treated.snapshot_age_s < 60


def test_before_the_first_snapshot_the_default_is_answered_at_once() -> None:
    with Client("127.0.0.1:1") as client:
        started = time.perf_counter()
        decided = client.assign("spring", "v", SPAIN)
        other = client.assign("spring", "v", SPAIN, default="off")
        took_s = time.perf_counter() - started

        assert (decided.variant, decided.reason) == ("control", Reason.NOT_READY)
        assert other.variant == "off"
        assert decided.snapshot_age_s is None
        assert took_s < 0.05
        assert client.assign_all("v", SPAIN) == {}
        assert not client.wait_ready(0.01)
        assert client.stats().etag == ""


def test_unknown_campaign_gives_the_default(shop: Shop) -> None:
    with connected(shop) as client:
        decided = client.assign("sprnig", "v", SPAIN, default="off")

    assert (decided.variant, decided.reason) == ("off", Reason.UNKNOWN_CAMPAIGN)


@pytest.mark.parametrize(
    ("visitor", "attributes"),
    [(b"v", SPAIN), (7.5, SPAIN), ("v", "ES"), ("v", 5), ([1], SPAIN)],
)
def test_nonsense_gives_the_control_and_no_exception(
    shop: Shop, visitor: Any, attributes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(shop) as client:
        decided = client.assign("spring", visitor, attributes, expose=True)
        everything = client.assign_all(visitor, attributes, expose=True)

    assert (decided.variant, decided.reason) == ("control", Reason.ERROR)
    assert everything["spring"].reason is Reason.ERROR
    assert client.stats().errors == 2
    assert "could not be assigned" in caplog.text


def test_new_snapshot_is_used_without_a_restart(shop: Shop) -> None:
    with connected(shop) as client:
        assert client.assign("summer", "v").reason is Reason.UNKNOWN_CAMPAIGN
        shop.publish(spring("e2", running("summer")))

        assert eventually(lambda: client.assign("summer", "v").reason is Reason.ASSIGNED)
        assert client.stats().etag == "e2"


def test_stream_is_resumed_from_the_snapshot_held(shop: Shop) -> None:
    with connected(shop) as client:
        shop.stop()
        before = client.assign("spring", "v", SPAIN)
        shop.start()

        assert eventually(lambda: shop.streams >= 2, 20)
        assert shop.watched_etags[-1] == "e1"
        assert client.assign("spring", "v", SPAIN).variant == before.variant


def test_broken_campaign_leaves_the_others_alone(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    broken = spring("e2", running("summer"))
    broken.campaigns[1].campaign.audience.exists.SetInParent()
    shop.publish(broken)
    with connected(shop) as client:
        assert client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED
        assert client.assign("summer", "v", SPAIN).reason is Reason.ERROR
    assert "summer gives all visitors the control" in caplog.text


def test_exposure_is_recorded_once_per_unit_campaign_and_epoch(shop: Shop) -> None:
    attributes: Any = {"country": "ES", "cart_value": 49.5, "user": object(), "tags": ["a"]}
    with connected(shop) as client:
        decided = client.assign("spring", "v1", attributes, expose=True)
        assert not client.expose(decided)
        assert client.expose(client.assign("spring", "v2", SPAIN))
        client.assign("spring", "v1", attributes, expose=True)

    first, second = sorted(shop.of_kind("exposure"), key=lambda each: each.unit_id)
    assert (first.campaign, first.variant, first.unit_id, first.epoch) == (
        "campaigns/spring",
        decided.variant,
        "v1",
        1,
    )
    assert sorted(first.attributes) == ["cart_value", "country", "tags"]
    assert second.unit_id == "v2"


def test_exposure_that_is_none_is_counted_apart(shop: Shop) -> None:
    with connected(shop) as client:
        client.assign("spring", "v1", {"country": "RO"}, expose=True)
        client.assign("spring", "v2", {"country": "ES", "is_bot": True}, expose=True)
        client.assign("spring", "v3", {"country": "ES", "user_agent": "curl/8"}, expose=True)

        assert client.stats().not_counted == {"not_in_audience": 1, "bot": 2}
    assert shop.of_kind("exposure") == []


def test_everything_that_happened_arrives_as_it_was(shop: Shop) -> None:
    at = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
    with connected(shop) as client:
        client.action("v1", "add_to_cart", time=at)
        client.action("v1", "nps", 9)
        client.order(
            "v1",
            "o-1",
            [OrderLine("p", 2, micros("10.25"), micros("4"), LineKind.CROSS_SELL, "shoes")],
            currency="EUR",
            discount_micros=micros(1),
            coupon="X",
            shipping_cost_micros=5,
            first_purchase=False,
            channel="email",
            time=at,
        )
        client.amend("o-1", Refund(micros("5"), "EUR", recovered_cost_micros=3, items=1))
        client.amend("o-2", Cancellation())
        client.identify("v1", "c1")

    cart, nps = shop.of_kind("action")
    assert (cart.name, cart.unit_id, cart.HasField("value")) == ("add_to_cart", "v1", False)
    assert (nps.name, nps.value) == ("nps", 9.0)
    (order,) = shop.of_kind("order")
    assert (order.order_id, order.unit_id, order.currency_code) == ("o-1", "v1", "EUR")
    assert (order.discount_micros, order.coupons, order.channel) == (1_000_000, ["X"], "email")
    assert (order.shipping_cost_micros, order.first_purchase) == (5, False)
    assert order.HasField("first_purchase")
    (line,) = order.lines
    assert (line.product_id, line.quantity, line.unit_price_micros) == ("p", 2, 10_250_000)
    assert (line.unit_cost_micros, line.kind) == (4_000_000, e.LINE_KIND_CROSS_SELL)
    refund, cancellation = shop.of_kind("amendment")
    assert (refund.refund.goods_micros, refund.refund.currency_code) == (5_000_000, "EUR")
    assert (refund.refund.recovered_cost_micros, refund.refund.items) == (3, 1)
    assert cancellation.WhichOneof("kind") == "cancellation"
    (link,) = shop.of_kind("identity")
    assert (link.visitor_id, link.customer_id) == ("v1", "c1")
    times = {x.event_time.ToDatetime(tzinfo=UTC) for x in shop.events.values()}
    assert at in times


def test_all_that_can_become_of_an_order_arrives_as_it_was(shop: Shop) -> None:
    with connected(shop) as client:
        line = OrderLine("p", 1, micros(40))
        client.order("v", "o", [line], currency="EUR", coupon=["SPRING", "Staff"], test=True)
        client.amend("o", Correction("c", [line, line], "EUR", micros(5), "SPRING", channel="app"))
        client.amend("o", Refund(1, "EUR", tax_micros=2, delivery_micros=3, running_total=True))
        client.amend("o", Reopening())

    (order,) = shop.of_kind("order")
    assert (order.coupons, order.test) == (["SPRING", "Staff"], True)
    correction, refund, reopening = shop.of_kind("amendment")
    assert correction.correction == e.Order(
        unit_id="c",
        currency_code="EUR",
        lines=[*order.lines, *order.lines],
        discount_micros=5_000_000,
        coupons=["SPRING"],
        channel="app",
    )
    assert refund.refund == e.Refund(
        currency_code="EUR", goods_micros=1, tax_micros=2, delivery_micros=3, running_total=True
    )
    assert reopening.WhichOneof("kind") == "reopening"


@pytest.mark.parametrize(
    "record",
    [
        lambda client: client.action("v", 5),
        lambda client: client.order("v", "o", [_line("p", "two", 1)], currency="EUR"),
        lambda client: client.order("v", "o", [_line("p", 1, 1, kind="gift")], currency="EUR"),
        lambda client: client.order("v", "o", [OrderLine("p", 2**40, 1)], currency="EUR"),
        lambda client: client.order("v", "o", None, currency="EUR"),
        lambda client: client.amend("o", "refund"),
        lambda client: client.identify("v", "\ud800"),
    ],
)
def test_event_that_cannot_be_made_is_told_and_breaks_nothing(
    shop: Shop, record: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(shop) as client:
        record(client)

        assert client.stats().errors == 1
    assert shop.events == {}
    assert "cannot be sent and is lost" in caplog.text


def test_customer_keeps_the_variant_of_the_first_visit(shop: Shop) -> None:
    with connected(shop) as client:
        at_home = client.assign("spring", "home", SPAIN)
        others = (f"phone-{i}" for i in range(100))
        phone = next(
            x for x in others if client.assign("spring", x, SPAIN).variant != at_home.variant
        )
        client.identify("home", "ana")
        client.identify(phone, "ana")

        on_the_phone = client.assign("spring", phone, SPAIN, customer="ana")

    assert (on_the_phone.variant, on_the_phone.unit) == (at_home.variant, "home")


def test_first_seen_may_live_in_the_shop(shop: Shop) -> None:
    known = {"ana": "home"}
    with connected(shop, first_seen=known) as client:
        assert client.assign("spring", "elsewhere", SPAIN, customer="ana").unit == "home"
        client.identify("tablet", "eva")
    assert known == {"ana": "home", "eva": "tablet"}


def test_stale_snapshot_is_told_and_then_fresh_again(shop: Shop) -> None:
    with connected(shop, stale_after_s=0.5) as client:
        before = client.assign("spring", "v", SPAIN)
        shop.stop()

        assert eventually(lambda: client.assign("spring", "v", SPAIN).reason is Reason.STALE)
        stale = client.assign("spring", "v", SPAIN)
        assert stale.variant == before.variant
        assert client.expose(stale)
        shop.start()
        assert eventually(lambda: client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED, 20)


def test_token_goes_with_every_call(shop: Shop) -> None:
    tokens = iter(["one", "two", "three", "four"])
    with connected(shop, token=lambda: next(tokens)) as client:
        assert shop.metadata["authorization"] == "Bearer one"
        client.action("v", "x")
        assert client.flush()
        assert shop.metadata["authorization"] == "Bearer two"


def test_closed_client_decides_on_and_a_second_close_does_nothing(shop: Shop) -> None:
    client = connected(shop)
    client.close()
    client.close()

    assert client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED


def test_no_thread_is_left_behind(shop: Shop) -> None:
    before = set(threading.enumerate())
    with connected(shop) as client:
        client.assign("spring", "v", SPAIN, expose=True)

    assert eventually(
        lambda: not [t for t in set(threading.enumerate()) - before if "fairlift" in t.name]
    )


def test_client_that_is_dropped_still_delivers(shop: Shop) -> None:
    connected(shop).assign("spring", "v", SPAIN, expose=True)

    assert eventually(lambda: len(shop.of_kind("exposure")) == 1)


def test_memory_of_exposures_is_bounded() -> None:
    seen = SeenExposures(1_000)
    outcome = Outcome("c", "a", {}, Reason.ASSIGNED)
    units = [assignment(outcome, f"v{i}", {}, 0.0) for i in range(20_000)]
    tracemalloc.start()
    news = sum(seen.is_news(each) for each in units)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert news == 20_000
    assert kept < 500 * 1_000
    assert not any(seen.is_news(each) for each in units[-500:])
    seen.forget(units[-1])
    assert seen.is_news(units[-1])


def test_silence_of_the_server_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fairlift")
    with Client("127.0.0.1:1") as client:
        client.action("v", "x")
        eventually(lambda: client.stats().retries > 3, 5)
        client.close(0.1)
    assert caplog.text.count("sending failed") == 1
    assert "1 events are lost" in caplog.text
    assert "UNAVAILABLE" in client.stats().problem
