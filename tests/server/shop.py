"""A little shop: messages as a storefront would send them."""

import json
import os
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from fairlift.v1 import campaign_pb2, event_service_pb2, plan_pb2
from fairlift.v1.event_service_pb2 import Event

EURO = 1_000_000
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def midnight(day: date, zone: str) -> datetime:
    """The moment at which a day begins in a time zone."""
    return datetime.combine(day, clock_time(), ZoneInfo(zone)).astimezone(UTC)


def local_date(time_us: int, zone: str) -> date:
    """What the calendar shows in a time zone at a moment in microseconds."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return moment.astimezone(ZoneInfo(zone)).date()


def segment(text: str, attribute: str) -> str:
    """The label of one attribute in the text of a cell; empty where it is absent."""
    label = dict(json.loads(text))[attribute]
    return "" if label == "(none)" else str(label)


def event_id() -> str:
    """A UUIDv7."""
    milliseconds = time.time_ns() // 1_000_000
    rest = int.from_bytes(os.urandom(10), "big")
    number = (
        milliseconds << 80 | 7 << 76 | (rest >> 4 & 0xFFF) << 64 | 2 << 62 | rest & (1 << 62) - 1
    )
    return str(uuid.UUID(int=number))


def campaign(
    name: str = "free-shipping",
    *,
    variants: Iterable[str] = ("control", "free"),
    metric: str = "revenue_per_visitor",
    planned_units: int = 1_000,
    window_days: int = 3,
    **plan: object,
) -> campaign_pb2.Campaign:
    return campaign_pb2.Campaign(
        name=f"campaigns/{name}",
        variants=[campaign_pb2.Variant(id=variant, weight=1) for variant in variants],
        plan=plan_pb2.Plan(
            primary=[plan_pb2.PlannedMetric(metric=metric, minimum_effect=0.05)],
            planned_units=planned_units,
            window_days=window_days,
            **plan,  # type: ignore[arg-type]  # fields of a plan, by name
        ),
    )


def event(at: datetime | None = None, *, named: str | None = None) -> Event:
    message = Event(event_id=named or event_id())
    message.event_time.FromDatetime(at or now())
    return message


def exposure(
    unit: str,
    variant: str = "control",
    *,
    at: datetime | None = None,
    campaign: str = "campaigns/free-shipping",
    epoch: int = 1,
    named: str | None = None,
    **attributes: str,
) -> Event:
    message = event(at, named=named)
    message.exposure.campaign = campaign
    message.exposure.variant = variant
    message.exposure.unit_id = unit
    message.exposure.epoch = epoch
    for name, value in attributes.items():
        message.exposure.attributes[name].string_value = value
    return message


def action(
    unit: str, name: str, value: float | None = None, *, at: datetime | None = None
) -> Event:
    message = event(at)
    message.action.name = name
    message.action.unit_id = unit
    if value is not None:
        message.action.value = value
    return message


def line(
    price: float,
    *,
    quantity: int = 1,
    cost: float = 0,
    kind: event_service_pb2.LineKind.ValueType = event_service_pb2.LINE_KIND_REGULAR,
) -> event_service_pb2.OrderLine:
    return event_service_pb2.OrderLine(
        product_id="shoe",
        quantity=quantity,
        unit_price_micros=round(price * EURO),
        unit_cost_micros=round(cost * EURO),
        kind=kind,
    )


def order(
    unit: str,
    order_id: str,
    *lines: event_service_pb2.OrderLine,
    at: datetime | None = None,
    named: str | None = None,
    currency: str = "EUR",
    discount: float = 0,
    shipping: float = 0,
    coupon: str | Iterable[str] = (),
    first_purchase: bool | None = None,
    test: bool = False,
) -> Event:
    message = event(at, named=named)
    message.order.order_id = order_id
    message.order.unit_id = unit
    message.order.currency_code = currency
    message.order.lines.extend(lines or (line(50),))
    message.order.discount_micros = round(discount * EURO)
    message.order.shipping_cost_micros = round(shipping * EURO)
    coupons = [coupon] if isinstance(coupon, str) else coupon
    message.order.coupons.extend(code for code in coupons if code)
    message.order.test = test
    if first_purchase is not None:
        message.order.first_purchase = first_purchase
    return message


def refund(
    order_id: str,
    amount: float,
    *,
    recovered: float = 0,
    items: int = 0,
    currency: str = "EUR",
    at: datetime | None = None,
) -> Event:
    message = event(at)
    message.amendment.order_id = order_id
    message.amendment.refund.currency_code = currency
    message.amendment.refund.goods_micros = round(amount * EURO)
    message.amendment.refund.recovered_cost_micros = round(recovered * EURO)
    message.amendment.refund.items = items
    return message


def correction(order_id: str, new: Event, *, at: datetime | None = None) -> Event:
    """An order's new content: that of another order's event."""
    message = event(at)
    message.amendment.order_id = order_id
    message.amendment.correction.CopyFrom(new.order)
    message.amendment.correction.order_id = ""
    return message


def reopening(order_id: str, *, at: datetime | None = None) -> Event:
    message = event(at)
    message.amendment.order_id = order_id
    message.amendment.reopening.SetInParent()
    return message


def cancellation(order_id: str, *, at: datetime | None = None) -> Event:
    message = event(at)
    message.amendment.order_id = order_id
    message.amendment.cancellation.SetInParent()
    return message


def identity(visitor: str, customer: str, *, at: datetime | None = None) -> Event:
    message = event(at)
    message.identity.visitor_id = visitor
    message.identity.customer_id = customer
    return message


def exchange_rate(currency: str, rate: float, *, at: datetime | None = None) -> Event:
    message = event(at)
    message.exchange_rate.currency_code = currency
    message.exchange_rate.shop_picos_per_unit = round(rate * 10**12)
    return message


def cost(amount: float, *, campaign: str = "", channel: str = "", currency: str = "EUR") -> Event:
    message = event()
    message.cost.campaign = campaign
    message.cost.channel = channel
    message.cost.currency_code = currency
    message.cost.amount_micros = round(amount * EURO)
    return message
