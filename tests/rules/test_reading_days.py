"""Looks of histories with refunds and cancellations: the same for whoever reads when."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event
from fairlift.v1.results_service_pb2 import Look
from google.protobuf.json_format import MessageToDict

from tests.databases import database_in, rows
from tests.server import shop
from tests.server.client import Caller, running
from tests.server.crowds import START, send, start
from tests.server.live_days import DAY, HOUR, list_looks, live_until, read

DAYS = 7
ARMS = ("control", "free")


def campaign() -> Campaign:
    planned = shop.campaign(
        metric="net_revenue_per_visitor", planned_units=400, maximum_days=14, window_days=3
    )
    planned.plan.guardrails.add(metric="profit_per_visitor", margin=0.5)
    planned.plan.secondary.add(metric="refund_rate")
    return planned


def history(rng: random.Random) -> Iterator[tuple[datetime, Event]]:
    """Orders of a week, in two currencies; half are refunded, or cancelled, days later."""
    for day in range(DAYS):
        for number in range(12):
            unit, arm = f"{day}-{number}", ARMS[number % 2]
            at = START + DAY * (day + rng.random() * 0.99)
            yield at, shop.exposure(unit, arm, at=at)
            if number >= 8:
                continue
            currency = "USD" if number == 0 else "EUR"
            line = shop.line(20 + number / 3, cost=7.77)
            bought = at + timedelta(minutes=1)
            yield bought, shop.order(unit, f"o-{unit}", line, at=bought, currency=currency)
            for _ in range(rng.choice([0, 0, 1, 2])):
                returned = bought + DAY * rng.uniform(0.01, 5)
                part = shop.refund(
                    f"o-{unit}", 3.33, recovered=1.11, currency=currency, at=returned
                )
                yield returned, part
            if rng.random() < 0.15:
                cancelled = bought + DAY * rng.uniform(0.01, 5)
                yield cancelled, shop.cancellation(f"o-{unit}", at=cancelled)


async def live(caller: Caller, days: list[list[Event]], reading: set[int]) -> list[Look]:
    """The looks after all days, when the report is also read on some of them."""
    await start(caller, campaign())
    rate = shop.exchange_rate("USD", 0.917_345, at=START - HOUR)
    await caller.accepted([rate])
    for day, events in enumerate(days, start=1):
        await live_until(caller, day, iter(events))
        if day in reading:
            await read(caller)
    await read(caller)
    return await list_looks(caller)


def check_same(looks: list[Look], others: list[Look]) -> None:
    """Compares all that looks say, but for when they were made.

    Sums of cubes are floating point, and added in the order of whoever reads: their last digit,
    and so the hash of a look, may differ.
    """
    for look, other in zip(looks, others, strict=True):
        figures, other_figures = dict(figures_of(look)), dict(figures_of(other))
        numbers = {k: v for k, v in figures.items() if isinstance(v, float)}
        assert {k: other_figures.get(k) for k in numbers} == pytest.approx(numbers, rel=1e-12)
        assert other_figures | numbers == figures


def figures_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure and text of a look, by its place."""
    if isinstance(value, Look):
        value = MessageToDict(value)
        del value["lookTime"], value["hash"]
    if isinstance(value, dict):
        for name, part in value.items():
            yield from figures_of(part, f"{path}.{name}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from figures_of(part, f"{path}[{index}]")
    else:
        yield path, value


def by_day(events: list[tuple[datetime, Event]], rng: random.Random) -> list[list[Event]]:
    """What comes in on each day, in any order: every event before its day has settled."""
    days: list[list[Event]] = [[] for _ in range(DAYS)]
    for at, event in events:
        day = (at - START) // DAY
        if day < DAYS:
            days[day].append(event)
    for day_events in days:
        rng.shuffle(day_events)
    return days


async def test_refunds_make_no_look_depend_on_who_reads_when(tmp_path: Path) -> None:
    events = list(history(random.Random(1)))
    days = by_day(events, random.Random(1))
    readers = {"daily": set(range(1, DAYS + 1)), "once": set[int](), "now and then": {4, 5}}
    seen: dict[str, list[Look]] = {}
    for name, reading in readers.items():
        (tmp_path / name).mkdir()
        async with running(tmp_path / name) as caller:
            seen[name] = await live(caller, days, reading)

    assert len(seen["daily"]) == DAYS
    for looks in seen.values():
        check_same(looks, seen["daily"])
    for name in readers:
        assert net_revenues(database_in(tmp_path / name)) == pytest.approx(
            expected_net_revenues(events), abs=1e-5
        )


def net_revenues(database: str) -> dict[tuple[int, str], float]:
    """By day and variant, the net revenue that each look in the store has added up."""
    found = {}
    for (sealed,) in rows(database, "SELECT content FROM looks ORDER BY number"):
        look = json.loads(json.loads(sealed)["content"])
        (part,) = (part for part in look["summaries"] if part["window_days"] == 3)
        for arm in ARMS:
            summary = part["variants"][arm]
            (column,) = (
                i for i, name in enumerate(summary["columns"]) if name.startswith("net_revenue")
            )
            found[look["look"]["day"], arm] = summary["sums"][column]
    return found


def expected_net_revenues(events: list[tuple[datetime, Event]]) -> dict[tuple[int, str], float]:
    """The same in the plainest way: of each order, what was known at the end of the day."""
    rates = {"EUR": 1.0, "USD": 0.917_345}
    expected = dict.fromkeys(((d, arm) for d in range(1, DAYS + 1) for arm in ARMS), 0.0)
    for at, event in events:
        if event.WhichOneof("kind") != "order":
            continue
        price = event.order.lines[0].unit_price_micros / 1e6
        arm = ARMS[int(event.order.unit_id.split("-")[1]) % 2]
        amendments = [
            (time, e.amendment)
            for time, e in events
            if e.WhichOneof("kind") == "amendment" and e.amendment.order_id == event.order.order_id
        ]
        for day in range(1, DAYS + 1):
            end = START + day * DAY
            if at - timedelta(minutes=1) + 3 * DAY >= end:
                continue
            known = [amendment for time, amendment in amendments if time < end]
            if any(amendment.HasField("cancellation") for amendment in known):
                continue
            returned = sum(amendment.refund.goods_micros for amendment in known) / 1e6
            expected[day, arm] += (price - returned) * rates[event.order.currency_code]
    return expected


async def test_a_refund_that_comes_in_too_late_changes_no_look(tmp_path: Path) -> None:
    events = list(history(random.Random(3)))
    days = by_day(events, random.Random(3))
    async with running(tmp_path) as caller:
        before = await live(caller, days, {DAYS})
        orders_before = (await read(caller)).totals[0].orders
        cancelled = {
            event.amendment.order_id
            for _, event in events
            if event.amendment.HasField("cancellation")
        }
        order = next(o for o in ("o-1-2", "o-1-4", "o-1-6") if o not in cancelled)
        await send(caller, iter([shop.cancellation(order, at=START + 2 * DAY)]))
        report = await read(caller)
        looks = await list_looks(caller)

    assert looks == before
    # The live figures beside the look have it.
    assert report.totals[0].orders == orders_before - 1
