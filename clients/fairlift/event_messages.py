"""Builds the messages of events: exposures, actions, orders, amendments, identity links, rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Never, TypeAlias, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from fairlift.engine.assignment import Assignment
from fairlift.engine.measure import LineKind
from fairlift.engine.untrusted import IdInput
from fairlift.event_values import (
    checked_count,
    checked_flag,
    checked_id,
    checked_micros,
    checked_rate,
    checked_score,
    sendable_text,
    shown,
)
from fairlift.uuid7 import uuid7
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import put_attributes, time_to


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order. Money is in micros of the order's currency: 1.00 is 1_000_000.

    Attributes:
        unit_price_micros: what the visitor pays for one, without tax: where prices include tax,
            take it out first. If a discount is already in this price, do not give it as the
            order's discount too. A gift card that is sold is no revenue yet: leave its line out.
            What is paid with a gift card is sent in full, for the card is no discount.
        unit_cost_micros: cost of goods, of one.
    """

    product_id: IdInput
    quantity: int
    unit_price_micros: int
    unit_cost_micros: int = 0
    kind: LineKind = LineKind.REGULAR
    category: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money back, in its parts: revenue loses the goods' part alone.

    Several refunds of one order add up, unless one is a running total: it replaces all before it.

    Attributes:
        goods_micros: for the goods, without tax; at most the order's ticket, all refunds together.
        recovered_cost_micros: cost of the returned goods that can be sold again.
        items: how many came back.
        tax_micros, delivery_micros: what else was paid back.
        running_total: whether these are the order's totals up to now, as some shops send them:
            15, then 50, is 50 in all.
    """

    goods_micros: int
    currency: str
    recovered_cost_micros: int = 0
    items: int = 0
    tax_micros: int = 0
    delivery_micros: int = 0
    running_total: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The cancellation of an order, which then counts as never placed."""


@dataclass(frozen=True, slots=True)
class Reopening:
    """A cancelled order that stands again."""


@dataclass(frozen=True, slots=True)
class OrderFields:
    """What an order says, apart from its id and date: the arguments of `Client.order`."""

    unit: IdInput
    lines: Sequence[OrderLine]
    currency: str
    discount_micros: int = 0
    coupon: str | Sequence[str] = ""
    shipping_cost_micros: int = 0
    first_purchase: bool | None = None
    channel: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class Correction(OrderFields):
    """An order as it is now: replaces all that the order said, except its date.

    What is left out is empty from now on. Of several corrections the one with the latest time
    holds; refunds stand, and are judged by the order as it is now.
    """


T = TypeVar("T")
# What becomes of an order.
OrderChange: TypeAlias = Refund | Cancellation | Reopening | Correction


_KINDS = {
    LineKind.REGULAR: pb.LINE_KIND_REGULAR,
    LineKind.UPSELL: pb.LINE_KIND_UPSELL,
    LineKind.CROSS_SELL: pb.LINE_KIND_CROSS_SELL,
}


def exposure(exposed: Assignment) -> pb.Event:
    """An exposure: the unit has seen the variant, at the assignment's time.

    Attributes that the contract cannot carry are left out.
    """
    # Runs for every visitor; setting fields costs less than half of nested constructors.
    event = pb.Event(event_id=uuid7())
    _set_time(event.event_time, exposed.time)
    exposure_message = event.exposure
    exposure_message.campaign = f"campaigns/{exposed.campaign}"
    exposure_message.variant = exposed.variant
    try:
        exposure_message.unit_id = exposed.unit
    except UnicodeEncodeError:
        sendable_text("unit", exposed.unit)
        raise
    exposure_message.epoch = exposed.epoch
    put_attributes(exposure_message.attributes, exposed.attributes)
    return event


def action(unit: IdInput, name: str, value: float | None, time: datetime | float) -> pb.Event:
    """A named micro-conversion."""
    message = pb.Action(name=sendable_text("name", name), unit_id=checked_id("unit", unit))
    if value is not None:
        message.value = checked_score("value", value)
    return _event(time, action=message)


def order(order_id: IdInput, content: OrderFields, time: datetime | float) -> pb.Event:
    """An order that was placed."""
    message = _order(content)
    message.order_id = checked_id("order_id", order_id)
    return _event(time, order=message)


