"""What counts in a report, through a running server."""

from datetime import UTC, timedelta

from fairlift.v1 import campaign_service_pb2, plan_pb2
from fairlift.v1 import event_service_pb2 as events
from fairlift.v1 import results_service_pb2 as pb

from tests.server import shop
from tests.server.client import Caller
from tests.server.crowds import NAME, NOW, START, metric, results, start, totals

DAY = timedelta(days=1)


async def health(caller: Caller, language: str = "") -> pb.Health:
    request = pb.GetHealthRequest(name=NAME, language=language)
    return await caller.results.GetHealth(request, timeout=120)


async def test_an_exposure_before_the_start_or_in_a_pause_does_not_count(caller: Caller) -> None:
    await start(caller, shop.campaign())
    caller.clock.set(START + 3 * DAY)
    await caller.campaigns.PauseCampaign(campaign_service_pb2.PauseCampaignRequest(name=NAME))
    caller.clock.set(START + 5 * DAY)
    await caller.campaigns.ResumeCampaign(campaign_service_pb2.ResumeCampaignRequest(name=NAME))
    caller.clock.set(NOW)

    await caller.accepted([
        shop.exposure("early", at=START - DAY),
        shop.exposure("before", at=START + 2 * DAY),
        shop.exposure("paused", at=START + 4 * DAY),
        shop.exposure("after", "free", at=START + 6 * DAY),
    ])  # fmt: skip
    found = totals(await results(caller))

    assert {variant: units for variant, (units, *_) in found.items()} == {"control": 1, "free": 1}


async def test_a_visit_by_a_slightly_slow_clock_counts_with_its_order(caller: Caller) -> None:
    began = (await start(caller, shop.campaign())).start_time.ToDatetime(UTC)

    # The clocks of callers may differ from the server's by a minute and are not corrected.
    await caller.accepted([
        shop.exposure("slow", at=began - timedelta(seconds=59)),
        shop.order("slow", "o-1", at=began - timedelta(seconds=56)),
        shop.exposure("too slow", "free", at=began - timedelta(seconds=61)),
        shop.exposure("right", "free", at=START + timedelta(hours=1)),
    ])  # fmt: skip
    found = totals(await results(caller))

    assert {variant: units for variant, (units, *_) in found.items()} == {"control": 1, "free": 1}
    assert found["control"][1] == 1


async def test_a_unit_whose_variant_was_chosen_by_hand_does_not_count(caller: Caller) -> None:
    campaign = shop.campaign()
    campaign.overrides["boss"] = "free"
    started = await start(caller, campaign)
    await caller.accepted(
        [shop.exposure(unit, "free", at=START + DAY) for unit in ("boss", "guest", "colleague")]
    )

    # Whoever is added later was never a visitor like others either.
    started.overrides["colleague"] = "free"
    await caller.campaigns.UpdateCampaign(
        campaign_service_pb2.UpdateCampaignRequest(campaign=started)
    )

    assert totals(await results(caller))["free"][0] == 1


async def test_whoever_cancels_later_or_meets_another_campaign_came_back(caller: Caller) -> None:
    campaign = shop.campaign(
        secondary=[plan_pb2.PlannedMetric(metric="retention_d1_5")], maximum_days=14
    )
    await start(caller, campaign)
    await caller.start(shop.campaign("banner"))
    met = START + DAY
    visitors = ("alone", "cancels", "meets", "tries", "logs-in")
    await caller.accepted(shop.exposure(visitor, at=met) for visitor in visitors)
    await caller.accepted([
        shop.order("cancels", "o-1", at=met + 2 * DAY),
        shop.cancellation("o-1", at=met + 9 * DAY),
        shop.exposure("meets", at=met + 2 * DAY, campaign="campaigns/banner"),
        shop.order("tries", "o-2", at=met + 2 * DAY, test=True),
        shop.identity("logs-in", "customer", at=met + 2 * DAY),
    ])  # fmt: skip

    (control, _) = metric(await results(caller), "retention_d1_5").arms

    assert (control.units, control.estimate) == (5, 3 / 5)


