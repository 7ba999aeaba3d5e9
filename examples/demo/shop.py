"""A shop full of simulated visitors: they come, meet campaigns, buy, and send things back."""

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
    """Somebody who comes to the shop."""

    id: str
    country: str
    device: str
    returning: bool

    def attributes(self, **now: str | float | bool) -> dict[str, str | float | bool]:
        """What the storefront knows of them, with what is true at this moment."""
        known: dict[str, str | float | bool] = {
            "country": self.country,
            "device": self.device,
            "returning": self.returning,
        }
        return known | now


@dataclass(slots=True)
class Met:
    """What the campaigns that a visitor met do to them, all together."""

    conversion: float = 1.0
    ticket: float = 1.0
    has_coupon: bool = False
    free_delivery: bool = False


@dataclass(slots=True)
class Shop:
    """The storefront: asks the client for variants, and tells it what happened."""

    client: Client
    rng: random.Random
    start: datetime
    days: int
    visitors: int
    orders: int = 0
    _came: Iterator[int] = field(default_factory=itertools.count)
    # What is still to happen: a heap by time, then by number, for functions have no order.
    _later: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _planned: Iterator[int] = field(default_factory=itertools.count)

    def live(self, day: int) -> int:
        """Lives through one day; answers how many visitors came."""
        begins = self.start + timedelta(days=day)
        coming = self._arrivals(day)
        for visitor in coming:
            self._visit(visitor, begins + timedelta(hours=self.rng.uniform(0, 23.5)))
        ends = begins + timedelta(days=1)
        while self._later and self._later[0][0] < ends:
            moment, _, happen = heapq.heappop(self._later)
            happen(moment)
        return len(coming)

    def _arrivals(self, day: int) -> list[Visitor]:
        weights = [_WEEK[(self.start + timedelta(days=d)).weekday()] for d in range(self.days)]
        before, after = (sum(weights[:d]) / sum(weights) for d in (day, day + 1))
        count = round(after * self.visitors) - round(before * self.visitors)
        return [self._visitor() for _ in range(count)]

    def _visitor(self) -> Visitor:
        rng = self.rng
        return Visitor(
            id=f"visitor-{next(self._came):05d}",
            country=rng.choices(("ES", "RO", "PT", "FR"), (60, 20, 10, 10))[0],
            device=rng.choices(("mobile", "desktop"), (65, 35))[0],
            returning=rng.random() < 0.3,
        )

    def _visit(self, visitor: Visitor, moment: datetime) -> None:
        """A walk through the shop: product page, cart, the wish to leave, perhaps an order."""
        met, step = Met(), itertools.count()

        def soon() -> datetime:
            return moment + timedelta(minutes=2 * next(step))

        if self.rng.random() < 0.85:
            self._meet(visitor, "cross-sell", met, soon(), page="product")
            if self.rng.random() < 0.2:
                self.client.action(visitor.id, "view_360", time=soon())
        cart = round(_MEAN_CART_CENTS * self.rng.lognormvariate(-(_SPREAD**2) / 2, _SPREAD))
        has_cart = self.rng.random() < 0.55
        if has_cart:
            self.client.action(visitor.id, "add_to_cart", time=soon())
            self._meet(visitor, "free-shipping", met, soon(), cart_value=cart / 100)
        if self.rng.random() < 0.75:
            self._meet(visitor, "coupon-popup", met, soon(), exit_intent=True)
            if self.rng.random() < 0.08:
                self.client.action(visitor.id, "newsletter", time=soon())
        if self.rng.random() < (0.26 if has_cart else 0.06) * met.conversion:
            self._order(visitor, soon(), cart, met)

    def _meet(
        self, visitor: Visitor, campaign: str, met: Met, moment: datetime, **now: str | float | bool
    ) -> None:
        """Shows the visitor what the campaign's variant says, if they are in its audience."""
        shown = self.client.assign(campaign, visitor.id, visitor.attributes(**now))
        if not self.client.expose(shown, time=moment):
            return
        does = effect(campaign, shown.variant)
        met.conversion *= does.conversion
        met.has_coupon |= bool(shown.payload.get("coupon"))
        met.free_delivery |= bool(shown.payload.get("threshold"))
        if not shown.payload.get("coupon"):
            # The coupon's part of the ticket comes from its discount, not from the basket.
            met.ticket *= does.ticket

    def _order(self, visitor: Visitor, moment: datetime, cart_cents: int, met: Met) -> None:
        self.orders += 1
        order_id = f"order-{self.orders:05d}"
        goods = max(round(cart_cents * met.ticket), 300)
        uses_coupon = met.has_coupon and self.rng.random() < COUPON_USE
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
            if met.free_delivery and goods >= _THRESHOLD_CENTS
            else 0,
            first_purchase=not visitor.returning,
            channel=self.rng.choice(("search", "email", "direct")),
            time=moment,
        )
        self._after(order_id, goods - discount, lines, moment)
        if self.rng.random() < 0.12:
            again = moment + timedelta(days=self.rng.uniform(1, 10))
            basket = round(cart_cents * self.rng.lognormvariate(0, 0.2))
            self._plan(again, lambda at: self._order(visitor, at, basket, met))

    def _after(
        self, order_id: str, paid_cents: int, lines: list[OrderLine], moment: datetime
    ) -> None:
        """Some orders come back, whole or in part; a few are cancelled."""
        fate = self.rng.random()
        later = moment + timedelta(days=self.rng.uniform(2, 8))
        if fate < 0.01:
            soon = moment + timedelta(hours=3)
            self._plan(soon, lambda at: self.client.amend(order_id, Cancellation(), time=at))
        elif fate < 0.07:
            line = lines[0]
            amount = min(line.unit_price_micros, paid_cents * MICROS_PER_CENT)
            refund = Refund(amount, CURRENCY, line.unit_cost_micros, 1)
            self._plan(later, lambda at: self.client.amend(order_id, refund, time=at))

    def _lines(self, goods_cents: int) -> list[OrderLine]:
        """The basket as one to three lines that add up to its value."""
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

    def _plan(self, moment: datetime, happen: Callable[[datetime], None]) -> None:
        """Lets something happen later, unless the simulation is over by then."""
        if moment < self.start + timedelta(days=self.days):
            heapq.heappush(self._later, (moment, next(self._planned), happen))
