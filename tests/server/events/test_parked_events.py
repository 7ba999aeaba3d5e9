"""Events that time or a change of state can heal: kept, answered as parked, and judged once."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import campaign_service_pb2 as campaigns_pb
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1 import results_service_pb2 as results_pb
from fairlift.v1.event_service_pb2 import Event, EventOutcome

from tests import databases
from tests.databases import database_in
from tests.server import shop
from tests.server.client import Caller, Clock, running
from tests.server.privacy.stored import stored

HOUR = timedelta(hours=1)
ORDERS = "SELECT order_id, time_us FROM orders ORDER BY order_id"
EXPOSED = "SELECT unit, variant, epoch FROM exposures ORDER BY unit"


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    return databases.rows(database_in(folder), query)


async def until(folder: Path, query: str, count: int) -> list[tuple[object, ...]]:
    """The rows, once there are as many; parked events are judged in the background."""
    async with asyncio.timeout(30):
        while len(found := rows(folder, query)) != count:
            await asyncio.sleep(0.02)
    return found


def parked(outcomes: Sequence[EventOutcome], reason: "pb.RefusalReason.ValueType") -> bool:
    return [(o.status, o.reason, o.retryable) for o in outcomes] == [
        (pb.EVENT_STATUS_PARKED, reason, False) for _ in outcomes
    ]


async def test_an_event_from_the_future_is_parked_and_counts_when_the_clock_is_set_right(
    tmp_path: Path,
) -> None:
    clock = Clock()
    clock.ahead = -HOUR  # the server is slow
    placed = shop.now()
    async with running(tmp_path, clock=clock) as caller:
        outcomes = await caller.record(shop.order("v", "o-1", at=placed))
        before = rows(tmp_path, ORDERS)
        clock.ahead = timedelta()
        ((order_id, time_us),) = await until(tmp_path, ORDERS, 1)

    assert parked(outcomes, pb.REFUSAL_REASON_IN_THE_FUTURE)
    assert before == []
    assert (order_id, time_us) == ("o-1", int(placed.timestamp() * 1_000_000))


async def test_an_exposure_of_a_campaign_that_the_server_does_not_have_waits_for_its_start(
    caller: Caller, tmp_path: Path
) -> None:
    outcomes = await caller.record(shop.exposure("v"))
    create = campaigns_pb.CreateCampaignRequest(campaign=shop.campaign())
    created = await caller.campaigns.CreateCampaign(create)
    as_draft = await caller.record(shop.exposure("w"))
    await caller.campaigns.StartCampaign(campaigns_pb.StartCampaignRequest(name=created.name))

    exposed = await until(tmp_path, EXPOSED, 2)

    assert parked(outcomes, pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN)
    assert parked(as_draft, pb.REFUSAL_REASON_NOT_RUNNING)
    assert exposed == sorted((stored(tmp_path, unit), "control", 1) for unit in "vw")


async def test_an_exposure_of_a_later_epoch_waits_for_it(caller: Caller, tmp_path: Path) -> None:
    started = await caller.start(shop.campaign())
    outcomes = await caller.record(shop.exposure("v", epoch=2))
    started.variants[0].weight = 3
    await caller.campaigns.UpdateCampaign(
        campaigns_pb.UpdateCampaignRequest(campaign=started, new_epoch=True)
    )

    exposed = await until(tmp_path, EXPOSED, 1)

    assert parked(outcomes, pb.REFUSAL_REASON_UNKNOWN_EPOCH)
    assert exposed == [(stored(tmp_path, "v"), "control", 2)]


async def test_an_order_waits_for_a_rate_of_its_time(caller: Caller, tmp_path: Path) -> None:
    at = shop.now() - HOUR
    outcomes = await caller.record(shop.order("v", "o-1", currency="USD", at=at))
    later = await caller.record(shop.exchange_rate("USD", 0.8, at=shop.now()))
    again = await caller.record(shop.order("w", "o-2", currency="USD", at=at))
    await caller.record(shop.exchange_rate("USD", 0.5, at=at - HOUR))

    orders = await until(tmp_path, "SELECT order_id, shop_revenue_micros FROM orders", 2)

    assert parked(outcomes, pb.REFUSAL_REASON_CURRENCY)
    assert later[0].status == pb.EVENT_STATUS_ACCEPTED
    assert parked(again, pb.REFUSAL_REASON_CURRENCY)  # that rate came after the order
    assert sorted(orders) == [("o-1", 25 * shop.EURO), ("o-2", 25 * shop.EURO)]


async def test_a_cost_of_an_unknown_campaign_waits_for_it(caller: Caller, tmp_path: Path) -> None:
    outcomes = await caller.record(shop.cost(5, campaign="campaigns/free-shipping"))
    await caller.start(shop.campaign())

    costs = await until(tmp_path, "SELECT campaign, shop_amount_micros FROM costs", 1)

    assert parked(outcomes, pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN)
    assert costs == [("free-shipping", 5 * shop.EURO)]


async def test_a_parked_event_sent_again_is_answered_as_parked_and_counts_once(
    caller: Caller, tmp_path: Path
) -> None:
    event = shop.exposure("v")
    first = await caller.record(event, event)
    second = await caller.record(event)
    await caller.start(shop.campaign())
    await until(tmp_path, EXPOSED, 1)
    third = await caller.record(event)

    assert parked([*first, *second], pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN)
    assert third[0].status == pb.EVENT_STATUS_DUPLICATE
    assert rows(tmp_path, EXPOSED) == [(stored(tmp_path, "v"), "control", 1)]


async def test_the_id_of_a_parked_event_cannot_be_used_for_another(caller: Caller) -> None:
    event = shop.exposure("v")
    await caller.record(event)
    other = shop.exposure("w", named=event.event_id)
    action = shop.action("v", "view")
    action.event_id = event.event_id

    outcomes = await caller.record(other, action)

    assert [outcome.reason for outcome in outcomes] == [pb.REFUSAL_REASON_CONFLICT] * 2


async def test_parked_events_are_judged_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    clock.ahead = -HOUR
    async with running(tmp_path, clock=clock) as caller:
        outcomes = await caller.record(shop.action("v", "view"))
    async with running(tmp_path):
        found = await until(tmp_path, "SELECT unit FROM actions", 1)

    assert parked(outcomes, pb.REFUSAL_REASON_IN_THE_FUTURE)
    assert found == [(stored(tmp_path, "v"),)]
    assert rows(tmp_path, "SELECT id FROM parked_events") == []


def _with_time(event: Event, seconds: int) -> Event:
    event.event_time.seconds = seconds
    return event


HEALED_BY_NOBODY = {
    "an id that no campaign can have": (
        shop.exposure("v", campaign="campaigns/Free shipping"),
        pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN,
    ),
    "an epoch that was never": (shop.exposure("v", epoch=0), pb.REFUSAL_REASON_UNKNOWN_EPOCH),
    "an unknown variant": (shop.exposure("v", "blue"), pb.REFUSAL_REASON_UNKNOWN_VARIANT),
    "a year beyond the calendar": (
        _with_time(shop.action("v", "view"), 2**62),
        pb.REFUSAL_REASON_INVALID,
    ),
    "a wrong unit in the future": (
        shop.action("", "view", at=shop.now() + HOUR),
        pb.REFUSAL_REASON_INVALID,
    ),
}


@pytest.mark.parametrize(("event", "reason"), HEALED_BY_NOBODY.values(), ids=HEALED_BY_NOBODY)
async def test_what_nobody_can_heal_is_refused_at_once(
    caller: Caller, event: Event, reason: "pb.RefusalReason.ValueType"
) -> None:
    await caller.start(shop.campaign())

    (outcome,) = await caller.record(event)

    assert (outcome.status, outcome.reason) == (pb.EVENT_STATUS_REFUSED, reason)
    assert not outcome.retryable


async def test_a_full_car_park_says_that_the_event_can_be_sent_again(tmp_path: Path) -> None:
    event = shop.exposure("late")
    async with running(tmp_path, parked_events=2) as caller:
        outcomes = await caller.record(shop.exposure("v"), shop.exposure("w"), event)
        await caller.start(shop.campaign())
        await until(tmp_path, EXPOSED, 2)
        (again,) = await caller.record(event)

    assert parked(outcomes[:2], pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN)
    assert outcomes[2].status == pb.EVENT_STATUS_REFUSED
    assert outcomes[2].reason == pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN
    assert outcomes[2].retryable
    assert "keeps at most 2 such events" in outcomes[2].message
    assert again.status == pb.EVENT_STATUS_ACCEPTED


async def test_an_event_that_waits_for_too_long_is_refused_and_says_so(tmp_path: Path) -> None:
    event = shop.exposure("v")
    clock = Clock()
    async with running(tmp_path, clock=clock, parked_days=7) as caller:
        await caller.record(event)
        clock.ahead = timedelta(days=7, minutes=1)
        await until(tmp_path, "SELECT id FROM parked_events WHERE state = 'refused'", 1)
        (outcome,) = await caller.record(event)
        clock.ahead = timedelta(days=15)
        await until(tmp_path, "SELECT id FROM parked_events", 0)
        (much_later,) = await caller.record(event)

    assert outcome.status == pb.EVENT_STATUS_REFUSED
    assert "waited for 7 days" in outcome.message
    assert much_later.status == pb.EVENT_STATUS_DUPLICATE


async def test_a_parked_event_that_a_rule_refuses_in_the_end_is_kept_to_be_seen(
    caller: Caller, tmp_path: Path
) -> None:
    event = shop.exposure("v", "blue")
    await caller.record(event)
    await caller.start(shop.campaign())
    await until(tmp_path, "SELECT id FROM parked_events WHERE state = 'refused'", 1)

    (outcome,) = await caller.record(event)
    health = await caller.results.GetHealth(
        results_pb.GetHealthRequest(name="campaigns/free-shipping")
    )

    assert outcome.reason == pb.REFUSAL_REASON_UNKNOWN_VARIANT
    assert "its variants are control, free" in outcome.message
    check = next(check for check in health.checks if check.name == "parked_events")
    assert "Refused after waiting: 1." in check.sentence


async def test_health_counts_what_waits_and_for_what(caller: Caller) -> None:
    await caller.start(shop.campaign())
    await caller.record(
        shop.order("v", "o-1", currency="USD"),
        shop.exposure("v", campaign="campaigns/summer"),
        shop.exposure("v", at=shop.now() + HOUR),
        shop.action("v", "view", at=shop.now() + HOUR),
    )

    health = await caller.results.GetHealth(
        results_pb.GetHealthRequest(name="campaigns/free-shipping")
    )

    check = next(check for check in health.checks if check.name == "parked_events")
    assert check.status == results_pb.HEALTH_STATUS_WARNING
    assert check.value == 4
    assert check.sentence == (
        "4 events are waiting to be counted (2 for the clock, 1 for a campaign, 1 for an exchange "
        "rate). Refused after waiting: 0."
    )


async def test_without_a_word_of_the_sender_a_month_ahead_is_refused_and_can_be_sent_again(
    caller: Caller,
) -> None:
    far = shop.now() + timedelta(days=31)
    request = pb.RecordEventsRequest(events=[shop.action("v", "view", at=far)])
    (unsaid,) = (await caller.events.RecordEvents(request)).outcomes
    request.sent_time.FromDatetime(shop.now())
    (by_mistake,) = (await caller.events.RecordEvents(request)).outcomes
    request.sent_time.FromDatetime(far)
    (by_clock,) = (await caller.events.RecordEvents(request)).outcomes

    assert (unsaid.reason, unsaid.retryable) == (pb.REFUSAL_REASON_IN_THE_FUTURE, True)
    assert (by_mistake.reason, by_mistake.retryable) == (pb.REFUSAL_REASON_IN_THE_FUTURE, False)
    assert by_clock.status == pb.EVENT_STATUS_PARKED


async def test_an_attribute_that_repeats_the_id_changes_nothing(
    caller: Caller, tmp_path: Path
) -> None:
    """It is stored as the id is; the same event again is known by that form, waiting or counted."""
    exposure = shop.exposure("ana@example.com", email="ana@example.com", country="ES")

    waits = await caller.record(exposure, exposure)
    await caller.start(shop.campaign(segments=["email", "country"]))
    await until(tmp_path, EXPOSED, 1)
    again = await caller.record(exposure)

    assert parked(waits, pb.REFUSAL_REASON_UNKNOWN_CAMPAIGN)
    assert again[0].status == pb.EVENT_STATUS_DUPLICATE
    ((segments,),) = rows(tmp_path, "SELECT segments FROM exposures")
    assert json.loads(str(segments)) == {
        "email": stored(tmp_path, "ana@example.com"),
        "country": "ES",
    }
