"""Every measure against a plain reading of its definition, event by event, over a random shop."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift.v1.event_service_pb2 import LINE_KIND_CROSS_SELL, LINE_KIND_UPSELL, Event
from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.duck import answers
from fairlift_server.analysis.question import Answer, Question

from tests.server import shop
from tests.server.client import running

START = shop.now().replace(microsecond=0) - timedelta(days=60)
COUPONS = {"control": "", "free": "FREE5", "gift": "GIFT"}
Key = tuple[str, str]


@dataclass
class Order:
    unit: str
    at: datetime
    price: float
    quantity: int
    cost: float
    discount: float
    shipping: float
    coupon: str
    kind: int
    first: bool | None
    refunded: float = 0
    recovered: float = 0
    cancelled: bool = False

    @property
    def revenue(self) -> float:
        return self.price * self.quantity - self.discount


@dataclass
class Shop:
    exposures: list[tuple[str, datetime, str, str]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    actions: list[tuple[str, datetime, str, float | None]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def random_shop(rng: random.Random) -> Shop:
    made = Shop()
    order_number = 0
    for number in range(240):
        visitor, country = f"v{number}", rng.choice(["ES", "RO", ""])
        variant = rng.choice([*COUPONS])
        first = START + timedelta(minutes=rng.randrange(20 * 24 * 60))
        for again in range(rng.choice([1, 1, 2])):
            seen = rng.choice([*COUPONS]) if again and rng.random() < 0.2 else variant
            at = first + timedelta(hours=again)
            made.exposures.append((visitor, at, seen, country))
            made.events.append(shop.exposure(visitor, seen, at=at, country=country))
        units = [visitor]
        if rng.random() < 0.3:
            customer = f"c{rng.randrange(30)}"
            made.links.append((visitor, customer))
            made.events.append(shop.identity(visitor, customer, at=first))
            units.append(customer)
        for _ in range(rng.choice([0, 0, 1, 2])):
            order_number += 1
            at = first + timedelta(hours=rng.randrange(-48, 30 * 24), minutes=1)
            _order(made, rng, rng.choice(units), f"o{order_number}", at)
        for name in ("add_to_cart", "nps", "view"):
            if rng.random() < 0.4:
                at = first + timedelta(hours=rng.randrange(-24, 20 * 24))
                value = None if name == "add_to_cart" else float(rng.randrange(11))
                made.actions.append((visitor, at, name, value))
                made.events.append(shop.action(visitor, name, value, at=at))
    rng.shuffle(made.events)
    return made


def _order(made: Shop, rng: random.Random, unit: str, order_id: str, at: datetime) -> None:
    order = Order(
        unit, at, price=rng.randrange(1, 90) + 0.5, quantity=rng.randrange(1, 4),
        cost=rng.randrange(20) / 4, discount=rng.choice([0, 0.5]), shipping=rng.choice([0, 4.2]),
        coupon=rng.choice([*COUPONS.values()]), kind=rng.choice([1, 2, 3]),
        first=rng.choice([None, None, True, False]),
    )  # fmt: skip
    made.orders.append(order)
    sold = shop.line(order.price, quantity=order.quantity, cost=order.cost, kind=order.kind)  # type: ignore[arg-type]  # 1 to 3
    made.events.append(
        shop.order(
            unit,
            order_id,
            sold,
            at=at,
            discount=order.discount,
            shipping=order.shipping,
            coupon=order.coupon,
            first_purchase=order.first,
        )
    )
    fate = rng.random()
    if fate < 0.15:
        order.cancelled = True
        made.events.append(shop.cancellation(order_id))
    elif fate < 0.35:
        order.refunded, order.recovered = order.revenue / 2, order.cost
        made.events.append(
            shop.refund(order_id, order.refunded, recovered=order.recovered, items=1)
        )


@pytest.fixture(scope="module")
def made() -> Shop:
    return random_shop(random.Random(20_081_122))


@pytest.fixture(scope="module")
def path(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's ledger, written through gRPC by a server that has ended."""
    folder = tmp_path_factory.mktemp("shop")

    async def write() -> None:
        async with running(folder) as caller:
            campaign = shop.campaign(variants=COUPONS, segments=["country"])
            for variant in campaign.variants:
                if COUPONS[variant.id]:
                    variant.payload.update({"coupon": COUPONS[variant.id]})
            await caller.start(campaign)
            for start in range(0, len(made.events), 100):
                await caller.accepted(made.events[start : start + 100])

    asyncio.run(write())
    return folder / "shop.db"


def people(made: Shop, policy: IdentityPolicy) -> Callable[[str], str]:
    first_customer: dict[str, str] = {}
    sent = [e for e in made.events if e.HasField("identity")]
    for event in sent:
        first_customer.setdefault(event.identity.visitor_id, event.identity.customer_id)
    if policy is IdentityPolicy.AS_ASSIGNED:
        return lambda unit: unit
    return lambda unit: first_customer.get(unit, unit)


