"""Whether the data can be trusted: one answer for one campaign, wherever it is asked."""

from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign

from tests.server import shop
from tests.server.client import Caller, running
from tests.server.crowds import NAME, START, crowd, results, send, start
from tests.server.live_days import DAY, day_of, live_until, planned, read


async def health(caller: Caller, language: str = "") -> pb.Health:
    request = pb.GetHealthRequest(name=NAME, language=language)
    return await caller.results.GetHealth(request, timeout=120)


def by_name(health: pb.Health) -> dict[str, pb.HealthCheck]:
    return {check.name: check for check in health.checks}


@pytest.mark.parametrize("tickets", [0, 160])
async def test_a_report_and_health_give_the_same_checks(tmp_path: Path, tickets: int) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(planned_units=4_000))
        await send(caller, crowd("control", 1_000, [20.0] * tickets))
        await send(caller, crowd("free", 1_000, [20.0] * tickets))
        report = await results(caller)
        asked = await health(caller)

    assert list(report.health.checks) == list(asked.checks)
    assert {"sample_ratio", "enough_orders", "clock"} <= by_name(asked).keys()


async def test_what_forbids_a_verdict_is_a_broken_check(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        # Ten buyers in an arm, and twenty-five are needed.
        await start(caller, shop.campaign(metric="conversion_rate", planned_units=4_000))
        await send(caller, crowd("control", 1_000, [20.0] * 10))
        await send(caller, crowd("free", 1_000, [20.0] * 30))
        report = await results(caller)

    assert report.verdict.cause == pb.VERDICT_CAUSE_FEW
    check = by_name(report.health)["enough_orders"]
    assert (check.status, check.value) == (pb.HEALTH_STATUS_BROKEN, 10)
    assert check.sentence == "control has 10 of the 25 buyers that conversion rate needs."


async def test_enough_orders_and_days_are_right(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        await live_until(caller, 3, day_of(3))
        young = await read(caller)
        for day in range(4, 11):
            await live_until(caller, day, day_of(day))
        old = await read(caller)

    assert young.verdict.cause == pb.VERDICT_CAUSE_DAYS
    assert by_name(young.health)["minimum_days"].status == pb.HEALTH_STATUS_BROKEN
    for name in ("enough_orders", "minimum_days"):
        assert by_name(old.health)[name].status == pb.HEALTH_STATUS_OK


async def test_nothing_is_ticked_before_there_are_data(caller: Caller) -> None:
    await caller.start(shop.campaign())

    found = await health(caller)

    assert {check.status for check in found.checks} == {
        pb.HEALTH_STATUS_NOT_CHECKED,
        # That no visitor has seen any variant is worth a look.
        pb.HEALTH_STATUS_WARNING,
    }
    ticked = [check.name for check in found.checks if check.status == pb.HEALTH_STATUS_WARNING]
    assert ticked == ["exposures"]


async def test_the_checks_of_the_whole_shop_say_that_they_are(caller: Caller) -> None:
    await start(caller, shop.campaign())
    await caller.accepted([shop.exposure("v", at=START + DAY)])

    checks = by_name(await health(caller))

    of_shop = {name for name, check in checks.items() if check.shop_wide}
    assert of_shop == {"amendments", "parked_events", "corrected_times", "clock", "ids"}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "With it the refunds would come to €60.00; the order's goods cost €50.00."),
        ("es", "Con ella las devoluciones sumarían 60,00\u00a0€; los artículos del pedido"),
        ("ro", "Cu el, retururile ar ajunge la 60,00\u00a0EUR; produsele comenzii au costat"),
    ],
)
async def test_a_contradiction_is_told_in_money_and_in_the_readers_language(
    caller: Caller, language: str, words: str
) -> None:
    await start(caller, shop.campaign())
    at = START + DAY
    await caller.accepted([shop.order("v", "o-1", shop.line(50), at=at)])
    await caller.accepted([shop.refund("o-1", 60, at=at + DAY)])

    (amendment,) = (await health(caller, language)).amendments

    assert words in amendment.sentence
    assert "micros" not in amendment.sentence


