"""Builds ledger entries from orders and their amendments."""

from collections.abc import Sequence
from functools import lru_cache

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import (
    EventRefusal,
    checked_amount,
    checked_currency,
    checked_text,
    content_of,
    digest,
    invalid,
    shortened,
)
from fairlift_server.events.ledger import (
    MAX_AMOUNT_MICROS,
    AmendmentEntry,
    AmendmentKind,
    LineEntry,
    OrderContent,
    OrderEntry,
    content_text,
    coupon_list,
    new_tuple,
)

MAX_COUPONS = 10
_MAX_LINES = 1_000
# Of a line, and of an order or a refund: more would move the items of a variant by themselves.
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
    try:
        content = _content(message)
    except EventRefusal as refusal:
        raise refusal.under("order") from None
    # Without the event's id and time: they are new when a shop sends an order again.
    said = digest(content_of(message))
    return new_tuple(OrderEntry, (event_id, order_id, said, time_us, received_us, content))


def amendment_entry(
    message: pb.Amendment, event_id: bytes, time_us: int, received_us: int
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
            return _correction(message.correction, identity)
        case _:
            raise invalid(
                "amendment", "is empty; set refund, cancellation, correction or reopening"
            )


def _content(message: pb.Order) -> OrderContent:
    """What an order says; fields are named from the order on."""
    unit = checked_text("unit_id", message.unit_id)
    currency = checked_currency("currency_code", message.currency_code)
    lines = _lines(message.lines)
    items = goods = cost = 0
    upsell = cross_sell = False
    for _, quantity, unit_price, unit_cost, kind, _ in lines:
        items += quantity
        goods += quantity * unit_price
        cost += quantity * unit_cost
        upsell |= kind == "upsell"
        cross_sell |= kind == "cross_sell"
    if items > _MAX_QUANTITY:
        raise invalid("lines", f"have {items} items, must have at most {_MAX_QUANTITY} together")
    if goods > MAX_AMOUNT_MICROS or cost > MAX_AMOUNT_MICROS:
        checked_amount("lines", goods)
        checked_amount("lines", cost)
    discount: int = message.discount_micros
    if not 0 <= discount <= goods:
        text = f"is {discount}, must be 0 to the sum of the lines, {goods}"
        raise invalid("discount_micros", text)
    shipping_cost = message.shipping_cost_micros
    if shipping_cost:
        checked_amount("shipping_cost_micros", shipping_cost)
    coupons = message.coupons
    channel = message.channel
    if channel:
        checked_text("channel", channel)
    return new_tuple(
        OrderContent,
        (
            unit,
            currency,
            items,
            goods,
            discount,
            cost,
            shipping_cost,
            upsell,
            cross_sell,
            _coupons(coupons) if coupons else "",
            channel,
            message.first_purchase if message.HasField("first_purchase") else None,
            message.test,
            lines,
        ),
    )


def _lines(sent: Sequence[pb.OrderLine]) -> tuple[LineEntry, ...]:
    if not 1 <= len(sent) <= _MAX_LINES:
        raise invalid("lines", f"has {len(sent)}, must have 1 to {_MAX_LINES}")
    lines: list[LineEntry] = []
    try:
        for line in sent:
            lines.append(  # noqa: PERF401  # how many there are says which one is refused
                _line(
                    line.product_id,
                    line.quantity,
                    line.unit_price_micros,
                    line.unit_cost_micros,
                    line.kind,
                    line.category,
                )
            )
    except EventRefusal as refusal:
        raise refusal.under(f"lines[{len(lines)}]") from None
    return tuple(lines)


def _coupons(sent: Sequence[str]) -> str:
    if len(sent) > MAX_COUPONS:
        raise invalid("coupons", f"has {len(sent)}, must have at most {MAX_COUPONS}")
    return _coupon_list(tuple(sent))


# A shop has few codes, and few products at few prices; a refusal is not kept.
@lru_cache(maxsize=5_000)
def _coupon_list(codes: tuple[str, ...]) -> str:
    return coupon_list([checked_text(f"coupons[{i}]", code) for i, code in enumerate(codes)])


@lru_cache(maxsize=10_000)
def _line(
    product_id: str,
    quantity: int,
    unit_price: int,
    unit_cost: int,
    kind: "pb.LineKind.ValueType",
    category: str,
) -> LineEntry:
    if not 1 <= quantity <= _MAX_QUANTITY:
        raise invalid("quantity", f"is {quantity}, must be 1 to {_MAX_QUANTITY}")
    kind_name = _LINE_KINDS.get(kind)
    if kind_name is None:
        raise invalid("kind", f"is {kind}, must be one of {sorted(_LINE_KINDS)}")
    return LineEntry(
        checked_text("product_id", product_id),
        quantity,
        checked_amount("unit_price_micros", unit_price),
        checked_amount("unit_cost_micros", unit_cost),
        kind_name,
        checked_text("category", category, min_length=0),
    )


def _refund(refund: pb.Refund, identity: tuple[bytes, int, int, str]) -> AmendmentEntry:
    where = "amendment.refund"
    if not 0 <= refund.items <= _MAX_QUANTITY:
        raise invalid(f"{where}.items", f"is {refund.items}, must be 0 to {_MAX_QUANTITY}")
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


def _correction(order: pb.Order, identity: tuple[bytes, int, int, str]) -> AmendmentEntry:
    where = "amendment.correction"
    if order.order_id not in ("", identity[-1]):
        text = f"is {shortened(order.order_id)}, but the amendment is of {shortened(identity[-1])}"
        raise invalid(f"{where}.order_id", f"{text}; leave it out")
    try:
        content = _content(order)
    except EventRefusal as refusal:
        raise refusal.under(where) from None
    return AmendmentEntry(
        *identity,
        AmendmentKind.CORRECTION,
        content.currency_code,
        correction=content_text(content),
    )
