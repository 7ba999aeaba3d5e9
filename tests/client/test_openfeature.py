"""Fairlift as OpenFeature sees it."""

from collections.abc import Iterator
from typing import Any

import pytest
from fairlift import Client, OrderLine
from fairlift.engine.campaign import Lifecycle, State, UnitKind, Variant
from fairlift.openfeature import FairliftProvider
from fairlift_cli.audience.parser import parse
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from tests.client.shop import Shop, running, spring

PAYLOAD: dict[str, Any] = {
    "threshold": 50,
    "share": 0.5,
    "text": "hi",
    "on": True,
    "list": [1],
    "map": {"a": 1},
}


@pytest.fixture
def flags(shop: Shop) -> Iterator[OpenFeatureClient]:
    """A client of OpenFeature whose visitor `tester` gets the treatment of `rich`."""
    rich = running(
        "rich",
        variants=(Variant("control"), Variant("treatment", payload=PAYLOAD)),
        overrides={"tester": "treatment", "other": "control"},
    )
    paused = running("paused", lifecycle=Lifecycle(state=State.PAUSED))
    people = running("people", unit=UnitKind.CUSTOMER, audience=parse("exists(customer_id)"))
    shop.publish(spring("e2", rich, paused, people))
    api.set_provider_and_wait(FairliftProvider(Client(shop.target), ready_s=10))
    yield api.get_client()
    api.shutdown()


TESTER = EvaluationContext("tester")
NO_KEY = ErrorCode.TARGETING_KEY_MISSING


def test_flag_of_every_type_is_answered(flags: OpenFeatureClient) -> None:
    assert flags.get_string_value("rich", "", TESTER) == "treatment"
    assert flags.get_boolean_value("rich", False, TESTER) is True
    assert flags.get_object_value("rich", {}, TESTER) == PAYLOAD
    assert flags.get_integer_value("rich.threshold", 0, TESTER) == 50
    assert flags.get_float_value("rich.threshold", 0.0, TESTER) == 50.0
    assert flags.get_float_value("rich.share", 0.0, TESTER) == 0.5
    assert flags.get_string_value("rich.text", "", TESTER) == "hi"
    assert flags.get_boolean_value("rich.on", False, TESTER) is True
    assert flags.get_object_value("rich.list", [], TESTER) == [1]
    assert flags.get_object_value("rich.map", {}, TESTER) == {"a": 1}


@pytest.mark.parametrize(
    ("ask", "key", "default"),
    [
        ("integer", "rich.share", 7),
        ("integer", "rich.text", 7),
        ("integer", "rich.on", 7),
        ("boolean", "rich.threshold", False),
        ("string", "rich.threshold", "x"),
        ("object", "rich.text", {}),
        ("integer", "rich", 7),
        ("float", "rich", 7.0),
    ],
)
def test_wrong_type_gives_the_default_and_says_so(
    flags: OpenFeatureClient, ask: str, key: str, default: Any
) -> None:
    details = getattr(flags, f"get_{ask}_details")(key, default, TESTER)

    assert details.value == default
    assert details.error_code is ErrorCode.TYPE_MISMATCH


def test_control_without_a_payload_means_the_codes_own_default(flags: OpenFeatureClient) -> None:
    details = flags.get_integer_details("rich.threshold", 30, EvaluationContext("other"))

    assert (details.value, details.variant, details.error_code) == (30, "control", None)
    assert flags.get_boolean_value("rich", True, EvaluationContext("other")) is False


