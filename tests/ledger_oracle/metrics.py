"""The catalogue's metrics, one unit at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from .events import DAY, Action, Campaign, Event, Exposure, Figures, Link, VariantFigures
from .orders import Worth, exchanged, orders_of
from .people import Entry, entries_of, people_of


@dataclass(slots=True)
class Person:
    """Everything that is known of one person."""

    orders: list[Worth] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """One person within one window after the first exposure."""

    person: Person
    entry: Entry
    window: int
    coupon: str

    def inside(self, at: int) -> bool:
        """From the first exposure on, up to the window's end."""
        return self.entry.at <= at < self.entry.at + self.window

    @property
    def orders(self) -> list[Worth]:
        """Orders that count, in the window."""
        return [one for one in self.person.orders if one.counts and self.inside(one.at)]

    def actions(self, name: str) -> list[Action]:
        """Actions of that name in the window."""
        return [one for one in self.person.actions if one.name == name and self.inside(one.at)]

    @property
    def first_purchases(self) -> int:
        """1 if the first order ever is in the window, as the shop or else as Fairlift knows."""
        counted = [one for one in self.person.orders if one.counts]
        earliest = min((one.at for one in counted), default=None)
        for one in self.orders:
            if one.first or (one.first is None and one.at == earliest):
                return 1
        return 0

    def came_back(self, first_day: int, last_day: int) -> int:
        """1 if any event of the person lies between the two days after the first exposure."""
        start, end = self.entry.at + first_day * DAY, self.entry.at + last_day * DAY
        times = [one.at for one in self.person.orders if one.real]
        times += [one.at for one in self.person.actions]
        times += [one.at for one in self.person.exposures]
        times += [one.at for one in self.person.links]
        return int(any(start <= at < end and at > self.entry.at for at in times))


Number = Callable[[Reading], Fraction | int]


def _sum(of: Callable[[Worth], Fraction | int]) -> Number:
    return lambda reading: sum((Fraction(of(one)) for one in reading.orders), Fraction(0))


def _score(value: float | None) -> int:
    if value is None or not 0 <= value <= 10:
        return 0
    return int(value >= 9) - int(value <= 6)


def orders(reading: Reading) -> int:
    """Orders that count."""
    return len(reading.orders)


revenue: Number = _sum(lambda one: one.revenue)
net_revenue: Number = _sum(lambda one: one.net)
profit: Number = _sum(lambda one: one.profit)
items: Number = _sum(lambda one: one.items)
discount: Number = _sum(lambda one: one.discount)
refunded: Number = _sum(lambda one: int(one.refunded))
upsell: Number = _sum(lambda one: int(one.upsell))
cross_sell: Number = _sum(lambda one: int(one.cross_sell))


def buyers(reading: Reading) -> int:
    """1 for at least one order."""
    return int(len(reading.orders) >= 1)


def repeat_buyers(reading: Reading) -> int:
    """1 for at least two orders."""
    return int(len(reading.orders) >= 2)


def lines(what: str, kind: str = "", category: str = "", products: tuple[str, ...] = ()) -> Number:
    """Revenue or items of some lines of the orders that count, or orders that have such a line."""

    def number(reading: Reading) -> Fraction:
        total = Fraction(0)
        for one in reading.orders:
            found = [
                line
                for line in one.content.lines
                if kind in ("", line.kind)
                and category in ("", line.category)
                and (not products or line.product in products)
            ]
            match what:
                case "revenue":
                    total += exchanged(sum(x.quantity * x.price for x in found), one.rate)
                case "items":
                    total += sum(x.quantity for x in found)
                case "orders":
                    total += bool(found)
        return total

    return number


def repeat_orders(reading: Reading) -> int:
    """Gaps between the orders, one after the other."""
    return len(reading.orders[1:])


def gaps(reading: Reading) -> Fraction:
    """The days between each order and the next."""
    moments = sorted(one.at for one in reading.orders)
    return sum((Fraction(after - before, DAY) for before, after in pairwise(moments)), Fraction(0))


def coupon_orders(reading: Reading) -> int:
    """Orders that used the variant's coupon, compared without case."""
    return sum(
        1 for one in reading.orders if reading.coupon and reading.coupon.casefold() in one.coupons
    )


def coupon_cost(reading: Reading) -> Fraction:
    """Discount on the orders that used the variant's coupon."""
    used = [
        one for one in reading.orders if reading.coupon and reading.coupon.casefold() in one.coupons
    ]
    return sum((one.discount for one in used), Fraction(0))


def carts(reading: Reading) -> int:
    """1 for a unit that put something into the cart."""
    return int(bool(reading.actions("add_to_cart")))


def abandoned(reading: Reading) -> int:
    """1 for a cart without an order."""
    return int(bool(carts(reading)) and not reading.orders)


def count_of(name: str) -> Number:
    """How often the action was done."""
    return lambda reading: len(reading.actions(name))


def any_of(name: str) -> Number:
    """1 if the action was done."""
    return lambda reading: int(bool(reading.actions(name)))


def value_of(name: str) -> Number:
    """Sum of the values sent with the action."""
    return lambda reading: sum(
        (Fraction(one.value) for one in reading.actions(name) if one.value is not None),
        Fraction(0),
    )


def nps(reading: Reading) -> int:
    """Promoters (9, 10) less detractors (0 to 6)."""
    return sum(_score(one.value) for one in reading.actions("nps"))


