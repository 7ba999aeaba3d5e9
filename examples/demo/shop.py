"""A simulated shop: visitors arrive, see campaigns, order, and return goods."""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fairlift import Cancellation, Client, LineKind, OrderLine, Refund

from examples.demo.truth import COUPON_DISCOUNT, COUPON_USE, effect

CURRENCY = "EUR"
MICROS_PER_CENT = 10_000
_MARGIN = 0.45
_DELIVERY_MICROS = 4_900_000
_THRESHOLD_CENTS = 5_000
_MEAN_CART_CENTS = 4_400
_SPREAD = 0.40
# Monday to Sunday; the start may be any day.
_WEEK = (0.95, 0.9, 0.9, 0.95, 1.1, 1.2, 1.0)


@dataclass(frozen=True, slots=True)
class Visitor:
    """One simulated visitor."""

    id: str
    country: str
    device: str
    returning: bool

    def attributes(self, **now: str | float | bool) -> dict[str, str | float | bool]:
        """The attributes that the storefront sends: permanent ones, and those of the moment."""
        permanent: dict[str, str | float | bool] = {
            "country": self.country,
            "device": self.device,
            "returning": self.returning,
        }
        return permanent | now


@dataclass(slots=True)
class CombinedEffect:
    """The combined effect of the variants that a visitor has seen."""

    conversion: float = 1.0
    ticket: float = 1.0
    has_coupon: bool = False
    free_delivery: bool = False


