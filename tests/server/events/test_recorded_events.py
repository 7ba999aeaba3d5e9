"""Every kind of bad input, each through gRPC: a clear error, or a defined meaning."""

from datetime import timedelta

import grpc
import pytest
from fairlift.v1 import campaign_service_pb2, event_service_pb2
from fairlift.v1.event_service_pb2 import (
    EVENT_STATUS_ACCEPTED,
    EVENT_STATUS_DUPLICATE,
    EVENT_STATUS_PARKED,
    EVENT_STATUS_REFUSED,
    Event,
    RefusalReason,
)

from tests.server import shop
from tests.server.client import Caller, details
from tests.server.events.outcomes import refusal, waits

UNITS = ("visitor-1", "ñandú-42", "访客一号", "🦄", "a b", "x" * 256)


@pytest.fixture(autouse=True)
async def campaign(caller: Caller) -> None:
    await caller.start(shop.campaign())


@pytest.mark.parametrize("unit", UNITS)
async def test_any_unicode_id_up_to_256_characters_is_taken(caller: Caller, unit: str) -> None:
    outcomes = await caller.record(shop.exposure(unit), shop.order(unit, f"o-{unit}"[:256]))

    assert [outcome.status for outcome in outcomes] == [EVENT_STATUS_ACCEPTED] * 2


@pytest.mark.parametrize(
    ("unit", "says"),
    [("", "has 0 characters"), ("é" * 300, "has 300 characters, must have 1 to 256"),
     ("a\nb", "control character '\\n'"), ("a\x7fb", "control character")],
)  # fmt: skip
async def test_ids_out_of_shape_are_refused(caller: Caller, unit: str, says: str) -> None:
    for event in (shop.exposure(unit), shop.order(unit, "o-1"), shop.action(unit, "view")):
        outcome = await refusal(caller, event)
        assert outcome.reason == RefusalReason.REFUSAL_REASON_INVALID
        assert outcome.field.endswith("unit_id")
        assert says in outcome.message


async def test_an_exposure_of_an_unknown_campaign_is_parked(caller: Caller) -> None:
    outcome = await waits(caller, shop.exposure("v", campaign="campaigns/summer"))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_UNKNOWN_CAMPAIGN
    assert "'summer' does not exist" in outcome.message


async def test_a_campaign_is_named_with_its_collection(caller: Caller) -> None:
    outcome = await refusal(caller, shop.exposure("v", campaign="free-shipping"))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_INVALID
    assert "must be campaigns/" in outcome.message


async def test_an_exposure_to_an_unknown_variant_is_refused(caller: Caller) -> None:
    outcome = await refusal(caller, shop.exposure("v", "blue"))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_UNKNOWN_VARIANT
    assert "its variants are control, free" in outcome.message


@pytest.mark.parametrize("epoch", [0, -1])
async def test_an_exposure_of_an_unknown_epoch_is_refused(caller: Caller, epoch: int) -> None:
    outcome = await refusal(caller, shop.exposure("v", epoch=epoch))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_UNKNOWN_EPOCH


async def test_exposures_count_only_while_the_campaign_runs(caller: Caller) -> None:
    name = "campaigns/free-shipping"
    await caller.campaigns.PauseCampaign(campaign_service_pb2.PauseCampaignRequest(name=name))

    paused = await refusal(caller, shop.exposure("v"))
    await caller.campaigns.ResumeCampaign(campaign_service_pb2.ResumeCampaignRequest(name=name))
    (resumed,) = await caller.record(shop.exposure("v"))

    assert paused.reason == RefusalReason.REFUSAL_REASON_NOT_RUNNING
    assert resumed.status == EVENT_STATUS_ACCEPTED


@pytest.mark.parametrize("ended", ["paused", "stopped"])
async def test_an_exposure_that_comes_late_counts_for_the_time_when_it_happened(
    caller: Caller, ended: str
) -> None:
    name = "campaigns/free-shipping"
    met = shop.exposure("v", at=shop.now() - timedelta(seconds=1))
    if ended == "paused":
        await caller.campaigns.PauseCampaign(campaign_service_pb2.PauseCampaignRequest(name=name))
    else:
        await caller.campaigns.StopCampaign(campaign_service_pb2.StopCampaignRequest(name=name))

    (late, after) = await caller.record(met, shop.exposure("w"))

    assert late.status == EVENT_STATUS_ACCEPTED
    assert after.reason == RefusalReason.REFUSAL_REASON_NOT_RUNNING