async def test_each_contradiction_has_its_sentence(caller: Caller) -> None:
    await start(caller, shop.campaign())
    at = START + DAY
    await caller.accepted([
        shop.order(f"v{n}", f"o-{n}", shop.line(50, cost=20), at=at) for n in range(5)
    ])  # fmt: skip
    items, cost, currency, rate = (
        shop.refund("o-0", 1, at=at + DAY),
        shop.refund("o-1", 1, at=at + 2 * DAY),
        shop.refund("o-2", 1, at=at + 3 * DAY),
        shop.correction("o-3", shop.order("v3", "", shop.line(9), currency="SEK"), at=at + 4 * DAY),
    )
    items.amendment.refund.items = 2
    cost.amendment.refund.recovered_cost_micros = 21 * shop.EURO
    currency.amendment.refund.currency_code = "USD"
    await caller.accepted([items, cost, currency, rate])

    sentences = {found.order_id: found.sentence for found in (await health(caller)).amendments}

    assert sentences == {
        "o-0": "With it the items taken back would come to 2; the order has 1.",
        "o-1": "With it the cost of the goods taken back would come to €21.00; that of the order's "
        "goods is €20.00.",
        "o-2": "It is in USD, but its order is in EUR.",
        "o-3": "It changes the order's currency to SEK, which had no exchange rate when the order "
        "was placed; it counts once that rate is sent.",
    }


async def test_an_order_that_waits_itself_is_not_said_to_be_missing(caller: Caller) -> None:
    await start(caller, shop.campaign())
    await caller.accepted([shop.refund("o-1", 5, at=START + 2 * DAY)])
    (missing,) = (await health(caller)).amendments
    await caller.record(shop.order("v", "o-1", shop.line(50), at=START + DAY, currency="USD"))
    (waits,) = (await health(caller)).amendments

    assert missing.sentence == "Its order has not arrived yet."
    assert waits.sentence == (
        "Its order has not arrived yet, or is one of the events that wait to be counted."
    )


_NEEDED = "that revenue per visitor needs."


def guarded() -> Campaign:
    """A campaign on conversion with a guardrail in money, which needs a hundred orders an arm."""
    campaign = shop.campaign(metric="conversion_rate", planned_units=4_000)
    campaign.plan.guardrails.add(metric="revenue_per_visitor", margin=0.05)
    return campaign


@pytest.mark.parametrize(
    ("orders", "status", "sentence"),
    [
        (64, pb.HEALTH_STATUS_WARNING, f"free has 64 of the 100 orders {_NEEDED}"),
        (99, pb.HEALTH_STATUS_WARNING, f"free has 99 of the 100 orders {_NEEDED}"),
        (
            100,
            pb.HEALTH_STATUS_OK,
            "Every variant has the orders that each primary metric and guardrail needs.",
        ),
    ],
)
async def test_orders_are_enough_when_guardrails_have_theirs_too(
    tmp_path: Path, orders: int, status: "pb.HealthStatus.ValueType", sentence: str
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, guarded())
        await send(caller, crowd("control", 1_000, [20.0] * 120))
        await send(caller, crowd("free", 1_000, [20.0] * orders))
        report = await results(caller)

    check = by_name(report.health)["enough_orders"]
    assert (check.status, check.sentence) == (status, sentence)


async def test_a_guardrail_without_analysed_visitors_is_not_judged_yet(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        campaign = guarded()
        campaign.plan.maximum_days = 28
        await start(caller, campaign)
        await live_until(caller, 1, day_of(1))
        report = await read(caller)

    assert report.verdict.cause == pb.VERDICT_CAUSE_DAYS
    assert sum(arm.units for arm in report.look.arms) == 0
    sentences = [reason.sentence for reason in report.verdict.reasons]
    assert "Guardrail not judged yet: revenue per visitor." in sentences