def expected(
    made: Shop, policy: IdentityPolicy, value: Callable[[str, datetime, str], float]
) -> dict[tuple[str, bool], list[float]]:
    """By first variant and contamination, every unit's value."""
    person = people(made, policy)
    exposures: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
    for unit, at, variant, _ in made.exposures:
        exposures[person(unit)].append((at, variant, unit))
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for who, seen in exposures.items():
        first, variant, _ = min(seen)
        by_unit: dict[str, set[str]] = defaultdict(set)
        for _, each, unit in seen:
            by_unit[unit].add(each)
        mixed = any(len(variants) > 1 for variants in by_unit.values())
        if policy is IdentityPolicy.EXCLUDE:
            mixed = len({each for _, each, _ in seen}) > 1
        found[variant, mixed].append(value(who, first, variant))
    return found


MEASURES: dict[str, Measure] = {
    **{measure.value: measure for measure in OrderMeasure},
    "cart": ActionMeasure("add_to_cart"),
    "views": ActionMeasure("view", ActionOf.COUNT),
    "view_value": ActionMeasure("view", ActionOf.VALUE),
    "nps": ActionMeasure("nps", ActionOf.NPS),
    "back": ReturnMeasure(1, 8),
    "bought": ReturnMeasure(2, 20, bought=True),
}


def plain_reading(
    made: Shop, policy: IdentityPolicy, measure: Measure, low_s: float, high_s: float
) -> Callable[[str, datetime, str], float]:
    """The measure's definition in domain.md, for one unit, in the slowest and plainest way."""
    person = people(made, policy)
    orders: dict[str, list[Order]] = defaultdict(list)
    for order in made.orders:
        if not order.cancelled:
            orders[person(order.unit)].append(order)
    actions: dict[str, list[tuple[datetime, str, float | None]]] = defaultdict(list)
    for unit, at, name, value in made.actions:
        actions[person(unit)].append((at, name, value))
    seen: dict[str, list[datetime]] = defaultdict(list)
    for unit, at, _, _ in made.exposures:
        seen[person(unit)].append(at)

    def unit_value(who: str, first: datetime, variant: str) -> float:
        def inside(at: datetime, low: float = low_s, high: float = high_s) -> bool:
            return low <= (at - first).total_seconds() < high

        mine = [order for order in orders[who] if inside(order.at)]
        done = [(name, value) for at, name, value in actions[who] if inside(at)]
        used = [o for o in mine if COUPONS[variant] and o.coupon == COUPONS[variant]]
        first_ever = min((order.at for order in orders[who]), default=None)
        match measure:
            case ActionMeasure(name, ActionOf.ANY):
                return float(any(each == name for each, _ in done))
            case ActionMeasure(name, ActionOf.COUNT):
                return float(sum(each == name for each, _ in done))
            case ActionMeasure(name, ActionOf.VALUE):
                return sum(value or 0 for each, value in done if each == name)
            case ActionMeasure(name, ActionOf.NPS):
                scores = [value for each, value in done if each == name and value is not None]
                return float(sum(s >= 9 for s in scores) - sum(s <= 6 for s in scores))
            case ReturnMeasure(a, b, bought):
                times = [order.at for order in orders[who]]
                if not bought:
                    times += [at for at, _, _ in actions[who]] + seen[who]
                return float(any(a * 86_400 <= (at - first).total_seconds() < b * 86_400
                                 for at in times))  # fmt: skip
            case OrderMeasure.ORDERS:
                return float(len(mine))
            case OrderMeasure.BUYERS:
                return float(bool(mine))
            case OrderMeasure.REPEAT_BUYERS:
                return float(len(mine) >= 2)
            case OrderMeasure.FIRST_PURCHASES:
                return float(any(o.at == first_ever if o.first is None else o.first for o in mine))
            case OrderMeasure.REVENUE:
                return sum(order.revenue for order in mine)
            case OrderMeasure.NET_REVENUE:
                return sum(order.revenue - order.refunded for order in mine)
            case OrderMeasure.PROFIT:
                return sum(o.revenue - o.refunded - (o.cost * o.quantity - o.recovered) - o.shipping
                           for o in mine)  # fmt: skip
            case OrderMeasure.ITEMS:
                return float(sum(order.quantity for order in mine))
            case OrderMeasure.DISCOUNT:
                return sum(order.discount for order in mine)
            case OrderMeasure.REFUNDED_ORDERS:
                return float(sum(order.refunded > 0 for order in mine))
            case OrderMeasure.UPSELL_ORDERS:
                return float(sum(order.kind == LINE_KIND_UPSELL for order in mine))
            case OrderMeasure.CROSS_SELL_ORDERS:
                return float(sum(order.kind == LINE_KIND_CROSS_SELL for order in mine))
            case OrderMeasure.COUPON_ORDERS:
                return float(len(used))
            case OrderMeasure.COUPON_COST:
                return sum(order.discount for order in used)
            case OrderMeasure.ABANDONED_CARTS:
                return float(any(name == "add_to_cart" for name, _ in done) and not mine)
            case _:
                raise AssertionError(measure)

    return unit_value


