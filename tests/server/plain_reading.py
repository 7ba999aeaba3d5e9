"""The metrics and windows of docs/campaigns.md, event by event, in the plainest way."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    LineKind,
    LineMeasure,
    LineOf,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift.v1.event_service_pb2 import (
    LINE_KIND_CROSS_SELL,
    LINE_KIND_REGULAR,
    LINE_KIND_UPSELL,
)

from tests.server.random_shop import COUPONS, Action, Exposure, Link, Order, Shop

DAY = timedelta(days=1)
# None has no end.
Span = tuple[timedelta, timedelta | None]


@dataclass
class Person:
    """A person who was exposed, with everything that is known of them."""

    name: str
    exposures: list[Exposure] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    # When they did what counts for coming back alone: logging in, an order that was cancelled.
    other_moments: list[datetime] = field(default_factory=list)

    @property
    def _first_exposure(self) -> Exposure:
        return min(self.exposures, key=lambda e: (e.at, e.unit, e.variant))

    @property
    def first(self) -> datetime:
        return self._first_exposure.at

    @property
    def variant(self) -> str:
        return self._first_exposure.variant

    @property
    def country(self) -> str:
        return self._first_exposure.country

    def mixed_at(self, policy: IdentityPolicy) -> datetime | None:
        """When variants were mixed up: by one unit, or by policy by all units of the person."""
        groups: dict[str, list[Exposure]] = defaultdict(list)
        for exposure in self.exposures:
            groups["" if policy is IdentityPolicy.EXCLUDE else exposure.unit].append(exposure)
        moments = []
        for group in groups.values():
            seen: set[str] = set()
            for exposure in sorted(group, key=lambda e: e.at):
                seen.add(exposure.variant)
                if len(seen) > 1:
                    moments.append(exposure.at)
                    break
        return min(moments, default=None)

    def mature_on(self, window: timedelta, zone: str) -> date:
        return (self.first + window).astimezone(ZoneInfo(zone)).date()


def people_of(made: Shop, policy: IdentityPolicy, *, until: datetime | None = None) -> list[Person]:
    """Everybody who was exposed, by what happened before a moment."""

    def known(at: datetime) -> bool:
        return until is None or at < until

    name = names_of(made, policy, until=until)
    people: dict[str, Person] = {}
    for exposure in made.exposures:
        if known(exposure.at):
            who = name(exposure.unit)
            people.setdefault(who, Person(who)).exposures.append(exposure)
    for order in (order.known_at(until) for order in made.orders):
        if not known(order.at) or name(order.unit) not in people:
            continue
        if order.cancelled:
            people[name(order.unit)].other_moments.append(order.at)
        else:
            people[name(order.unit)].orders.append(order)
    for link in made.links:
        if known(link.at) and name(link.visitor) in people:
            people[name(link.visitor)].other_moments.append(link.at)
    for action in made.actions:
        if known(action.at) and name(action.unit) in people:
            people[name(action.unit)].actions.append(action)
    return [*people.values()]


def names_of(
    made: Shop, policy: IdentityPolicy, *, until: datetime | None = None
) -> Callable[[str], str]:
    """Who a unit is, by the links before a moment."""
    return _names([link for link in made.links if until is None or link.at < until], policy)


def _names(links: Sequence[Link], policy: IdentityPolicy) -> Callable[[str], str]:
    """Who a unit is: its first customer, who may have become another one, and so on."""
    owner: dict[str, str] = {}
    for link in sorted(links, key=lambda link: (link.at, link.customer)):
        owner.setdefault(link.visitor, link.customer)

    def name(unit: str) -> str:
        path = [unit]
        while path[-1] in owner:
            following = owner[path[-1]]
            if following in path:
                return min(path[path.index(following) :])
            path.append(following)
        return path[-1]

    return (lambda unit: unit) if policy is IdentityPolicy.AS_ASSIGNED else name


def value_of(person: Person, measure: Measure, span: Span) -> float:
    """The measure of one person over the span after the first exposure."""
    low, high = span

    def inside(at: datetime) -> bool:
        since = at - person.first
        return low <= since and (high is None or since < high)

    orders = [order for order in person.orders if inside(order.at)]
    actions = [action for action in person.actions if inside(action.at)]
    match measure:
        case ActionMeasure(name, of):
            return _actions([action for action in actions if action.name == name], of)
        case ReturnMeasure():
            return float(any(_returns(person, measure)))
        case OrderMeasure.ABANDONED_CARTS:
            return float(any(action.name == "add_to_cart" for action in actions) and not orders)
        case LineMeasure(of, kinds):
            return _lines([order for order in orders if _LINE_KINDS[order.kind] in kinds], of)
        case _:
            return _orders(person, orders, measure)


# Every order of the shop has one line.
_LINE_KINDS: dict[int, LineKind] = {
    LINE_KIND_REGULAR: LineKind.REGULAR,
    LINE_KIND_UPSELL: LineKind.UPSELL,
    LINE_KIND_CROSS_SELL: LineKind.CROSS_SELL,
}


def _lines(orders: list[Order], of: LineOf) -> float:
    match of:
        case LineOf.REVENUE:
            return sum(order.price * order.quantity for order in orders)
        case LineOf.ITEMS:
            return float(sum(order.quantity for order in orders))
        case LineOf.ORDERS:
            return float(len(orders))


def _actions(actions: list[Action], of: ActionOf) -> float:
    values = [action.value for action in actions if action.value is not None]
    match of:
        case ActionOf.ANY:
            return float(bool(actions))
        case ActionOf.COUNT | ActionOf.WORTH:
            return float(len(actions))
        case ActionOf.VALUE:
            return sum(values)
        case ActionOf.NPS:
            return float(sum(value >= 9 for value in values) - sum(value <= 6 for value in values))


def _returns(person: Person, measure: ReturnMeasure) -> Iterator[datetime]:
    moments = [order.at for order in person.orders]
    if not measure.bought:
        moments += [action.at for action in person.actions]
        moments += [exposure.at for exposure in person.exposures]
        moments += person.other_moments
    for at in moments:
        since = at - person.first
        if measure.from_day * DAY <= since < measure.to_day * DAY and (
            measure.bought or since > timedelta()
        ):
            yield at


def _orders(person: Person, orders: list[Order], measure: OrderMeasure) -> float:
    coupon = COUPONS[person.variant]
    used = [order for order in orders if coupon and order.coupon == coupon]
    first_ever = min((order.at for order in person.orders), default=None)
    sums: dict[OrderMeasure, Callable[[], float]] = {
        OrderMeasure.ORDERS: lambda: len(orders),
        OrderMeasure.BUYERS: lambda: bool(orders),
        OrderMeasure.REPEAT_BUYERS: lambda: len(orders) >= 2,
        OrderMeasure.FIRST_PURCHASES: lambda: any(
            order.at == first_ever if order.first is None else order.first for order in orders
        ),
        OrderMeasure.REPEAT_ORDERS: lambda: max(len(orders) - 1, 0),
        OrderMeasure.DAYS_BETWEEN_ORDERS: lambda: _days_between([order.at for order in orders]),
        OrderMeasure.REVENUE: lambda: sum(order.revenue for order in orders),
        OrderMeasure.NET_REVENUE: lambda: sum(o.revenue - o.refunded for o in orders),
        OrderMeasure.PROFIT: lambda: sum(
            o.revenue - o.refunded - (o.cost * o.quantity - o.recovered) - o.shipping
            for o in orders
        ),
        OrderMeasure.ITEMS: lambda: sum(order.quantity for order in orders),
        OrderMeasure.DISCOUNT: lambda: sum(order.discount for order in orders),
        OrderMeasure.REFUNDED_ORDERS: lambda: sum(order.refunded > 0 for order in orders),
        OrderMeasure.UPSELL_ORDERS: lambda: sum(o.kind == LINE_KIND_UPSELL for o in orders),
        OrderMeasure.CROSS_SELL_ORDERS: lambda: sum(o.kind == LINE_KIND_CROSS_SELL for o in orders),
        OrderMeasure.COUPON_ORDERS: lambda: len(used),
        OrderMeasure.COUPON_COST: lambda: sum(order.discount for order in used),
    }
    return float(sums[measure]())


def _days_between(moments: list[datetime]) -> float:
    return sum((after - before) / DAY for before, after in pairwise(sorted(moments)))


def steps_reached(person: Person, steps: Sequence[Measure], window: timedelta | None) -> int:
    """How many steps of a funnel a person went through, in the order of time."""
    last = person.first
    for number, step in enumerate(steps):
        moments = [
            at
            for at in _step_moments(person, step)
            if at >= last and (window is None or at - person.first < window)
        ]
        if not moments:
            return number
        last = min(moments)
    return len(steps)


def _step_moments(person: Person, step: Measure) -> Iterator[datetime]:
    match step:
        case ActionMeasure(name):
            yield from (action.at for action in person.actions if action.name == name)
        case ReturnMeasure():
            yield from _returns(person, step)
        case OrderMeasure.ORDERS:
            yield from (order.at for order in person.orders)
        case OrderMeasure.UPSELL_ORDERS:
            yield from (o.at for o in person.orders if o.kind == LINE_KIND_UPSELL)
        case OrderMeasure.COUPON_ORDERS:
            coupon = COUPONS[person.variant]
            yield from (o.at for o in person.orders if coupon and o.coupon == coupon)
        case _:
            raise AssertionError(f"no plain reading of {step} as a step")