async def test_several_coupons_without_case_and_no_test_orders(caller: Caller) -> None:
    campaign = shop.campaign(secondary=[plan_pb2.PlannedMetric(metric="coupon_redemption_rate")])
    campaign.variants[1].payload.update({"coupon": "Spring"})
    await start(caller, campaign)
    for number in range(4):
        await caller.accepted([shop.exposure(f"v{number}", "free", at=START + DAY)])
    at = START + DAY + timedelta(hours=1)
    await caller.accepted([
        shop.order("v0", "o-0", at=at, coupon=["STAFF", "SPRING"]),
        shop.order("v1", "o-1", at=at, coupon="SPRINGTIME"),
        shop.order("v2", "o-2", at=at, coupon="spring", test=True),
    ])  # fmt: skip

    report = await results(caller)

    assert metric(report, "coupon_redemption_rate").arms[1].estimate == 1 / 4
    assert totals(report)["free"] == (4, 2, 2, 100.0, 100.0)


async def test_weak_currencies_corrections_and_refunds_in_parts_add_up(caller: Caller) -> None:
    await start(caller, shop.campaign())
    at = START + DAY
    await caller.accepted([shop.exposure("v", at=at), shop.exposure("w", "free", at=at)])
    back = shop.refund("o-2", 50, at=at + DAY)
    back.amendment.refund.delivery_micros = 4_950_000
    await caller.accepted([
        shop.exchange_rate("VND", 0.0000345, at=at),
        # 3,000,000 dong at 0.0000345 are 103.50.
        shop.order("v", "o-1", shop.line(3_000_000), at=at, currency="VND"),
        shop.order("v", "o-2", shop.line(50), at=at),
        back,
        shop.order("w", "o-3", shop.line(50), at=at),
        shop.correction("o-3", shop.order("w", "", shop.line(80)), at=at + DAY),
        shop.cancellation("o-3", at=at + 2 * DAY),
        shop.reopening("o-3", at=at + 3 * DAY),
    ])  # fmt: skip

    found = totals(await results(caller))

    assert found["control"] == (1, 1, 2, 153.5, 103.5)
    assert found["free"] == (1, 1, 1, 80.0, 80.0)


async def test_an_amendment_that_contradicts_its_order_is_counted_and_listed(
    caller: Caller,
) -> None:
    await start(caller, shop.campaign())
    fits = {check.name: check for check in (await health(caller)).checks}["amendments"]
    await caller.accepted([
        shop.refund("o-1", 60, at=START + 2 * DAY),
        shop.refund("nobody's", 5, at=START + DAY),
    ])  # fmt: skip
    await caller.accepted([shop.order("v", "o-1", shop.line(50), at=START + DAY)])

    found = await health(caller)
    check = {check.name: check for check in found.checks}["amendments"]

    assert (fits.status, fits.value) == (pb.HEALTH_STATUS_NOT_CHECKED, 0)
    assert (check.status, check.value) == (pb.HEALTH_STATUS_WARNING, 1)
    contradicts, waits = found.amendments
    assert (contradicts.order_id, contradicts.kind) == ("o-1", "refund")
    assert contradicts.sentence == (
        "With it the refunds would come to €60.00; the order's goods cost €50.00."
    )
    assert (waits.order_id, waits.sentence) == ("nobody's", "Its order has not arrived yet.")

    await caller.accepted([shop.correction("o-1", shop.order("v", "", shop.line(70)))])
    (waits,) = (await health(caller)).amendments
    assert waits.order_id == "nobody's"


async def test_a_rate_that_comes_late_restates_the_orders_of_its_time(caller: Caller) -> None:
    await start(caller, shop.campaign())
    at = START + DAY
    await caller.accepted([shop.exposure("v", at=at), shop.exposure("w", "free", at=at)])
    await caller.accepted([shop.exchange_rate("USD", 0.5, at=at)])
    await caller.accepted([
        shop.order("v", "o-1", shop.line(100), at=at + DAY, currency="USD"),
        shop.order("w", "o-2", shop.line(100), at=at + 2 * DAY, currency="USD"),
    ])  # fmt: skip

    await caller.accepted([shop.exchange_rate("USD", 0.9, at=at + DAY + timedelta(hours=1))])
    found = totals(await results(caller))

    assert (found["control"][3], found["free"][3]) == (50.0, 90.0)


async def test_an_order_that_is_sent_again_dates_from_the_first_time(caller: Caller) -> None:
    await start(caller, shop.campaign(window_days=1))
    at = START + DAY
    await caller.accepted([shop.exposure("v", at=at)])
    await caller.accepted([shop.order("v", "o-1", at=at + 3 * DAY)])

    (again,) = await caller.record(shop.order("v", "o-1", at=at + timedelta(hours=1)))

    assert again.status == events.EVENT_STATUS_DUPLICATE
    assert totals(await results(caller))["control"][2] == 1
