"""One forged order, one forged source: none moves a figure without a word in the report."""

import asyncio
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import admin_service_pb2 as admin
from fairlift.v1 import event_service_pb2 as events
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event
from fairlift_server.commands.parked import PARKED

from tests.server import shop
from tests.server.client import Caller, running, settings_in
from tests.server.crowds import NAME, START, send, start

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BILLION = 1_000_000_000.0


def visits(*, each: int = 400, channel: str = "shop") -> Iterator[Event]:
    """Units of ten days, of which every fifth buys and all rate what they saw."""
    for arm in ("control", "free"):
        for number in range(each):
            unit = f"{arm}-{number}"
            at = START + (number % 10) * DAY + (number // 10) * 10 * MINUTE
            yield shop.exposure(unit, arm, at=at)
            yield shop.action(unit, "rated", 1 + number % 5, at=at + MINUTE)
            if number % 5 == 0:
                order = shop.order(unit, f"o-{unit}", shop.line(20 + number % 7), at=at + MINUTE)
                order.order.channel = channel
                yield order


async def report(caller: Caller, language: str = "") -> pb.Report:
    request = pb.GetResultsRequest(name=NAME, language=language)
    return await caller.results.GetResults(request, timeout=120)


def checks(found: pb.Report) -> dict[str, pb.HealthCheck]:
    return {check.name: check for check in found.health.checks}


def revenue(found: pb.Report) -> float:
    """Of all units of the treatment."""
    arm = next(each for each in found.totals if each.variant == "free")
    return arm.revenue_micros / shop.EURO


async def limit(caller: Caller, euros: float | None, **actions: float) -> None:
    settings = admin.Settings(largest_action_values=actions)
    if euros is not None:
        settings.largest_order_micros = round(euros * shop.EURO)
    await caller.admin.UpdateSettings(admin.UpdateSettingsRequest(settings=settings))


def rated_campaign() -> Campaign:
    campaign = shop.campaign(planned_units=90_000)
    rating = campaign.plan.metrics.add(name="rating")
    rating.mean.of.action.name = "rated"
    rating.mean.of.action.of = plan_pb2.ActionMeasure.OF_VALUE
    campaign.plan.secondary.add(metric="rating")
    return campaign


async def test_an_order_of_a_hundred_billion_is_held_back_by_a_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = shop.order("free-1", "forged", shop.line(99 * BILLION), at=START + 3 * DAY)
    in_lei = shop.order("free-1", "lei", shop.line(200_000), currency="RON", at=START + 3 * DAY)
    dear = shop.order("free-2", "dear", shop.line(20, cost=99 * BILLION), at=START + 3 * DAY)
    worse = shop.correction("o-free-0", shop.order("free-0", "", shop.line(99 * BILLION)))
    wrong_rating = shop.action("free-2", "rated", -1e15, at=START + 3 * DAY)
    # What a shop of this limit sells.
    real = shop.order("free-3", "real", shop.line(20_000), at=START + 3 * DAY)
    async with running(tmp_path) as caller:
        await start(caller, rated_campaign())
        await send(caller, visits())
        sound = await report(caller)
        await limit(caller, 20_000, rated=10)
        await caller.accepted([shop.exchange_rate("RON", 0.2, at=START)])
        sent = [forged, in_lei, dear, worse, wrong_rating]

        held = await caller.record(*sent, real)
        kept = await report(caller)
        PARKED.run(settings_in(tmp_path, {}), Namespace(limit=10))
        listed = capsys.readouterr().out.splitlines()
        again = await caller.record(forged)
        # The shop's own mistake, sent again as it should have been.
        right = shop.order("free-1", "lei", shop.line(200), currency="RON", at=START + 3 * DAY)
        mended = await caller.record(right)
        await limit(caller, None)
        counted = await eventually_revenue(caller, above=100 * BILLION)

    parked = [each.status == events.EVENT_STATUS_PARKED for each in (*held, *again)]
    assert parked == [True] * 5 + [False, True]
    reasons = {each.reason for each in (*held[:5], *again)}
    assert reasons == {events.REFUSAL_REASON_ABOVE_LIMIT}
    assert [each.field for each in held[:5]] == [
        "order.lines", "order.lines", "order.lines", "amendment.correction.lines", "action.value",
    ]  # fmt: skip
    assert held[1].message == (
        "order.lines: is worth 40,000.00 EUR, the largest order of this shop is 20,000.00 EUR; "
        "it is kept, and counts when an administrator raises largest_order_micros "
        "(`fairlift-server settings --largest-order`)"
    )
    assert len(listed) == 6
    assert all("  waits for a higher limit (above_limit), " in line for line in listed[:5])
    assert held[5].status == mended[0].status == events.EVENT_STATUS_ACCEPTED
    # 5 events wait, and every report says so; of all that was sent, the real order alone counts.
    assert checks(kept)["above_limit"].value == 5
    assert "are above the limits of the shop" in checks(kept)["above_limit"].sentence
    assert "above_limit" not in checks(sound)
    assert revenue(kept) == revenue(sound) + 20_000
    # With the limit raised: the forged order, and the correction of one of 20 euros; the one in lei
    # was mended before.
    assert counted == pytest.approx(revenue(kept) + 2 * 99 * BILLION + 40)


async def eventually_revenue(caller: Caller, *, above: float) -> float:
    for _ in range(100):
        found = revenue(await report(caller))
        if found > above:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("the events were not judged again")


async def test_without_a_limit_one_order_and_one_value_are_called_out(tmp_path: Path) -> None:
    forged = shop.order("free-1", "forged", shop.line(99 * BILLION), at=START + 3 * DAY)
    rating = shop.action("control-2", "rated", 1e15, at=START + 3 * DAY)
    async with running(tmp_path) as caller:
        await start(caller, rated_campaign())
        await send(caller, visits())
        sound = await report(caller)

        await caller.accepted([forged, rating])
        broken = {language: await report(caller, language) for language in ("en", "es", "ro")}

    assert not {"large_orders", "large_values", "one_channel"} & checks(sound).keys()
    assert sound.verdict.kind == broken["en"].verdict.kind
    found = checks(broken["en"])
    assert found["large_orders"].value == 99 * BILLION
    assert found["large_values"].value == pytest.approx(1e15)
    assert found["large_orders"].status == pb.HEALTH_STATUS_WARNING
    assert found["large_orders"].sentence.startswith(
        "1 visitor bought for €99,000,000,000.00, which moves the revenue of free by more than its "
    )
    assert "1 visitor with 1e+15 of rated moves the mean of control" in (
        found["large_values"].sentence
    )
    assert "1 visitante con 1e+15" in checks(broken["es"])["large_values"].sentence
    assert "1 vizitator cu 1e+15" in checks(broken["ro"])["large_values"].sentence


async def test_several_forged_orders_and_values_do_not_hide_each_other(tmp_path: Path) -> None:
    at = START + 3 * DAY
    forged = [
        shop.order(f"free-{n}", f"forged-{n}", shop.line(99 * BILLION), at=at) for n in (1, 2, 3)
    ]
    # Two orders of one unit are one sum.
    forged.append(shop.order("control-1", "forged-4", shop.line(BILLION), at=at))
    forged.append(shop.order("control-1", "forged-5", shop.line(BILLION), at=at + MINUTE))
    ratings = [shop.action(f"control-{n}", "rated", 1e15, at=at) for n in (2, 3)]
    async with running(tmp_path) as caller:
        await start(caller, rated_campaign())
        await send(caller, visits())
        await caller.accepted([*forged, *ratings])
        found = [check for check in (await report(caller)).health.checks if "large_" in check.name]

    assert [(check.name, check.value) for check in found] == [
        ("large_orders", 2 * BILLION),
        ("large_orders", 297 * BILLION),
        ("large_values", pytest.approx(1e15)),
    ]
    assert found[1].sentence.startswith(
        "3 visitors bought for €297,000,000,000.00 together, and each of them moves the revenue of"
    )
    assert found[2].sentence.startswith("2 visitors, one of them with 1e+15 of rated, each move")


async def test_a_channel_that_brings_one_variants_orders_alone_is_called_out(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(planned_units=90_000))
        await send(caller, visits())
        # As many of both variants: a partner's share of one variant is its share of visitors.
        partner = [order_of("partner", arm, n) for n in range(1, 30) for arm in ("control", "free")]
        forged = [order_of("api", "free", n) for n in range(30, 60)]
        forged.append(order_of("api", "control", 31))
        await send(caller, iter([*partner, *forged]))
        found = checks(await report(caller))

    assert found["one_channel"].value == 30
    assert found["one_channel"].sentence.startswith(
        "30 of the 31 orders of channel api are of visitors of free; about 50% were to be expected."
    )


def order_of(channel: str, arm: str, number: int) -> Event:
    unit, at = f"{arm}-{number}", START + (number % 10 + 1) * DAY
    order = shop.order(unit, f"{channel}-{unit}", shop.line(20), at=at)
    order.order.channel = channel
    return order


async def test_orders_of_units_never_seen_are_counted_apart(tmp_path: Path) -> None:
    unseen = [
        shop.order(f"stranger-{n}", f"s-{n}", shop.line(20), at=START + 5 * DAY) for n in range(7)
    ]
    not_counted = [
        shop.order("stranger-0", "before", shop.line(20), at=START - DAY),
        shop.order("stranger-0", "a-test", shop.line(20), at=START + DAY, test=True),
    ]
    # A customer whose cookie was seen is no stranger.
    linked = [
        shop.identity("free-1", "customer", at=START + 2 * DAY),
        shop.order("customer", "linked", shop.line(20), at=START + 5 * DAY),
    ]
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(planned_units=90_000))
        await send(caller, visits())
        await send(caller, iter([*unseen, *not_counted, *linked]))
        found = checks(await report(caller))["unseen_orders"]

    assert found.value == 7
    assert found.status == pb.HEALTH_STATUS_OK
    # Every fifth of 800 bought, and one customer.
    assert found.sentence == (
        "168 orders came since the campaign began; of visitors that it has not seen: 7. They are "
        "not in its figures."
    )


async def test_ids_that_never_match_are_a_warning(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(planned_units=90_000))
        for_orders = [event for event in visits(each=300) if event.HasField("order")]
        for event in for_orders:
            event.order.unit_id = f"customer-{event.order.unit_id}"
        seen = [event for event in visits(each=300) if event.HasField("exposure")]
        await send(caller, iter([*seen, *for_orders]))
        found = checks(await report(caller))["unseen_orders"]

    assert (found.value, found.status) == (120, pb.HEALTH_STATUS_WARNING)
    assert "Orders and exposures probably carry different ids" in found.sentence
