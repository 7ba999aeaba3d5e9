"""Builds ledger entries from orders and their amendments."""

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import (
    checked_amount,
    checked_currency,
    checked_text,
    content_of,
    digest,
    invalid,
    refuse_unsupported,
)
from fairlift_server.events.ledger import AmendmentEntry, LineEntry, OrderEntry

_MAX_LINES = 1_000
_MAX_QUANTITY = 1_000_000
_LINE_KINDS = {
    pb.LINE_KIND_UNSPECIFIED: "regular",
    pb.LINE_KIND_REGULAR: "regular",
    pb.LINE_KIND_UPSELL: "upsell",
    pb.LINE_KIND_CROSS_SELL: "cross_sell",
}


def order_entry(message: pb.Order, event_id: bytes, time_us: int, received_us: int) -> OrderEntry:
    """The order and its lines; their sums must stay within the ledger's limit."""
    order_id = checked_text("order.order_id", message.order_id)
    unit = checked_text("order.unit_id", message.unit_id)
    currency = checked_currency("order.currency_code", message.currency_code)
    if not 1 <= len(message.lines) <= _MAX_LINES:
        text = f"has {len(message.lines)}, must have 1 to {_MAX_LINES}"
        raise invalid("order.lines", text)
    lines = tuple(
        _line(order_id, f"order.lines[{index}]", line) for index, line in enumerate(message.lines)
    )
    goods = sum(line.quantity * line.unit_price_micros for line in lines)
    cost = sum(line.quantity * line.unit_cost_micros for line in lines)
    checked_amount("order.lines", goods)
    checked_amount("order.lines", cost)
    if not 0 <= message.discount_micros <= goods:
        text = f"is {message.discount_micros}, must be 0 to the sum of the lines, {goods}"
        raise invalid("order.discount_micros", text)
    if len(message.coupons) > 1:
        refuse_unsupported("order.coupons", f"has {len(message.coupons)}; several coupons are")
    if message.test:
        refuse_unsupported("order.test", "test orders are")
    kinds = {line.kind for line in lines}
    return OrderEntry(
        event_id,
        order_id,
        # Without the event's id and time: they are new when a shop sends an order again.
        digest(content_of(message)),
        time_us,
        received_us,
        unit,
        currency,
        sum(line.quantity for line in lines),
        goods,
        message.discount_micros,
        cost,
        checked_amount("order.shipping_cost_micros", message.shipping_cost_micros),
        "upsell" in kinds,
        "cross_sell" in kinds,
        checked_text("order.coupons", "".join(message.coupons), min_length=0),
        checked_text("order.channel", message.channel, min_length=0),
        message.first_purchase if message.HasField("first_purchase") else None,
        lines,
    )


def amendment_entry(
    message: pb.Amendment, event_id: bytes, time_us: int, received_us: int
) -> AmendmentEntry:
    """The refund or cancellation; whether it contradicts its order is checked when it is stored."""
    order_id = checked_text("amendment.order_id", message.order_id)
    identity = (event_id, time_us, received_us)
    match message.WhichOneof("kind"):
        case None:
            raise invalid(
                "amendment", "is empty; set refund, cancellation, correction or reopening"
            )
        case "cancellation":
            return AmendmentEntry(*identity, order_id, True, "", 0, 0, 0)
        case "correction":
            refuse_unsupported("amendment.correction", "corrections are")
        case "reopening":
            refuse_unsupported("amendment.reopening", "reopened orders are")
    refund, where = message.refund, "amendment.refund"
    if refund.items < 0:
        raise invalid(f"{where}.items", f"is {refund.items}, must be 0 or more")
    for part in ("tax_micros", "delivery_micros"):
        if getattr(refund, part):
            refuse_unsupported(f"{where}.{part}", "parts of a refund beside its goods are")
    if refund.running_total:
        refuse_unsupported(f"{where}.running_total", "running totals are")
    return AmendmentEntry(
        *identity,
        order_id,
        False,
        checked_currency(f"{where}.currency_code", refund.currency_code),
        checked_amount(f"{where}.goods_micros", refund.goods_micros),
        checked_amount(f"{where}.recovered_cost_micros", refund.recovered_cost_micros),
        refund.items,
    )


def _line(order_id: str, where: str, line: pb.OrderLine) -> LineEntry:
    if not 1 <= line.quantity <= _MAX_QUANTITY:
        text = f"is {line.quantity}, must be 1 to {_MAX_QUANTITY}"
        raise invalid(f"{where}.quantity", text)
    kind = _LINE_KINDS.get(line.kind)
    if kind is None:
        raise invalid(f"{where}.kind", f"is {line.kind}, must be one of {sorted(_LINE_KINDS)}")
    return LineEntry(
        order_id,
        checked_text(f"{where}.product_id", line.product_id),
        line.quantity,
        checked_amount(f"{where}.unit_price_micros", line.unit_price_micros),
        checked_amount(f"{where}.unit_cost_micros", line.unit_cost_micros),
        kind,
        checked_text(f"{where}.category", line.category, min_length=0),
    )
