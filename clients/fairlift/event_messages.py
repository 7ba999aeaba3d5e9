"""Builds the messages of events: exposures, actions, orders, amendments, identity links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never

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
    """One line of an order. Money is in micros of the order's currency: 1.00 is 1_000_000."""

    product_id: IdInput
    quantity: int
    unit_price_micros: int
    unit_cost_micros: int = 0
    kind: LineKind = LineKind.REGULAR
    category: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of an order; several refunds of one order add up."""

    amount_micros: int
    currency: str
    # Cost of the returned goods that can be sold again.
    recovered_cost_micros: int = 0
    items: int = 0


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The cancellation of an order, which then counts as never placed."""


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


def order(
    unit: IdInput,
    order_id: IdInput,
    lines: Sequence[OrderLine],
    time: datetime | float,
    *,
    currency: str,
    discount_micros: int,
    coupon: str,
    shipping_cost_micros: int,
    first_purchase: bool | None,
    channel: str,
) -> pb.Event:
    """An order that was placed."""
    return _event(
        time,
        order=pb.Order(
            order_id=_id("order_id", order_id),
            unit_id=_id("unit", unit),
            currency_code=currency,
            lines=[
                pb.OrderLine(
                    product_id=_id(f"lines[{number}].product_id", line.product_id),
                    quantity=line.quantity,
                    unit_price_micros=line.unit_price_micros,
                    unit_cost_micros=line.unit_cost_micros,
                    kind=_KINDS[LineKind(line.kind)],
                    category=line.category,
                )
                for number, line in enumerate(lines)
            ],
            discount_micros=discount_micros,
            coupons=[coupon] if coupon else None,
            shipping_cost_micros=shipping_cost_micros,
            first_purchase=first_purchase,
            channel=channel,
        ),
    )


def amendment(order_id: IdInput, change: Refund | Cancellation, time: datetime | float) -> pb.Event:
    """A refund or cancellation of an order."""
    message = pb.Amendment(order_id=_id("order_id", order_id))
    match change:
        case Refund():
            message.refund.currency_code = change.currency
            message.refund.goods_micros = change.amount_micros
            message.refund.recovered_cost_micros = change.recovered_cost_micros
            message.refund.items = change.items
        case Cancellation():
            message.cancellation.SetInParent()
        case _:
            assert_never(change)
    return _event(time, amendment=message)


def identity(visitor: IdInput, customer: IdInput, time: datetime | float) -> pb.Event:
    """The link between a visitor and a customer."""
    link = pb.IdentityLink(
        visitor_id=_id("visitor", visitor), customer_id=_id("customer", customer)
    )
    return _event(time, identity=link)


def micros(amount: Decimal | str | int) -> int:
    """An amount of money in micros, exactly.

    Raises:
        ValueError: it has more than six decimals, or is a float, which money never is.

    >>> micros("49.90")
    49900000
    """
    if isinstance(amount, float):
        raise ValueError(
            f"{amount} is a float, which cannot represent most amounts exactly; give text, Decimal"
        )
    scaled = Decimal(amount).scaleb(6)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than six decimals")
    return int(scaled)


def _event(
    time: datetime | float,
    *,
    action: pb.Action | None = None,
    order: pb.Order | None = None,
    amendment: pb.Amendment | None = None,
    identity: pb.IdentityLink | None = None,
) -> pb.Event:
    event = pb.Event(
        event_id=uuid7(), action=action, order=order, amendment=amendment, identity=identity
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


def _set_time(message: Timestamp, time_s: float) -> None:
    message.seconds, rest = divmod(round(time_s * 1e6), 1_000_000)
    message.nanos = rest * 1_000