def amendment(order_id: IdInput, change: OrderChange, time: datetime | float) -> pb.Event:
    """What became of an order."""
    message = pb.Amendment(order_id=checked_id("order_id", order_id))
    match change:
        case Refund():
            message.refund.currency_code = sendable_text("currency", change.currency)
            message.refund.goods_micros = checked_micros("goods_micros", change.goods_micros)
            message.refund.recovered_cost_micros = checked_micros(
                "recovered_cost_micros", change.recovered_cost_micros
            )
            message.refund.items = checked_count("items", change.items)
            message.refund.tax_micros = checked_micros("tax_micros", change.tax_micros)
            message.refund.delivery_micros = checked_micros(
                "delivery_micros", change.delivery_micros
            )
            message.refund.running_total = checked_flag("running_total", change.running_total)
        case Cancellation():
            message.cancellation.SetInParent()
        case Reopening():
            message.reopening.SetInParent()
        case Correction():
            message.correction.CopyFrom(_order(change))
        case _:
            raise _no_change(change)
    return _event(time, amendment=message)


def _no_change(change: Never) -> TypeError:
    changes = "a Refund, a Cancellation, a Reopening or a Correction"
    return TypeError(f"change is {shown(change)}, must be {changes}, such as Cancellation()")


def _order(content: OrderFields) -> pb.Order:
    message = pb.Order(
        unit_id=checked_id("unit", content.unit),
        currency_code=sendable_text("currency", content.currency),
        lines=[
            _line(f"lines[{number}]", line)
            for number, line in enumerate(_sequence("lines", content.lines, "OrderLine"))
        ],
        discount_micros=checked_micros("discount_micros", content.discount_micros),
        coupons=_coupons(content.coupon),
        shipping_cost_micros=checked_micros("shipping_cost_micros", content.shipping_cost_micros),
        channel=sendable_text("channel", content.channel),
        test=checked_flag("test", content.test),
    )
    if not message.lines:
        raise ValueError(
            'lines is empty, must have 1 to 1,000, such as [OrderLine("sku-1", 1, micros("24.95"))]'
        )
    if content.first_purchase is not None:
        message.first_purchase = checked_flag("first_purchase", content.first_purchase)
    return message


def _sequence(field: str, values: Sequence[T], what: str) -> list[T]:
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{field} is {shown(values)}, must be a list of {what}") from None


def _coupons(coupon: str | Sequence[str]) -> list[str]:
    if isinstance(coupon, str):
        codes = [sendable_text("coupon", coupon)]
    else:
        texts = _sequence("coupon", coupon, "texts, or a text")
        codes = [sendable_text(f"coupon[{number}]", code) for number, code in enumerate(texts)]
    return [code for code in codes if code]


def _line(field: str, line: OrderLine) -> pb.OrderLine:
    if not isinstance(line, OrderLine):
        raise TypeError(
            f"{field} is {shown(line)}, must be an OrderLine, such as "
            'OrderLine("sku-1", 1, micros("24.95"))'
        )
    if line.kind not in tuple(LineKind):
        kinds = ", ".join(LineKind)
        raise ValueError(f"{field}.kind is {shown(line.kind)}, must be one of {kinds}")
    return pb.OrderLine(
        product_id=checked_id(f"{field}.product_id", line.product_id),
        quantity=checked_count(f"{field}.quantity", line.quantity),
        unit_price_micros=checked_micros(f"{field}.unit_price_micros", line.unit_price_micros),
        unit_cost_micros=checked_micros(f"{field}.unit_cost_micros", line.unit_cost_micros),
        kind=_KINDS[line.kind],
        category=sendable_text(f"{field}.category", line.category),
    )


def identity(visitor: IdInput, customer: IdInput, time: datetime | float) -> pb.Event:
    """The link between a visitor and a customer."""
    link = pb.IdentityLink(
        visitor_id=checked_id("visitor", visitor), customer_id=checked_id("customer", customer)
    )
    return _event(time, identity=link)


def exchange_rate(currency: str, rate: Decimal | str | int, time: datetime | float) -> pb.Event:
    """What one unit of a currency is worth in the shop's own, from that time on."""
    message = pb.ExchangeRate(
        currency_code=sendable_text("currency", currency), shop_picos_per_unit=checked_rate(rate)
    )
    return _event(time, exchange_rate=message)


def _event(
    time: datetime | float,
    *,
    action: pb.Action | None = None,
    order: pb.Order | None = None,
    amendment: pb.Amendment | None = None,
    identity: pb.IdentityLink | None = None,
    exchange_rate: pb.ExchangeRate | None = None,
) -> pb.Event:
    event = pb.Event(
        event_id=uuid7(),
        action=action,
        order=order,
        amendment=amendment,
        identity=identity,
        exchange_rate=exchange_rate,
    )
    if isinstance(time, datetime):
        event.event_time.CopyFrom(time_to(time))
    elif isinstance(time, float | int):
        _set_time(event.event_time, time)
    else:
        raise TypeError(f"time is {shown(time)}, must be a datetime")
    return event


def _set_time(message: Timestamp, time_s: float) -> None:
    message.seconds, rest = divmod(round(time_s * 1e6), 1_000_000)
    message.nanos = rest * 1_000
