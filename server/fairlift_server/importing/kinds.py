"""What can be imported, and the fields of each kind that a mapping names."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What a field holds; a file's text is read as it."""

    TEXT = "a text"
    TIME = "a time"
    AMOUNT = "an amount"
    WHOLE = "a whole number"
    NUMBER = "a number"
    YES_NO = "yes or no"
    LIST = "a list"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind.

    Attributes:
        of_line: it is of one line of an order, not of the order.
    """

    type: Type
    required: bool = False
    of_line: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What the rows of a file are.

    Attributes:
        fields: by name.
        takes_attributes: whether a mapping may name attributes beside the fields.
        needs_attributes: whether it must, because a row says nothing without.
        repeats: whether two equal rows are two events, and not one that was written twice.
    """

    fields: Mapping[str, Field]
    takes_attributes: bool = False
    needs_attributes: bool = False
    repeats: bool = False


_TEXT, _TIME, _AMOUNT = Field(Type.TEXT), Field(Type.TIME), Field(Type.AMOUNT)
_YES_NO = Field(Type.YES_NO)
_TEXT_NEEDED, _TIME_NEEDED = Field(Type.TEXT, required=True), Field(Type.TIME, required=True)

KINDS: Mapping[str, Kind] = {
    "orders": Kind(
        {
            "order": _TEXT_NEEDED,
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "currency": _TEXT,
            "coupons": Field(Type.LIST),
            "discount": _AMOUNT,
            "subtotal": _AMOUNT,
            "delivery": _AMOUNT,
            "tax": _AMOUNT,
            "total": _AMOUNT,
            "tax_included": _YES_NO,
            "shipping_cost": _AMOUNT,
            "first_purchase": _YES_NO,
            "channel": _TEXT,
            "test": _YES_NO,
            "cancelled_time": _TIME,
            "refunded": _AMOUNT,
            "refund_time": _TIME,
            "product": Field(Type.TEXT, required=True, of_line=True),
            "quantity": Field(Type.WHOLE, of_line=True),
            "unit_price": Field(Type.AMOUNT, of_line=True),
            "line_price": Field(Type.AMOUNT, of_line=True),
            "unit_cost": Field(Type.AMOUNT, of_line=True),
            "line_kind": Field(Type.TEXT, of_line=True),
            "category": Field(Type.TEXT, of_line=True),
            "leave_out": Field(Type.YES_NO, of_line=True),
        }
    ),
    "exposures": Kind(
        {
            "campaign": _TEXT_NEEDED,
            "variant": _TEXT_NEEDED,
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "epoch": Field(Type.WHOLE),
            "id": _TEXT,
        },
        takes_attributes=True,
    ),
    "actions": Kind(
        {
            "name": _TEXT_NEEDED,
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "value": Field(Type.NUMBER),
            "id": _TEXT,
        },
        repeats=True,
    ),
    "links": Kind({"visitor": _TEXT_NEEDED, "customer": _TEXT_NEEDED, "time": _TIME_NEEDED}),
    "customers": Kind(
        {"customer": _TEXT_NEEDED, "time": _TIME_NEEDED},
        takes_attributes=True,
        needs_attributes=True,
    ),
    "rates": Kind(
        {
            "currency": _TEXT_NEEDED,
            "rate": Field(Type.NUMBER, required=True),
            "time": _TIME_NEEDED,
        }
    ),
    "costs": Kind(
        {
            "amount": Field(Type.AMOUNT, required=True),
            "time": _TIME_NEEDED,
            "currency": _TEXT,
            "campaign": _TEXT,
            "channel": _TEXT,
            "id": _TEXT,
        },
        repeats=True,
    ),
}