@dataclass(slots=True)
class Shop:
    """The simulated storefront: gets variants from the client and records events."""

    client: Client
    rng: random.Random
    start: datetime
    days: int
    visitors: int
    orders: int = 0
    _visitor_numbers: Iterator[int] = field(default_factory=itertools.count)
    # Future events: a heap by time, then by number, because functions cannot be compared.
    _scheduled: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _schedule_numbers: Iterator[int] = field(default_factory=itertools.count)

    def simulate_day(self, day: int) -> int:
        """Simulates one day; returns the number of visitors."""
        day_start = self.start + timedelta(days=day)
        arrivals = self._arrivals(day)
        for visitor in arrivals:
            self._visit(visitor, day_start + timedelta(hours=self.rng.uniform(0, 23.5)))
        day_end = day_start + timedelta(days=1)
        while self._scheduled and self._scheduled[0][0] < day_end:
            moment, _, event = heapq.heappop(self._scheduled)
            event(moment)
        return len(arrivals)

    def _arrivals(self, day: int) -> list[Visitor]:
        weights = [_WEEK[(self.start + timedelta(days=d)).weekday()] for d in range(self.days)]
        before, after = (sum(weights[:d]) / sum(weights) for d in (day, day + 1))
        count = round(after * self.visitors) - round(before * self.visitors)
        return [self._visitor() for _ in range(count)]

    def _visitor(self) -> Visitor:
        rng = self.rng
        return Visitor(
            id=f"visitor-{next(self._visitor_numbers):05d}",
            country=rng.choices(("ES", "RO", "PT", "FR"), (60, 20, 10, 10))[0],
            device=rng.choices(("mobile", "desktop"), (65, 35))[0],
            returning=rng.random() < 0.3,
        )

    def _visit(self, visitor: Visitor, moment: datetime) -> None:
        """One visit: product page, cart, exit intent, perhaps an order."""
        combined, steps = CombinedEffect(), itertools.count()

        def next_moment() -> datetime:
            return moment + timedelta(minutes=2 * next(steps))

        if self.rng.random() < 0.85:
            self._expose(visitor, "cross-sell", combined, next_moment(), page="product")
            if self.rng.random() < 0.2:
                self.client.action(visitor.id, "view_360", time=next_moment())
        cart = round(_MEAN_CART_CENTS * self.rng.lognormvariate(-(_SPREAD**2) / 2, _SPREAD))
        has_cart = self.rng.random() < 0.55
        if has_cart:
            self.client.action(visitor.id, "add_to_cart", time=next_moment())
            self._expose(visitor, "free-shipping", combined, next_moment(), cart_value=cart / 100)
        if self.rng.random() < 0.75:
            self._expose(visitor, "coupon-popup", combined, next_moment(), exit_intent=True)
            if self.rng.random() < 0.08:
                self.client.action(visitor.id, "newsletter", time=next_moment())
        if self.rng.random() < (0.26 if has_cart else 0.06) * combined.conversion:
            self._order(visitor, next_moment(), cart, combined)

    def _expose(
        self,
        visitor: Visitor,
        campaign: str,
        combined: CombinedEffect,
        moment: datetime,
        **now: str | float | bool,
    ) -> None:
        """Assigns and exposes a campaign, and applies the effect of its variant."""
        assignment = self.client.assign(campaign, visitor.id, visitor.attributes(**now))
        if not self.client.expose(assignment, time=moment):
            return
        change = effect(campaign, assignment.variant)
        combined.conversion *= change.conversion
        combined.has_coupon |= bool(assignment.payload.get("coupon"))
        combined.free_delivery |= bool(assignment.payload.get("threshold"))
        if not assignment.payload.get("coupon"):
            # A coupon changes the ticket by its discount, not by the basket.
            combined.ticket *= change.ticket

    def _order(
        self, visitor: Visitor, moment: datetime, cart_cents: int, combined: CombinedEffect
    ) -> None:
        self.orders += 1
        order_id = f"order-{self.orders:05d}"
        goods = max(round(cart_cents * combined.ticket), 300)
        uses_coupon = combined.has_coupon and self.rng.random() < COUPON_USE
        discount = round(goods * COUPON_DISCOUNT) if uses_coupon else 0
        lines = self._lines(goods)
        self.client.order(
            visitor.id,
            order_id,
            lines,
            currency=CURRENCY,
            discount_micros=discount * MICROS_PER_CENT,
            coupon="WELCOME10" if uses_coupon else "",
            shipping_cost_micros=_DELIVERY_MICROS
            if combined.free_delivery and goods >= _THRESHOLD_CENTS
            else 0,
            first_purchase=not visitor.returning,
            channel=self.rng.choice(("search", "email", "direct")),
            time=moment,
        )
        self._schedule_amendment(order_id, goods - discount, lines, moment)
        if self.rng.random() < 0.12:
            again = moment + timedelta(days=self.rng.uniform(1, 10))
            basket = round(cart_cents * self.rng.lognormvariate(0, 0.2))
            self._schedule(again, lambda at: self._order(visitor, at, basket, combined))

    def _schedule_amendment(
        self, order_id: str, paid_cents: int, lines: list[OrderLine], moment: datetime
    ) -> None:
        """Schedules a refund for some orders, and a cancellation for a few."""
        fate = self.rng.random()
        later = moment + timedelta(days=self.rng.uniform(2, 8))
        if fate < 0.01:
            soon = moment + timedelta(hours=3)
            self._schedule(soon, lambda at: self.client.amend(order_id, Cancellation(), time=at))
        elif fate < 0.07:
            line = lines[0]
            amount = min(line.unit_price_micros, paid_cents * MICROS_PER_CENT)
            refund = Refund(amount, CURRENCY, line.unit_cost_micros, 1)
            self._schedule(later, lambda at: self.client.amend(order_id, refund, time=at))

    def _lines(self, goods_cents: int) -> list[OrderLine]:
        """One to three order lines that add up to the value of the goods."""
        count = self.rng.choices((1, 2, 3), (55, 30, 15))[0]
        cuts = sorted(self.rng.randrange(1, goods_cents) for _ in range(count - 1))
        prices = [b - a for a, b in itertools.pairwise((0, *cuts, goods_cents)) if b > a]
        return [
            OrderLine(
                product_id=f"sku-{self.rng.randrange(400):03d}",
                quantity=1,
                unit_price_micros=price * MICROS_PER_CENT,
                unit_cost_micros=round(price * (1 - _MARGIN)) * MICROS_PER_CENT,
                kind=LineKind.CROSS_SELL if n and self.rng.random() < 0.3 else LineKind.REGULAR,
                category=self.rng.choice(("shirts", "shoes", "jackets", "sale")),
            )
            for n, price in enumerate(prices)
        ]

    def _schedule(self, moment: datetime, event: Callable[[datetime], None]) -> None:
        """Schedules an event, unless it is after the end of the simulation."""
        if moment < self.start + timedelta(days=self.days):
            heapq.heappush(self._scheduled, (moment, next(self._schedule_numbers), event))
