"""The amounts of an order, without tax, from what a shop's file says of them. Exact integers."""

from collections.abc import Sequence
from typing import NamedTuple

from fairlift_server.importing.row_reader import RowRefusal, RowValues

# What a total may differ by from the sum of its parts: they are rounded to a hundredth each.
_ROUNDING_MICROS = 20_000


class PricedLine(NamedTuple):
    """A line of an order: how many, and the price of one or of all, as the file says it."""

    quantity: int
    unit_price: int | None
    line_price: int | None

    @property
    def price(self) -> int:
        """Of the whole line."""
        if self.line_price is not None:
            return self.line_price
        return self.quantity * (self.unit_price or 0)

    @property
    def price_of_one(self) -> int:
        """Rounded half up to a micro."""
        if self.line_price is not None:
            return _share(self.line_price, 1, self.quantity)
        return self.unit_price or 0


class Money(NamedTuple):
    """The amounts of an order in micros, without tax.

    Attributes:
        unit_prices: of each line.
        refund: what went back for goods, as tax and for delivery; None: nothing did.
    """

    unit_prices: Sequence[int]
    discount: int
    refund: tuple[int, int, int] | None


def order_money(values: RowValues, lines: Sequence[PricedLine], left_out: int = 0) -> Money:
    """The order's amounts.

    Args:
        values: of the order.
        lines: of the order.
        left_out: the price of lines that are left out, which the order's subtotal has in it.

    Raises:
        RowRefusal: the amounts contradict each other.
    """
    gross = 0
    for line in lines:
        if line.price < 0:
            text = f"is {_text(line.price)}, must be 0 or more; give what is off as a discount"
            raise RowRefusal("unit_price", text)
        gross += line.price
    subtotal = _subtotal(values, gross, left_out)
    delivery, tax = values.get("delivery", 0), values.get("tax", 0)
    paid = subtotal + delivery
    included = tax > 0 and _is_included(values, paid + left_out, tax)
    if tax < 0 or delivery < 0 or (included and tax > paid):
        raise RowRefusal("tax", f"is {_text(tax)}, must be 0 to what was paid, {_text(paid)}")
    if included:
        # Tax stands in the prices of goods and of delivery alike.
        net, ticket = paid - tax, _share(subtotal, paid - tax, paid)
        prices = [_share(line.price, net, paid * line.quantity) for line in lines]
    else:
        ticket, prices = subtotal, [line.price_of_one for line in lines]
    goods = sum(line.quantity * price for line, price in zip(lines, prices, strict=True))
    discount = 0 if gross == subtotal else max(0, goods - ticket)
    refund = None
    if "refunded" in values:
        goods_paid = subtotal
        if tax and not included and paid:
            goods_paid += _share(tax, subtotal, paid)
        refund = _refund(int(values["refunded"]), goods - discount, goods_paid)
    return Money(prices, discount, refund)


def _subtotal(values: RowValues, gross: int, left_out: int) -> int:
    """What the goods cost after the discount, with the tax that is in the prices."""
    if "subtotal" in values:
        field, subtotal = "subtotal", int(values["subtotal"]) - left_out
    elif "discount" in values:
        field, subtotal = "discount", gross - int(values["discount"])
    else:
        return gross
    if not 0 <= subtotal <= gross:
        text = f"is {_text(values[field])}, must be 0 to the sum of the lines, {_text(gross)}"
        raise RowRefusal(field, text)
    return subtotal


def _is_included(values: RowValues, paid: int, tax: int) -> bool:
    """Whether tax stands in the prices: as the file says, or as its total adds up.

    A total may have more in it than goods, delivery and tax, such as a tip, but never less.
    """
    if "tax_included" in values:
        return bool(values["tax_included"])
    if "total" not in values:
        return False
    return int(values["total"]) + _ROUNDING_MICROS < paid + tax


def _refund(refunded: int, ticket: int, goods_paid: int) -> tuple[int, int, int] | None:
    """A refund in its parts: first the goods with their tax, and what is above them is delivery."""
    if refunded == 0:
        return None
    if refunded < 0:
        raise RowRefusal("refunded", f"is {_text(refunded)}, must be 0 or more")
    for_goods = min(refunded, goods_paid)
    goods = min(for_goods, _share(ticket, for_goods, goods_paid)) if goods_paid else 0
    return goods, for_goods - goods, refunded - for_goods


def _share(amount: int, part: int, whole: int) -> int:
    """The part of an amount, rounded half up."""
    return amount if part == whole else (2 * amount * part + whole) // (2 * whole)


def _text(micros: int) -> str:
    whole, rest = divmod(abs(micros), 1_000_000)
    decimals = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{decimals}"
