"""Builds the messages of events: exposures, actions, orders, amendments, identity links, rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import index
from typing import TypeAlias, assert_never

from google.protobuf.timestamp_pb2 import Timestamp

from fairlift.engine.assignment import Assignment
from fairlift.engine.untrusted import IdInput, plain
from fairlift.uuid7 import uuid7
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import put_attributes, time_to


class LineKind(StrEnum):
    """The kind of an order line."""

    REGULAR = "regular"
    UPSELL = "upsell"
    CROSS_SELL = "cross_sell"


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


# What becomes of an order.
OrderChange: TypeAlias = Refund | Cancellation | Reopening | Correction


_MICROS_DECIMALS = 6
# Weak currencies keep their digits: 1 VND is 0.0000345 EUR.
_RATE_DECIMALS = 12
# Longer values are cut in messages.
_MAX_SHOWN = 80
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
    exposure_message.unit_id = exposed.unit
    exposure_message.epoch = exposed.epoch
    put_attributes(exposure_message.attributes, exposed.attributes)
    return event


def action(unit: IdInput, name: str, value: float | None, time: datetime | float) -> pb.Event:
    """A named micro-conversion."""
    return _event(time, action=pb.Action(name=name, unit_id=_id("unit", unit), value=value))


def order(order_id: IdInput, content: OrderFields, time: datetime | float) -> pb.Event:
    """An order that was placed."""
    message = _order(content)
    message.order_id = _id("order_id", order_id)
    return _event(time, order=message)


def amendment(order_id: IdInput, change: OrderChange, time: datetime | float) -> pb.Event:
    """What became of an order."""
    message = pb.Amendment(order_id=_id("order_id", order_id))
    match change:
        case Refund():
            message.refund.currency_code = change.currency
            message.refund.goods_micros = _micros("goods_micros", change.goods_micros)
            message.refund.recovered_cost_micros = _micros(
                "recovered_cost_micros", change.recovered_cost_micros
            )
            message.refund.items = _whole("items", change.items)
            message.refund.tax_micros = _micros("tax_micros", change.tax_micros)
            message.refund.delivery_micros = _micros("delivery_micros", change.delivery_micros)
            message.refund.running_total = change.running_total
        case Cancellation():
            message.cancellation.SetInParent()
        case Reopening():
            message.reopening.SetInParent()
        case Correction():
            message.correction.CopyFrom(_order(change))
        case _:
            assert_never(change)
    return _event(time, amendment=message)


def _order(content: OrderFields) -> pb.Order:
    coupons = [content.coupon] if isinstance(content.coupon, str) else content.coupon
    return pb.Order(
        unit_id=_id("unit", content.unit),
        currency_code=content.currency,
        lines=[_line(f"lines[{number}]", line) for number, line in enumerate(content.lines)],
        discount_micros=_micros("discount_micros", content.discount_micros),
        coupons=[code for code in coupons if code],
        shipping_cost_micros=_micros("shipping_cost_micros", content.shipping_cost_micros),
        first_purchase=content.first_purchase,
        channel=content.channel,
        test=content.test,
    )


def _line(field: str, line: OrderLine) -> pb.OrderLine:
    return pb.OrderLine(
        product_id=_id(f"{field}.product_id", line.product_id),
        quantity=_whole(f"{field}.quantity", line.quantity),
        unit_price_micros=_micros(f"{field}.unit_price_micros", line.unit_price_micros),
        unit_cost_micros=_micros(f"{field}.unit_cost_micros", line.unit_cost_micros),
        kind=_KINDS[LineKind(line.kind)],
        category=line.category,
    )


def identity(visitor: IdInput, customer: IdInput, time: datetime | float) -> pb.Event:
    """The link between a visitor and a customer."""
    link = pb.IdentityLink(
        visitor_id=_id("visitor", visitor), customer_id=_id("customer", customer)
    )
    return _event(time, identity=link)


def exchange_rate(currency: str, rate: Decimal | str | int, time: datetime | float) -> pb.Event:
    """What one unit of a currency is worth in the shop's own, from that time on."""
    message = pb.ExchangeRate(
        currency_code=currency, shop_picos_per_unit=_scaled("rate", rate, _RATE_DECIMALS)
    )
    return _event(time, exchange_rate=message)


def micros(amount: Decimal | str | int) -> int:
    """An amount of money in micros, exactly.

    Raises:
        ValueError: it has more than six decimals, is no number, or a float, which money never is.

    >>> micros("49.90")
    49900000
    """
    return _scaled("amount", amount, _MICROS_DECIMALS)


def _scaled(field: str, value: Decimal | str | int, decimals: int) -> int:
    """The value times a power of ten, exactly.

    Raises:
        ValueError: it has more decimals, or is a float, or no number.
    """
    if isinstance(value, float):
        raise ValueError(
            f"{field}: {value} is a float, which cannot represent most decimals exactly; give text "
            "or Decimal"
        )
    try:
        scaled = Decimal(value).scaleb(decimals)
        whole = scaled.to_integral_value()
    except (ArithmeticError, TypeError):
        raise ValueError(f"{field}: {value!r} is not a number such as 24.95") from None
    if scaled != whole:
        most = "six" if decimals == _MICROS_DECIMALS else "twelve"
        raise ValueError(f"{field}: {value} has more than {most} decimals")
    return int(scaled)


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
    else:
        _set_time(event.event_time, time)
    return event


def _id(field: str, value: IdInput) -> str:
    """The id as text.

    Raises:
        TypeError: it is not an id; the message names the field.
    """
    try:
        return plain(value)
    except TypeError as error:
        raise TypeError(f"{field}: {error}") from None


def _micros(field: str, value: int) -> int:
    """The amount, if it is a whole number of micros; else TypeError with the remedy."""
    return _whole(field, value, ' of micros, such as micros("24.95")')


def _whole(field: str, value: int, remedy: str = "") -> int:
    """The value as int, also of NumPy.

    Raises:
        TypeError: it is no whole number; the message names field, value and remedy.
    """
    try:
        return index(value)
    except TypeError:
        shown = repr(value)[:_MAX_SHOWN]
        raise TypeError(f"{field} is {shown}, must be a whole number{remedy}") from None


def _set_time(message: Timestamp, time_s: float) -> None:
    message.seconds, rest = divmod(round(time_s * 1e6), 1_000_000)
    message.nanos = rest * 1_000
