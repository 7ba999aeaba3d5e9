"""Builds ledger entries from orders and their amendments."""

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import (
    checked_amount,
    checked_currency,
    checked_text,
    content_of,
    digest,
    invalid,
    shortened,
)
from fairlift_server.api.unit_fields import Stored, stored_unit
from fairlift_server.events.ledger import (
    AmendmentEntry,
    AmendmentKind,
    LineEntry,
    OrderContent,
    OrderEntry,
    content_text,
    coupon_list,
)

MAX_COUPONS = 10
_MAX_LINES = 1_000
_MAX_QUANTITY = 1_000_000
_LINE_KINDS = {
    pb.LINE_KIND_UNSPECIFIED: "regular",
    pb.LINE_KIND_REGULAR: "regular",
    pb.LINE_KIND_UPSELL: "upsell",
    pb.LINE_KIND_CROSS_SELL: "cross_sell",
}


def order_entry(
    message: pb.Order, event_id: bytes, time_us: int, received_us: int, stored: Stored
) -> OrderEntry:
    """The order and its lines; their sums must stay within the ledger's limit."""
    order_id = checked_text("order.order_id", message.order_id)
    content = _content(message, "order", stored)
    return OrderEntry(
        event_id,
        order_id,
        # Without the event's id and time: they are new when a shop sends an order again. With the
        # unit as it is stored: an unkeyed hash of a raw id would tell it to whoever guesses.
        digest(content_of(message)),
        time_us,
        received_us,
        content,
    )


def amendment_entry(
    message: pb.Amendment, event_id: bytes, time_us: int, received_us: int, stored: Stored
) -> AmendmentEntry:
    """The amendment; whether it contradicts its order is seen when both are stored."""
    order_id = checked_text("amendment.order_id", message.order_id)
    identity = (event_id, time_us, received_us, order_id)
    match message.WhichOneof("kind"):
        case "refund":
            return _refund(message.refund, identity)
        case "cancellation":
            return AmendmentEntry(*identity, AmendmentKind.CANCELLATION)
        case "reopening":
            return AmendmentEntry(*identity, AmendmentKind.REOPENING)
        case "correction":
            return _correction(message.correction, identity, stored)
        case _:
            raise invalid(
                "amendment", "is empty; set refund, cancellation, correction or reopening"
            )


def _content(message: pb.Order, where: str, stored: Stored) -> OrderContent:
    unit = stored_unit(f"{where}.unit_id", message, stored)
    currency = checked_currency(f"{where}.currency_code", message.currency_code)
    if not 1 <= len(message.lines) <= _MAX_LINES:
        text = f"has {len(message.lines)}, must have 1 to {_MAX_LINES}"
        raise invalid(f"{where}.lines", text)
    lines = tuple(_line(f"{where}.lines[{i}]", line) for i, line in enumerate(message.lines))
    goods = sum(line.quantity * line.unit_price_micros for line in lines)
    cost = sum(line.quantity * line.unit_cost_micros for line in lines)
    checked_amount(f"{where}.lines", goods)
    checked_amount(f"{where}.lines", cost)
    if not 0 <= message.discount_micros <= goods:
        text = f"is {message.discount_micros}, must be 0 to the sum of the lines, {goods}"
        raise invalid(f"{where}.discount_micros", text)
    if len(message.coupons) > MAX_COUPONS:
        text = f"has {len(message.coupons)}, must have at most {MAX_COUPONS}"
        raise invalid(f"{where}.coupons", text)
    coupons = [
        checked_text(f"{where}.coupons[{i}]", code) for i, code in enumerate(message.coupons)
    ]
    kinds = {line.kind for line in lines}
    return OrderContent(
        unit,
        currency,
        sum(line.quantity for line in lines),
        goods,
        message.discount_micros,
        cost,
        checked_amount(f"{where}.shipping_cost_micros", message.shipping_cost_micros),
        "upsell" in kinds,
        "cross_sell" in kinds,
        coupon_list(coupons),
        checked_text(f"{where}.channel", message.channel, min_length=0),
        message.first_purchase if message.HasField("first_purchase") else None,
        message.test,
        lines,
    )


def _refund(refund: pb.Refund, identity: tuple[bytes, int, int, str]) -> AmendmentEntry:
    where = "amendment.refund"
    if refund.items < 0:
        raise invalid(f"{where}.items", f"is {refund.items}, must be 0 or more")
    return AmendmentEntry(
        *identity,
        AmendmentKind.REFUND,
        checked_currency(f"{where}.currency_code", refund.currency_code),
        checked_amount(f"{where}.goods_micros", refund.goods_micros),
        checked_amount(f"{where}.tax_micros", refund.tax_micros),
        checked_amount(f"{where}.delivery_micros", refund.delivery_micros),
        checked_amount(f"{where}.recovered_cost_micros", refund.recovered_cost_micros),
        refund.items,
        refund.running_total,
    )


def _correction(
    order: pb.Order, identity: tuple[bytes, int, int, str], stored: Stored
) -> AmendmentEntry:
    where = "amendment.correction"
    if order.order_id not in ("", identity[-1]):
        text = f"is {shortened(order.order_id)}, but the amendment is of {shortened(identity[-1])}"
        raise invalid(f"{where}.order_id", f"{text}; leave it out")
    content = _content(order, where, stored)
    return AmendmentEntry(
        *identity,
        AmendmentKind.CORRECTION,
        content.currency_code,
        correction=content_text(content),
    )


def _line(where: str, line: pb.OrderLine) -> LineEntry:
    if not 1 <= line.quantity <= _MAX_QUANTITY:
        text = f"is {line.quantity}, must be 1 to {_MAX_QUANTITY}"
        raise invalid(f"{where}.quantity", text)
    kind = _LINE_KINDS.get(line.kind)
    if kind is None:
        raise invalid(f"{where}.kind", f"is {line.kind}, must be one of {sorted(_LINE_KINDS)}")
    return LineEntry(
        checked_text(f"{where}.product_id", line.product_id),
        line.quantity,
        checked_amount(f"{where}.unit_price_micros", line.unit_price_micros),
        checked_amount(f"{where}.unit_cost_micros", line.unit_cost_micros),
        kind,
        checked_text(f"{where}.category", line.category, min_length=0),
    )
