"""Rows of orders as event messages: rows that follow each other are the lines of one order."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.event_messages import Prepared, Rows, in_range, set_time
from fairlift_server.importing.kinds import Kind
from fairlift_server.importing.order_money import PricedLine, order_money
from fairlift_server.importing.row_reader import Refused, RowReader, RowRefusal, RowValues
from fairlift_server.importing.values import Values

_KIND = "orders"
_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1
_LINE_KINDS = {
    "": pb.LINE_KIND_REGULAR,
    "regular": pb.LINE_KIND_REGULAR,
    "upsell": pb.LINE_KIND_UPSELL,
    "cross_sell": pb.LINE_KIND_CROSS_SELL,
}
# What a refund that has no time of its own is later than its order: a larger total is later.
_MICROS_A_MICROSECOND = 10_000
_APART = (
    "stands in the file more than once with different rows; the rows of an order must follow each "
    "other, and an order must be there once"
)


class OrderMessages:
    """An order, its cancellation and its refund for each run of rows with one order id.

    Args:
        kind: of orders.
        fields: of the rows.
        values: reads them.
        currency: of orders that name none.
        apart: ids of orders that the file contradicts.
        ids: of the events.
    """

    def __init__(
        self,
        kind: Kind,
        fields: Sequence[str],
        values: Values,
        currency: str,
        apart: Collection[str],
        ids: EventIds,
    ) -> None:
        self._ids = ids
        self._reader = RowReader(kind, fields, values)
        self._of_order = {name for name in fields if not kind.fields[name].of_line}
        self._position = 2 + list(fields).index("order")
        self._currency = currency
        self._apart = apart
        self._order: str | None = None
        # Any: as DuckDB gives them.
        self._rows: list[Sequence[Any]] = []

    def of(self, rows: Rows) -> Iterator[Prepared | Refused]:
        """What the orders become whose last row is there."""
        position = self._position
        for row in rows:
            if row[position] != self._order or not row[position]:
                yield from self.rest()
                self._order = row[position]
            self._rows.append(row)

    def rest(self) -> Iterator[Prepared | Refused]:
        """What the last order becomes."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        lines = tuple(row[0] for row in rows)
        try:
            if self._order in self._apart:
                raise RowRefusal("order", _APART)
            read = [self._reader.read(row[2:]) for row in rows]
            yield Prepared(lines, self._events(self._order_values(read), read))
        except RowRefusal as refusal:
            yield Refused(lines, refusal.field, refusal.message)

    def _order_values(self, rows: Sequence[RowValues]) -> RowValues:
        """What the rows say of the order, each of it once: exports leave it out after the first."""
        values = dict(rows[0])
        for row in rows[1:]:
            for name, value in row.items():
                if name in self._of_order and values.setdefault(name, value) != value:
                    raise RowRefusal(name, _contradiction(name, values[name], value))
        self._reader.check(values)
        return values

    def _events(self, values: RowValues, rows: Sequence[RowValues]) -> list[pb.Event]:
        """The order and what became of it; nothing where every line is left out."""
        taken = [row for row in rows if not row.get("leave_out")]
        if not taken:
            return []
        left_out = 0
        if len(taken) < len(rows):
            left_out = sum(_left_out(row) for row in rows if row.get("leave_out"))
        lines = [_line(row) for row in taken]
        money = order_money(values, lines, left_out)
        event = pb.Event()
        set_time(event, values["time"])
        order = event.order
        order.order_id = values["order"]
        order.unit_id = values["unit"]
        order.currency_code = values.get("currency", self._currency)
        order.discount_micros = in_range("discount", money.discount, _MAX_INT64)
        if "coupons" in values:
            order.coupons.extend(values["coupons"])
        if "shipping_cost" in values:
            shipping = in_range("shipping_cost", values["shipping_cost"], _MAX_INT64)
            order.shipping_cost_micros = shipping
        if "first_purchase" in values:
            order.first_purchase = values["first_purchase"]
        order.channel = values.get("channel", "")
        order.test = values.get("test", False)
        for row, line, price in zip(taken, lines, money.unit_prices, strict=True):
            _fill_line(order.lines.add(), row, line, price)
        events = [event]
        if "cancelled_time" in values:
            events.append(_amendment(values, values["cancelled_time"]))
            events[-1].amendment.cancellation.SetInParent()
        if money.refund:
            events.append(_refund(values, order.currency_code, money.refund))
        for each in events:
            content = each.SerializeToString(deterministic=True)
            time_us = each.event_time.seconds * 1_000_000 + each.event_time.nanos // 1_000
            each.event_id = self._ids.derived(_KIND, content, time_us)
        return events


def _contradiction(name: str, one: object, another: object) -> str:
    if name == "unit":  # a person's id stands in no message
        return "is not the same in all rows of the order"
    return f"is {one} in one row of the order and {another} in another"


def _line(row: RowValues) -> PricedLine:
    if "unit_price" not in row and "line_price" not in row:
        raise RowRefusal("unit_price", "is missing")
    quantity = row.get("quantity", 1)
    if quantity < 1:
        raise RowRefusal("quantity", f"is {quantity}, must be 1 or more")
    return PricedLine(quantity, row.get("unit_price"), row.get("line_price"))


def _left_out(row: RowValues) -> int:
    """The price of a line that is left out."""
    quantity = row.get("quantity", 1)
    return PricedLine(quantity, row.get("unit_price"), row.get("line_price")).price


def _fill_line(message: pb.OrderLine, row: RowValues, line: PricedLine, price: int) -> None:
    if "product" not in row:
        raise RowRefusal("product", "is missing")
    kind = row.get("line_kind", "")
    if kind not in _LINE_KINDS:
        raise RowRefusal("line_kind", f"is {kind[:40]!r}, must be regular, upsell or cross_sell")
    message.product_id = row["product"]
    message.quantity = in_range("quantity", line.quantity, _MAX_INT32)
    message.unit_price_micros = in_range("unit_price", price, _MAX_INT64)
    message.kind = _LINE_KINDS[kind]
    if "unit_cost" in row:
        message.unit_cost_micros = in_range("unit_cost", row["unit_cost"], _MAX_INT64)
    if "category" in row:
        message.category = row["category"]


def _amendment(values: RowValues, time_us: int) -> pb.Event:
    event = pb.Event()
    set_time(event, time_us)
    event.amendment.order_id = values["order"]
    return event


def _refund(values: RowValues, currency: str, parts: tuple[int, int, int]) -> pb.Event:
    refunded = int(values["refunded"])
    time_us = values.get("refund_time", values["time"] + refunded // _MICROS_A_MICROSECOND)
    event = _amendment(values, time_us)
    refund = event.amendment.refund
    refund.currency_code = currency
    goods, tax, delivery = (in_range("refunded", part, _MAX_INT64) for part in parts)
    refund.goods_micros, refund.tax_micros, refund.delivery_micros = goods, tax, delivery
    refund.running_total = True
    return event