async def test_an_event_of_the_future_is_parked_beyond_five_minutes(caller: Caller) -> None:
    soon = shop.exposure("v", at=shop.now() + timedelta(minutes=4))
    later = shop.exposure("v", at=shop.now() + timedelta(minutes=6))

    (near, far) = await caller.record(soon, later)

    assert near.status == EVENT_STATUS_ACCEPTED
    assert far.status == EVENT_STATUS_PARKED
    assert far.reason == RefusalReason.REFUSAL_REASON_IN_THE_FUTURE
    assert "ahead of the server's clock" in far.message


async def test_history_is_taken_up_to_a_limit(caller: Caller) -> None:
    old = shop.order("v", "o-1", at=shop.now() - timedelta(days=399))
    older = shop.order("v", "o-2", at=shop.now() - timedelta(days=401))

    (taken, refused) = await caller.record(old, older)

    assert taken.status == EVENT_STATUS_ACCEPTED
    assert refused.reason == RefusalReason.REFUSAL_REASON_TOO_OLD


def _without_time() -> Event:
    message = shop.exposure("v")
    message.ClearField("event_time")
    return message


def _with_negative_price() -> Event:
    return shop.order("v", "o-1", shop.line(-1))


def _with_two_kinds_of_nothing() -> Event:
    message = shop.event()
    message.amendment.order_id = "o-1"
    return message