def agree(answer: Answer, column: str, wanted: dict[tuple[str, bool], list[float]]) -> None:
    cells = {(cell.variant, cell.is_contaminated): cell.summary for cell in answer.cells}
    assert cells.keys() == wanted.keys()
    for key, values in wanted.items():
        summary = cells[key]
        assert summary.n == len(values)
        assert summary.sum(column) == pytest.approx(sum(values), abs=1e-6)
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        at = summary.columns.index(column)
        assert summary.comoments[at, at] == pytest.approx(squares, rel=1e-6, abs=1e-6)


def asked(policy: IdentityPolicy, *columns: UnitColumn, first_units: int | None = None) -> Question:
    names = [column.name for column in columns]
    coupons = {variant: code for variant, code in COUPONS.items() if code}
    products = tuple((name, name) for name in names)
    return Question(
        "free-shipping", 1, policy, columns, products, coupons=coupons, first_units=first_units
    )


@pytest.mark.parametrize("policy", IdentityPolicy)
@pytest.mark.parametrize("window_days", [0, 7])
def test_a_measure_is_what_its_definition_says(
    made: Shop, path: Path, policy: IdentityPolicy, window_days: int
) -> None:
    columns = [UnitColumn(name, measure, window_days) for name, measure in MEASURES.items()]
    (answer,) = answers(path, [asked(policy, *columns)])
    seen = 0

    for name, measure in MEASURES.items():
        high = window_days * 86_400 or float("inf")
        wanted = expected(made, policy, plain_reading(made, policy, measure, 0, high))
        agree(answer, name, wanted)
        seen += any(sum(values) for values in wanted.values())

    assert seen == len(MEASURES)


def test_covariates_are_what_happened_before(made: Shop, path: Path) -> None:
    policy = IdentityPolicy.FIRST_SEEN
    for measure in (OrderMeasure.REVENUE, ActionMeasure("view", ActionOf.COUNT)):
        column = UnitColumn("before", measure, before_days=1)
        reading = plain_reading(made, policy, measure, -86_400, 0)
        wanted = expected(made, policy, reading)

        assert any(sum(values) for values in wanted.values())
        agree(answers(path, [asked(policy, column)])[0], "before", wanted)


def test_a_cap_cuts_what_lies_above(made: Shop, path: Path) -> None:
    policy = IdentityPolicy.AS_ASSIGNED
    reading = plain_reading(made, policy, OrderMeasure.REVENUE, 0, float("inf"))
    whole = expected(made, policy, reading)
    column = UnitColumn("capped", OrderMeasure.REVENUE, cap=CapAtAmount(60))
    wanted = {key: [min(60, value) for value in values] for key, values in whole.items()}

    agree(answers(path, [asked(policy, column)])[0], "capped", wanted)


def test_a_quantile_cap_is_that_of_all_arms_together(made: Shop, path: Path) -> None:
    policy = IdentityPolicy.AS_ASSIGNED
    reading = plain_reading(made, policy, OrderMeasure.REVENUE, 0, float("inf"))
    whole = expected(made, policy, reading)
    positive = sorted(value for values in whole.values() for value in values if value > 0)
    # Linear interpolation between order statistics, as numpy and R (type 7) have it.
    place = 0.9 * (len(positive) - 1)
    low = int(place)
    cap = positive[low] + (place - low) * (positive[low + 1] - positive[low])
    column = UnitColumn("capped", OrderMeasure.REVENUE, cap=CapAtQuantile(0.9))
    wanted = {key: [min(cap, value) for value in values] for key, values in whole.items()}

    agree(answers(path, [asked(policy, column)])[0], "capped", wanted)


def test_segments_are_those_of_the_first_exposure(made: Shop, path: Path) -> None:
    (answer,) = answers(
        path,
        [
            Question(
                "free-shipping",
                1,
                IdentityPolicy.AS_ASSIGNED,
                (UnitColumn("orders", OrderMeasure.ORDERS),),
                segment="country",
            )
        ],
    )
    wanted: dict[str, set[str]] = defaultdict(set)
    for unit, _, _, country in made.exposures:
        wanted[country].add(unit)

    found: dict[str, int] = defaultdict(int)
    for cell in answer.cells:
        found[cell.segment] += cell.summary.n
    assert found == {country: len(units) for country, units in wanted.items()}


def test_the_first_units_are_the_first_to_enter(made: Shop, path: Path) -> None:
    entries = sorted((min(at for u, at, _, _ in made.exposures if u == unit), unit)
                     for unit in {unit for unit, _, _, _ in made.exposures})  # fmt: skip
    column = UnitColumn("orders", OrderMeasure.ORDERS)
    (answer,) = answers(path, [asked(IdentityPolicy.AS_ASSIGNED, column, first_units=50)])

    assert sum(cell.summary.n for cell in answer.cells) == 50
    first_us = min(cell.first_us for cell in answer.cells)
    assert first_us == int(entries[0][0].timestamp() * 1_000_000)


def test_another_campaign_s_exposures_do_not_count(path: Path) -> None:
    question = Question("other", 1, IdentityPolicy.FIRST_SEEN, ())

    assert answers(path, [question])[0].cells == ()