@pytest.mark.parametrize(
    ("key", "context", "reason", "code"),
    [
        ("spring", EvaluationContext("v", {"country": "ES"}), Reason.SPLIT, None),
        ("spring", EvaluationContext("v", {"country": "RO"}), Reason.DEFAULT, None),
        ("rich", TESTER, Reason.TARGETING_MATCH, None),
        ("paused", TESTER, Reason.DISABLED, None),
        ("people", EvaluationContext("v", {"customer_id": "c"}), Reason.SPLIT, None),
        ("nowhere", TESTER, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
        ("spring", None, Reason.ERROR, NO_KEY),
        (
            "spring",
            EvaluationContext(None, {"country": "ES"}),
            Reason.ERROR,
            ErrorCode.TARGETING_KEY_MISSING,
        ),
        (
            "people",
            EvaluationContext("v", {"customer_id": 5.5}),
            Reason.ERROR,
            ErrorCode.TARGETING_KEY_MISSING,
        ),
    ],
)
def test_reason_is_told_in_the_words_of_the_standard(
    flags: OpenFeatureClient,
    key: str,
    context: EvaluationContext | None,
    reason: Reason,
    code: ErrorCode | None,
) -> None:
    details = flags.get_string_details(key, "default", context)

    assert (details.reason, details.error_code) == (reason, code)
    if code is None:
        assert details.variant in ("control", "treatment")
        assert details.flag_metadata["campaign"] == key


def test_before_the_first_snapshot_the_provider_is_not_ready() -> None:
    provider = FairliftProvider(Client("127.0.0.1:1"), ready_s=0.01)
    with pytest.raises(ProviderNotReadyError, match=r"no snapshot in 0.01 s"):
        provider.initialize(EvaluationContext())

    details = provider.resolve_string_details("spring", "default", TESTER)
    provider.shutdown()

    assert (details.value, details.error_code) == ("default", ErrorCode.PROVIDER_NOT_READY)


@pytest.mark.parametrize(("expose", "count"), [(True, 1), (False, 0)])
def test_evaluation_is_an_exposure_unless_told_otherwise(
    shop: Shop, expose: bool, count: int
) -> None:
    provider = FairliftProvider(Client(shop.target), expose=expose)
    provider.initialize(EvaluationContext())
    for _ in range(3):
        provider.resolve_string_details("spring", "", EvaluationContext("v", {"country": "ES"}))
    provider.shutdown()

    assert len(shop.of_kind("exposure")) == count


def test_tracking_records_actions_and_orders(shop: Shop, flags: OpenFeatureClient) -> None:
    known = EvaluationContext("v", {"customer_id": "c"})
    line = {"product_id": "p", "quantity": 2, "unit_price_micros": 5_000_000, "kind": "upsell"}
    details: dict[str, Any] = {"order_id": "o1", "currency": "EUR", "lines": [line], "coupon": "X"}

    flags.track("newsletter", EvaluationContext("v"))
    flags.track("nps", known, TrackingEventDetails(9))
    flags.track("order", known, TrackingEventDetails(attributes=details))
    short: dict[str, Any] = {"order_id": "o2", "currency": "EUR"}
    flags.track("order", known, TrackingEventDetails(49.9, attributes=short))
    flags.track("order", known, TrackingEventDetails(attributes={"lines": [{"oops": 1}]}))
    api.shutdown()

    newsletter, nps = shop.of_kind("action")
    assert (newsletter.name, newsletter.unit_id, newsletter.HasField("value")) == (
        "newsletter",
        "v",
        False,
    )
    assert (nps.name, nps.unit_id, nps.value) == ("nps", "c", 9.0)
    whole, one_line = shop.of_kind("order")
    assert (whole.order_id, whole.unit_id, whole.coupons) == ("o1", "c", ["X"])
    assert whole.lines[0].quantity == 2
    assert one_line.lines[0].unit_price_micros == 49_900_000


def test_object_of_a_variant_without_a_payload_is_the_codes_own_default(
    flags: OpenFeatureClient,
) -> None:
    details = flags.get_object_details("rich", {"threshold": 30}, EvaluationContext("other"))

    assert (details.value, details.variant) == ({"threshold": 30}, "control")
    assert details.error_code is None


def test_visitor_and_customer_are_told_to_be_one_once(shop: Shop) -> None:
    provider = FairliftProvider(Client(shop.target))
    provider.initialize(EvaluationContext())
    for _ in range(3):
        both = EvaluationContext("v", {"country": "ES", "customer_id": "c"})
        provider.resolve_string_details("spring", "", both)
        provider.track("newsletter", both)
    provider.track("newsletter", EvaluationContext("w", {"customer_id": "d"}))
    for alone in (
        EvaluationContext("x"),
        EvaluationContext(None, {"customer_id": "e"}),
        EvaluationContext("same", {"customer_id": "same"}),
        EvaluationContext("y", {"customer_id": 5.5}),
    ):
        provider.track("newsletter", alone)
    provider.shutdown()

    links = [(each.visitor_id, each.customer_id) for each in shop.of_kind("identity")]
    assert sorted(links) == [("v", "c"), ("w", "d")]


def test_memory_of_who_is_who_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlift.openfeature._REMEMBERED", 10)
    client = Client("127.0.0.1:1")
    provider = FairliftProvider(client)
    for number in range(100):
        provider.track("newsletter", EvaluationContext(f"v{number}", {"customer_id": "c"}))

    assert len(provider._linked) <= 10
    assert client.stats().waiting == 200
    client.close(0)


def test_everything_that_an_order_has_can_be_tracked(shop: Shop, flags: OpenFeatureClient) -> None:
    whole: dict[str, Any] = {
        "order_id": "o1",
        "currency": "EUR",
        "lines": [OrderLine("p", 2, 5_000_000, category="shoes")],
        "discount_micros": 1_000_000,
        "shipping_cost_micros": 3_000_000.0,
        "coupon": ["X", "Y"],
        "first_purchase": False,
        "channel": "app",
        "test": True,
    }
    flags.track("order", EvaluationContext("v"), TrackingEventDetails(attributes=whole))
    api.shutdown()

    (order,) = shop.of_kind("order")
    assert (order.lines[0].product_id, order.lines[0].category) == ("p", "shoes")
    assert (order.discount_micros, order.shipping_cost_micros) == (1_000_000, 3_000_000)
    assert (order.coupons, order.channel, order.test) == (["X", "Y"], "app", True)
    assert (order.first_purchase, order.HasField("first_purchase")) == (False, True)


def test_what_cannot_be_read_is_told_once_and_costs_no_order(
    shop: Shop, flags: OpenFeatureClient, caplog: pytest.LogCaptureFixture
) -> None:
    wrong: dict[str, Any] = {
        "currency": "EUR",
        "lines": [{"product_id": "p", "quantity": 1, "unit_price_micros": 1, "size": "L"}],
        "discount_micros": "a lot",
        "first_purchase": 1,
        "shipping": 3,
    }
    for number in range(2):
        details = TrackingEventDetails(attributes=wrong | {"order_id": f"o{number}"})
        flags.track("order", EvaluationContext("v"), details)
    api.shutdown()

    assert [each.order_id for each in shop.of_kind("order")] == ["o0", "o1"]
    for told in (
        "discount_micros is 'a lot' and is ignored; it must be of type int",
        "first_purchase is 1 and is ignored; it must be of type bool",
        "shipping is not known and is ignored; known are order_id, currency,",
        "lines: size is not known and is ignored; known are product_id,",
    ):
        assert caplog.text.count(told) == 1


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"currency": "EUR"}, "order_id is missing"),
        ({"order_id": "o"}, "currency is missing"),
        ({"order_id": "o", "currency": "EUR", "lines": "two"}, "lines is 'two', must be a list"),
        ({"order_id": "o", "currency": "EUR", "lines": [3]}, "a line is 3, must be an OrderLine"),
        ({"order_id": "o", "currency": "EUR", "lines": [{"quantity": 1}]}, "missing"),
    ],
)
def test_order_that_cannot_be_read_is_told(
    flags: OpenFeatureClient,
    attributes: dict[str, Any],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    flags.track("order", EvaluationContext("v"), TrackingEventDetails(attributes=attributes))

    assert "an event of kind order cannot be sent and is lost" in caplog.text
    assert why in caplog.text


def test_order_without_lines_and_value_counts_and_is_told(
    shop: Shop, flags: OpenFeatureClient, caplog: pytest.LogCaptureFixture
) -> None:
    details = TrackingEventDetails(attributes={"order_id": "o", "currency": "EUR"})
    flags.track("order", EvaluationContext("v"), details)
    api.shutdown()

    assert len(shop.of_kind("order")) == 1
    assert "the order counts with amount 0" in caplog.text


def test_provider_has_a_name() -> None:
    client = Client("127.0.0.1:1")
    provider = FairliftProvider(client)
    assert provider.get_metadata().name == "fairlift"
    provider.shutdown()