def came_back(first_day: int, last_day: int) -> Number:
    """1 if the person came back between the two days."""
    return lambda reading: reading.came_back(first_day, last_day)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: a rate (`numerator` > 0), a mean, or a ratio."""

    numerator: Number
    denominator: Number | None = None
    rate: bool = False
    # Days; None is the plan's window.
    days: int | None = None


CATALOGUE: dict[str, Definition] = {
    "conversion_rate": Definition(orders, rate=True),
    "average_ticket": Definition(revenue, orders),
    "revenue_per_visitor": Definition(revenue),
    "net_revenue_per_visitor": Definition(net_revenue),
    "profit_per_visitor": Definition(profit),
    "orders_per_visitor": Definition(orders),
    "orders_per_buyer": Definition(orders, buyers),
    "customer_spend": Definition(revenue, buyers),
    "items_per_order": Definition(items, orders),
    "price_per_item": Definition(revenue, items),
    "discount_per_order": Definition(discount, orders),
    "first_purchase_rate": Definition(lambda reading: reading.first_purchases, rate=True),
    "repeat_purchase_rate": Definition(repeat_buyers, buyers),
    "upsell_rate": Definition(upsell, orders),
    "cross_sell_rate": Definition(cross_sell, orders),
    "upsell_revenue_per_visitor": Definition(lines("revenue", "upsell")),
    "cross_sell_revenue_per_visitor": Definition(lines("revenue", "cross_sell")),
    "upsell_items_per_order": Definition(lines("items", "upsell"), orders),
    "cross_sell_items_per_order": Definition(lines("items", "cross_sell"), orders),
    "days_between_orders": Definition(gaps, repeat_orders),
    "category_revenue(Shoes)": Definition(lines("revenue", category="Shoes")),
    "category_items(Shoes)": Definition(lines("items", category="Shoes")),
    "recommended_revenue": Definition(lines("revenue", "cross_sell", products=("sku-1", "sku-3"))),
    "recommended_share": Definition(lines("orders", products=("sku-2",)), orders),
    "refund_rate": Definition(refunded, orders),
    "cart_rate": Definition(carts, rate=True),
    "cart_abandonment_rate": Definition(abandoned, carts),
    "nps": Definition(nps, count_of("nps")),
    "coupon_redemption_rate": Definition(coupon_orders, rate=True),
    "coupon_cost_per_visitor": Definition(coupon_cost),
    "action_rate(newsletter)": Definition(any_of("newsletter"), rate=True),
    "micro_value(view_360)": Definition(value_of("view_360")),
    "retention_d0_2": Definition(came_back(0, 2), rate=True, days=2),
    "retention_d2_5": Definition(came_back(2, 5), rate=True, days=5),
    "clv_6": Definition(net_revenue, days=6),
}


def _people(events: list[Event], campaign: Campaign) -> dict[str, Person]:
    owner = {} if campaign.policy == "as_assigned" else people_of(events)
    people: dict[str, Person] = {}
    for order in orders_of(events, campaign.shop_currency):
        people.setdefault(owner.get(order.unit, order.unit), Person()).orders.append(order)
    for event in events:
        if isinstance(event, Action):
            people.setdefault(owner.get(event.unit, event.unit), Person()).actions.append(event)
        elif isinstance(event, Exposure):
            people.setdefault(owner.get(event.unit, event.unit), Person()).exposures.append(event)
        elif isinstance(event, Link):
            person = people.setdefault(owner.get(event.visitor, event.visitor), Person())
            person.links.append(event)
    return people


def _add(figures: Figures, definition: Definition, reading: Reading) -> None:
    numerator = Fraction(definition.numerator(reading))
    if definition.rate:
        numerator = Fraction(int(numerator > 0))
    figures.units += 1
    figures.numerator += numerator
    figures.squares += numerator * numerator
    if definition.denominator is not None:
        figures.denominator += Fraction(definition.denominator(reading))


def report(events: Iterable[Event], campaign: Campaign, as_of: int) -> dict[str, VariantFigures]:
    """What the reference says of each variant, from accepted events in any order.

    A unit is mature for a metric when its window was over before `as_of`. Totals hold all units,
    mature or not, over the plan's window.
    """
    events = list({event.id: event for event in events}.values())
    people = _people(events, campaign)
    answer = {variant: VariantFigures() for variant in campaign.variants}
    for figures in answer.values():
        figures.metrics = {name: Figures() for name in CATALOGUE}
    for entry in entries_of(events, campaign):
        figures = answer[entry.variant]
        if entry.contaminated:
            figures.contaminated += 1
            continue
        person = people[entry.person]
        coupon = campaign.variants[entry.variant]
        whole = Reading(person, entry, campaign.window, coupon)
        figures.units += 1
        figures.mature += int(entry.at + campaign.window < as_of)
        figures.buyers += buyers(whole)
        figures.orders += len(whole.orders)
        figures.revenue += Fraction(revenue(whole))
        figures.net_revenue += Fraction(net_revenue(whole))
        figures.refunded_orders += int(refunded(whole))
        for name, definition in CATALOGUE.items():
            window = campaign.window if definition.days is None else definition.days * DAY
            if entry.at + window >= as_of:
                figures.metrics[name].immature += 1
            else:
                _add(figures.metrics[name], definition, Reading(person, entry, window, coupon))
    return answer
