"""A simulated shop: units with known chances, so that the truth of every metric is known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from fairlift.v1 import event_service_pb2 as pb

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MICROS = 1_000_000
# Of a ticket, how much its logarithm varies.
_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What units of one variant do after their first exposure.

    Attributes:
        buys: chance to order, within the hour.
        ticket: mean price of the main line.
        again: chance of a buyer to order once more, two days later or `again_day` days.
        extra: chance of an order to have a cross-sell line.
        extra_price: of that line.
        discount: share of the main line, off the order.
        coupon: code that buyers use, "" for none.
        cost: share of the price that goods cost.
        shipping: that the shop pays for an order.
        refunded: chance that an order's goods are all sent back, a day later.
        actions: chance of each action, ten minutes after the exposure, in this order.
        back: chance to be seen again on day 45.
    """

    buys: float = 0.25
    ticket: float = 40.0
    again: float = 0.0
    again_day: int = 2
    extra: float = 0.0
    extra_price: float = 15.0
    discount: float = 0.0
    coupon: str = ""
    cost: float = 0.4
    shipping: float = 0.0
    refunded: float = 0.0
    actions: dict[str, float] = field(default_factory=dict)
    back: float = 0.0

    @property
    def orders(self) -> float:
        """Orders per unit, on average."""
        return self.buys * (1 + self.again)

    @property
    def revenue(self) -> float:
        """Of an order, on average."""
        return self.ticket * (1 - self.discount) + self.extra * self.extra_price

    @property
    def net_revenue(self) -> float:
        """Of an order, on average, after refunds."""
        return self.revenue * (1 - self.refunded)

    @property
    def profit(self) -> float:
        """Of an order that nobody sends back, on average."""
        goods = self.cost * (self.ticket + self.extra * self.extra_price)
        return self.revenue - goods - self.shipping


def history(
    rng: np.random.Generator,
    campaign: str,
    behaviours: dict[str, Behaviour],
    *,
    units: int,
    days: int,
    returning: float = 0.3,
) -> Iterator[pb.Event]:
    """Every event of a campaign, in an order of no meaning.

    Args:
        rng: of all chances.
        campaign: its id.
        behaviours: by variant.
        units: of each variant, spread evenly over the days.
        days: of entry.
        returning: share of the units that had ordered before.
    """
    for variant, behaviour in behaviours.items():
        for number in range(units):
            unit = f"{variant}-{number}"
            # In the order of no variant, so that each hour has its share of every one.
            at = START + days * DAY * ((number + rng.random()) / units)
            yield from _unit(rng, campaign, variant, unit, at, behaviour)
            if rng.random() < returning:
                yield _order(f"before-{unit}", unit, at - 30 * DAY, [_line(20.0, 0.4)])


def _unit(
    rng: np.random.Generator, campaign: str, variant: str, unit: str, at: datetime, does: Behaviour
) -> Iterator[pb.Event]:
    yield _exposure(campaign, variant, unit, at)
    for place, (name, chance) in enumerate(does.actions.items()):
        # A unit that skips an action skips those after it.
        if rng.random() >= chance:
            break
        event = _event(at + (10 + place) * MINUTE)
        event.action.name, event.action.unit_id = name, unit
        yield event
    if rng.random() < does.back:
        yield _exposure(campaign, variant, unit, at + 45 * DAY)
    if rng.random() >= does.buys:
        return
    moments = [at + 30 * MINUTE]
    if rng.random() < does.again:
        moments.append(at + does.again_day * DAY)
    for number, moment in enumerate(moments):
        price = does.ticket * float(rng.lognormal(-(_SPREAD**2) / 2, _SPREAD))
        lines = [_line(price, does.cost)]
        if rng.random() < does.extra:
            lines.append(_line(does.extra_price, does.cost, pb.LINE_KIND_CROSS_SELL))
        event = _order(f"o-{unit}-{number}", unit, moment, lines)
        event.order.discount_micros = round(price * does.discount * MICROS)
        event.order.shipping_cost_micros = round(does.shipping * MICROS)
        if does.coupon:
            event.order.coupons.append(does.coupon)
        yield event
        if rng.random() < does.refunded:
            refund = _event(moment + DAY)
            refund.amendment.order_id = event.order.order_id
            refund.amendment.refund.currency_code = "EUR"
            total = sum(line.unit_price_micros for line in lines) - event.order.discount_micros
            refund.amendment.refund.goods_micros = total
            yield refund


def _exposure(campaign: str, variant: str, unit: str, at: datetime) -> pb.Event:
    event = _event(at)
    event.exposure.campaign = f"campaigns/{campaign}"
    event.exposure.epoch, event.exposure.variant, event.exposure.unit_id = 1, variant, unit
    return event


def _order(order_id: str, unit: str, at: datetime, lines: list[pb.OrderLine]) -> pb.Event:
    event = _event(at)
    event.order.order_id, event.order.unit_id, event.order.currency_code = order_id, unit, "EUR"
    event.order.lines.extend(lines)
    return event


def _line(
    price: float, cost: float, kind: pb.LineKind.ValueType = pb.LINE_KIND_REGULAR
) -> pb.OrderLine:
    return pb.OrderLine(
        product_id="sku",
        quantity=1,
        unit_price_micros=round(price * MICROS),
        unit_cost_micros=round(price * cost * MICROS),
        kind=kind,
    )


_numbers = iter(range(1, 10**9))


def _event(at: datetime) -> pb.Event:
    event = pb.Event(event_id=str(UUID(int=next(_numbers))))
    event.event_time.FromDatetime(at)
    return event