BAD = {
    "not a uuid": (shop.exposure("v", named="7"), "event_id", "must be a UUID"),
    "a uuid with a space": (
        shop.exposure("v", named="01890a5d ac96-774b-bcce-b302099a8057"),
        "event_id",
        "must be a UUID",
    ),
    "a uuid with its hyphens shifted": (
        shop.exposure("v", named="01890a5d0-ac9-774b-bcce-b302099a8057"),
        "event_id",
        "must be a UUID",
    ),
    "no time": (_without_time(), "event_time", "is missing"),
    "no kind": (shop.event(), "", "contains no event"),
    "negative price": (_with_negative_price(), "order.lines[0].unit_price_micros", "refund"),
    "negative cost": (
        shop.order("v", "o", shop.line(1, cost=-1)),
        "order.lines[0].unit_cost_micros",
        "must be 0",
    ),
    "negative shipping": (
        shop.order("v", "o", shipping=-1),
        "order.shipping_cost_micros",
        "must be 0",
    ),
    "no quantity": (
        shop.order("v", "o", shop.line(1, quantity=0)),
        "order.lines[0].quantity",
        "must be 1",
    ),
    "discount above the lines": (
        shop.order("v", "o", discount=51),
        "order.discount_micros",
        "50000000",
    ),
    "negative discount": (shop.order("v", "o", discount=-1), "order.discount_micros", "must be 0"),
    "sum beyond reason": (
        shop.order("v", "o", shop.line(1e9, quantity=1000)),
        "order.lines",
        "must be 0",
    ),
    "currency in small letters": (
        shop.order("v", "o", currency="eur"),
        "order.currency_code",
        "ISO 4217",
    ),
    "unknown kind of line": (
        shop.order("v", "o", shop.line(1, kind=9)),  # type: ignore[arg-type]  # of no enum
        "order.lines[0].kind",
        "is 9",
    ),
    "no order id": (shop.order("v", ""), "order.order_id", "has 0 characters"),
    "an action's name": (shop.action("v", "Add to cart"), "action.name", "lower-case"),
    "an action's value": (shop.action("v", "nps", float("nan")), "action.value", "is nan"),
    "negative refund": (shop.refund("o", -1), "amendment.refund.goods_micros", "must be 0"),
    "negative items": (shop.refund("o", 1, items=-1), "amendment.refund.items", "must be 0"),
    "an amendment of nothing": (
        _with_two_kinds_of_nothing(),
        "amendment",
        "set refund, cancellation, correction or reopening",
    ),
    "a link to itself": (shop.identity("v", "v"), "identity.customer_id", "two different ids"),
    "a rate of the shop's own currency": (
        shop.exchange_rate("EUR", 1),
        "exchange_rate.currency_code",
        "own currency",
    ),
    "a rate of nothing": (
        shop.exchange_rate("USD", 0),
        "exchange_rate.shop_picos_per_unit",
        "above 0",
    ),
    "a cost of nobody": (shop.cost(5), "cost", "name at least one"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_field_out_of_its_rules_is_refused_by_name(caller: Caller, case: str) -> None:
    event, field, says = BAD[case]

    outcome = await refusal(caller, event)

    assert outcome.reason == RefusalReason.REFUSAL_REASON_INVALID
    assert outcome.field == field
    assert says in outcome.message


async def test_one_bad_event_never_costs_the_others(caller: Caller) -> None:
    outcomes = await caller.record(
        shop.exposure("v-1"), shop.exposure("v-2", "blue"), shop.exposure("v-3")
    )

    assert [outcome.status for outcome in outcomes] == [
        EVENT_STATUS_ACCEPTED,
        EVENT_STATUS_REFUSED,
        EVENT_STATUS_ACCEPTED,
    ]


async def test_the_same_event_again_is_a_duplicate(caller: Caller) -> None:
    event = shop.exposure("v")

    outcomes = [*await caller.record(event, event), *await caller.record(shop.exposure("w"), event)]

    assert [outcome.status for outcome in outcomes] == [
        EVENT_STATUS_ACCEPTED,
        EVENT_STATUS_DUPLICATE,
        EVENT_STATUS_ACCEPTED,
        EVENT_STATUS_DUPLICATE,
    ]


async def test_the_same_id_with_other_contents_is_a_conflict(caller: Caller) -> None:
    first = shop.exposure("v")
    second = shop.action("v", "view")
    second.event_id = first.event_id

    for outcome in (await caller.record(first, second))[1], await refusal(caller, second):
        assert outcome.reason == RefusalReason.REFUSAL_REASON_CONFLICT
        assert outcome.field == "event_id"


async def test_the_case_of_an_event_id_means_nothing(caller: Caller) -> None:
    event = shop.exposure("v", named="01890a5d-ac96-774b-bcce-b302099a8057")
    in_capitals = shop.exposure("v", named=event.event_id.upper())
    in_capitals.event_time.CopyFrom(event.event_time)

    outcomes = await caller.record(event, in_capitals)

    assert [outcome.status for outcome in outcomes] == [
        EVENT_STATUS_ACCEPTED,
        EVENT_STATUS_DUPLICATE,
    ]
    assert outcomes[1].event_id == in_capitals.event_id


@pytest.mark.parametrize("score", [-1, 10.5, 11, 7.5, None])
async def test_the_score_of_nps_is_a_whole_number_from_0_to_10(
    caller: Caller, score: float | None
) -> None:
    await caller.accepted([shop.action("v", "nps", 0), shop.action("v", "nps", 10)])

    outcome = await refusal(caller, shop.action("v", "nps", score))

    assert outcome.field == "action.value"
    assert "must be a whole number from 0 to 10" in outcome.message


async def test_costs_belong_to_campaigns_that_exist(caller: Caller) -> None:
    outcome = await waits(caller, shop.cost(5, campaign="campaigns/summer"))

    assert outcome.reason == RefusalReason.REFUSAL_REASON_UNKNOWN_CAMPAIGN
    await caller.accepted([shop.cost(5, campaign="campaigns/free-shipping", channel="email")])


async def test_a_batch_of_more_than_a_thousand_is_refused_whole(caller: Caller) -> None:
    events = [shop.exposure(f"v-{number}") for number in range(1_001)]

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.record(*events)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    _, bad_request, _ = details(caught.value)
    assert bad_request.field_violations[0].field == "events"


async def test_a_stream_acknowledges_batch_by_batch(caller: Caller) -> None:
    stream = caller.events.StreamEvents()
    acknowledged = []
    for sequence in (1, 2, 3):
        events = [shop.exposure(f"v-{sequence}-{number}") for number in range(10)]
        await stream.write(event_service_pb2.StreamEventsRequest(sequence=sequence, events=events))
        answer = await stream.read()
        assert isinstance(answer, event_service_pb2.StreamEventsResponse)
        acknowledged.append((answer.sequence, {outcome.status for outcome in answer.outcomes}))
    await stream.done_writing()

    assert acknowledged == [(sequence, {EVENT_STATUS_ACCEPTED}) for sequence in (1, 2, 3)]


async def test_a_stream_that_skips_a_number_is_ended(caller: Caller) -> None:
    stream = caller.events.StreamEvents()
    await stream.write(event_service_pb2.StreamEventsRequest(sequence=2))

    with pytest.raises(grpc.aio.AioRpcError, match="must be 1"):
        await stream.read()
