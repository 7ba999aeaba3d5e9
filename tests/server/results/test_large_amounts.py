"""The largest amounts that the ledger takes: a report is right, or says what it cannot carry."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from fairlift.v1.event_service_pb2 import Event

from tests.server import shop
from tests.server.client import Caller, running
from tests.server.crowds import START, metric, results, send, start

# In units of the currency: 10^17 micros.
LARGEST = 1e11
ORDERS = 93  # 93 × 10^17 does not fit into 64 bits, 92 × 10^17 does


def buyers(variant: str, units: int, orders: int, *, each: int = 1) -> Iterator[Event]:
    """Units of two weeks; the first buy for the largest amount, some of them several times."""
    for number in range(units):
        unit, at = f"{variant}-{number}", START + timedelta(days=14) * (number / units)
        yield shop.exposure(unit, variant, at=at)
        for count in range(each if number < orders else 0):
            yield shop.order(unit, f"o-{unit}-{count}", shop.line(LARGEST, cost=LARGEST), at=at)


async def test_93_orders_of_the_largest_amount_have_a_report(tmp_path: Path) -> None:
    campaign = shop.campaign(planned_units=400)
    campaign.plan.secondary.add(metric="profit_per_visitor")
    campaign.plan.secondary.add(metric="average_ticket")
    campaign.plan.covariate_days = 14
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, buyers("control", 200, ORDERS))
        await send(caller, buyers("free", 200, 60))
        report = await results(caller)

    control, free = report.totals
    assert control.revenue_micros == 2**63 - 1  # the largest number that the field can carry
    assert free.revenue_micros == 60 * 10**17
    assert [note for note in report.notes if note.startswith("A total of money is larger")]
    revenue = metric(report, "revenue_per_visitor")
    means = [arm.estimate for arm in revenue.arms]
    assert means == [float(Fraction(ORDERS * 10**11, 200)), float(Fraction(60 * 10**11, 200))]
    assert revenue.comparisons[0].HasField("p_value")


async def test_a_unit_with_93_of_the_largest_orders_has_a_report(tmp_path: Path) -> None:
    campaign = shop.campaign(planned_units=40)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, buyers("control", 20, 1, each=ORDERS))
        await send(caller, buyers("free", 20, 1, each=2 * ORDERS))
        report = await results(caller)

    assert [total.revenue_micros for total in report.totals] == [2**63 - 1] * 2
    revenue = metric(report, "revenue_per_visitor")
    assert [arm.estimate for arm in revenue.arms] == [ORDERS * 1e11 / 20, ORDERS * 1e11 / 10]


async def test_squares_beyond_38_digits_are_exact(tmp_path: Path) -> None:
    # Every unit buys for the same 2 · 10^18 micros: 100 squares of it have 39 digits, and their sum
    # in floating point would leave nothing of a variance that is 0.
    campaign = shop.campaign(planned_units=200)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, buyers("control", 100, 100, each=20))
        await send(caller, buyers("free", 100, 99, each=20))
        report = await results(caller)

    revenue = metric(report, "revenue_per_visitor")
    assert [arm.estimate for arm in revenue.arms] == [20 * 1e11, 99 * 20 * 1e11 / 100]


async def test_ordinary_totals_carry_no_note(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign())
        await caller.accepted(
            [shop.exposure("v", at=START), shop.order("v", "o", shop.line(LARGEST), at=START)]
        )
        report = await results(caller)

    assert report.totals[0].revenue_micros == 10**17
    assert not [note for note in report.notes if note.startswith("A total of money is larger")]


TOO_MUCH = {
    "order": (shop.order("v", "o-1", shop.line(LARGEST), currency="KWD"), "order.lines"),
    "cost of goods": (
        shop.order("v", "o-1", shop.line(1, cost=LARGEST), currency="KWD"),
        "order.lines",
    ),
    "delivery": (
        shop.order("v", "o-1", shipping=LARGEST, currency="KWD"),
        "order.shipping_cost_micros",
    ),
    "cost": (shop.cost(LARGEST, channel="ads", currency="KWD"), "cost.amount_micros"),
}


@pytest.mark.parametrize(("event", "field"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_an_amount_that_is_too_large_at_its_rate_is_refused_by_its_field(
    caller: Caller, event: Event, field: str
) -> None:
    rate = shop.exchange_rate("KWD", 3, at=shop.now() - timedelta(hours=1))

    outcomes = await caller.record(rate, event, shop.order("w", "o-2"))

    assert [outcome.field for outcome in outcomes] == ["", field, ""]
    assert f"must be worth at most {10**17}" in outcomes[1].message


async def test_the_largest_rate_and_amount_cost_nobody_else_anything(caller: Caller) -> None:
    rate = shop.exchange_rate("KWD", 1e6, at=shop.now() - timedelta(hours=1))

    outcomes = await caller.record(
        rate, shop.order("v", "o-1", shop.line(LARGEST), currency="KWD"), shop.order("w", "o-2")
    )

    assert [bool(outcome.field) for outcome in outcomes] == [False, True, False]
