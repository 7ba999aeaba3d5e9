"""A random shop: what its visitors did, and the same as messages in a random order."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fairlift.v1.event_service_pb2 import Event

from tests.server import shop

START = shop.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=60)
COUPONS = {"control": "", "free": "FREE5", "gift": "GIFT"}


@dataclass(frozen=True)
class Exposure:
    unit: str
    at: datetime
    variant: str
    country: str


@dataclass(frozen=True)
class Action:
    unit: str
    at: datetime
    name: str
    value: float | None


@dataclass(frozen=True)
class Link:
    visitor: str
    customer: str
    at: datetime


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
    amended_at: datetime | None = None

    def known_at(self, moment: datetime | None) -> "Order":
        """The order before its refund or cancellation, if that came at this moment or later."""
        if moment is None or self.amended_at is None or self.amended_at < moment:
            return self
        return replace(self, refunded=0, recovered=0, cancelled=False)

    @property
    def revenue(self) -> float:
        return self.price * self.quantity - self.discount


@dataclass
class Shop:
    exposures: list[Exposure] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def expose(self, unit: str, at: datetime, variant: str, country: str = "") -> None:
        self.exposures.append(Exposure(unit, at, variant, country))
        self.events.append(shop.exposure(unit, variant, at=at, country=country))

    def link(self, visitor: str, customer: str, at: datetime) -> None:
        self.links.append(Link(visitor, customer, at))
        self.events.append(shop.identity(visitor, customer, at=at))

    def act(self, unit: str, name: str, at: datetime, value: float | None = None) -> None:
        self.actions.append(Action(unit, at, name, value))
        self.events.append(shop.action(unit, name, value, at=at))

    def order(self, order: Order) -> str:
        self.orders.append(order)
        order_id = f"o{len(self.orders)}"
        line = shop.line(order.price, quantity=order.quantity, cost=order.cost, kind=order.kind)  # type: ignore[arg-type]  # 1 to 3
        self.events.append(
            shop.order(
                order.unit,
                order_id,
                line,
                at=order.at,
                discount=order.discount,
                shipping=order.shipping,
                coupon=order.coupon,
                first_purchase=order.first,
            )
        )
        return order_id


def random_shop(rng: random.Random, *, visitors: int = 240) -> Shop:
    """Visitors of 20 days, some of whom are one customer, share a device, or see two variants.

    Times are whole hours, so that many things happen at the same moment.
    """
    made = Shop()
    for number in range(visitors):
        visitor, country = f"v{number}", rng.choice(["ES", "RO", ""])
        variant = rng.choice([*COUPONS])
        first = START + timedelta(hours=rng.randrange(20 * 24))
        for again in range(rng.choice([1, 1, 2])):
            seen = rng.choice([*COUPONS]) if again and rng.random() < 0.3 else variant
            made.expose(visitor, first + timedelta(hours=rng.choice([0, 1, 70]) * again), seen,
                        country)  # fmt: skip
        units = [visitor]
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            customer = f"c{rng.randrange(30)}"
            made.link(visitor, customer, first + timedelta(hours=rng.randrange(-48, 96)))
            units.append(customer)
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            at = first + _after(rng, -48, 15 * 24)
            _random_order(made, rng, rng.choice(units), at)
        for name in ("add_to_cart", "nps", "view"):
            if rng.random() < 0.5:
                at = first + _after(rng, -24, 10 * 24)
                value = None if name == "add_to_cart" else float(rng.randrange(11))
                made.act(visitor, name, at, value)
    # Customers whose accounts were merged: a chain, and a circle.
    for before, after in (("c1", "c2"), ("c2", "d3"), ("c4", "c5"), ("c5", "c4")):
        made.link(before, after, START)
    rng.shuffle(made.events)
    return made


def _after(rng: random.Random, least_hours: int, most_hours: int) -> timedelta:
    """Within the same visit, or in any hour of a span."""
    if rng.random() < 0.45:
        return timedelta(minutes=rng.choice([0, 20, 30]))
    return timedelta(hours=rng.randrange(least_hours, most_hours))


def _random_order(made: Shop, rng: random.Random, unit: str, at: datetime) -> None:
    order = Order(
        unit, at, price=rng.randrange(1, 90) + 0.5, quantity=rng.randrange(1, 4),
        cost=rng.randrange(20) / 4, discount=rng.choice([0, 0.5]), shipping=rng.choice([0, 4.2]),
        coupon=rng.choice([*COUPONS.values()]), kind=rng.choice([1, 2, 3]),
        first=rng.choice([None, None, True, False]),
    )  # fmt: skip
    order_id = made.order(order)
    fate = rng.random()
    later = at + timedelta(days=int(order.price) % 12, hours=1)
    if fate < 0.15:
        order.cancelled, order.amended_at = True, later
        made.events.append(shop.cancellation(order_id, at=later))
    elif fate < 0.35:
        order.refunded, order.recovered, order.amended_at = order.revenue / 2, order.cost, later
        made.events.append(
            shop.refund(order_id, order.refunded, recovered=order.recovered, items=1, at=later)
        )
