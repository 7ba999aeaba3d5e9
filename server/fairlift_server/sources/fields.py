"""The tables that a sources file maps, and the fields of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class FieldType(Enum):
    """What the values of a field are."""

    TEXT = "a text"
    TIME = "a timestamp or a date"
    AMOUNT = "an amount of money, a number"
    WHOLE = "a whole number"
    NUMBER = "a number"
    YES_NO = "a boolean"


@dataclass(frozen=True, slots=True)
class SourceField:
    """A field of a table.

    Attributes:
        needed: whether a mapping of the table must give it.
    """

    type: FieldType
    needed: bool = False


@dataclass(frozen=True, slots=True)
class MappedTable:
    """A table of the ledger, as a sources file maps it.

    Attributes:
        fields: by name.
        labels: whether columns may be named as labels of attributes beside the fields.
        needs_labels: whether they must, because a row says nothing without.
    """

    fields: Mapping[str, SourceField]
    labels: bool = False
    needs_labels: bool = False


_TEXT, _AMOUNT, _YES_NO = (
    SourceField(kind) for kind in (FieldType.TEXT, FieldType.AMOUNT, FieldType.YES_NO)
)
_WHOLE, _NUMBER, _TIME = (
    SourceField(kind) for kind in (FieldType.WHOLE, FieldType.NUMBER, FieldType.TIME)
)
_TEXT_NEEDED, _TIME_NEEDED = (
    SourceField(kind, needed=True) for kind in (FieldType.TEXT, FieldType.TIME)
)

MAPPED_TABLES: Mapping[str, MappedTable] = {
    "exposures": MappedTable(
        {
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "campaign": _TEXT_NEEDED,
            "variant": _TEXT_NEEDED,
            "epoch": _WHOLE,
            "received": _TIME,
        },
        labels=True,
    ),
    "orders": MappedTable(
        {
            "order": _TEXT_NEEDED,
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "revenue": _AMOUNT,
            "refunded": _AMOUNT,
            "discount": _AMOUNT,
            "cost": _AMOUNT,
            "shipping_cost": _AMOUNT,
            "items": _WHOLE,
            "coupons": _TEXT,
            "channel": _TEXT,
            "first_purchase": _YES_NO,
            "upsell": _YES_NO,
            "cross_sell": _YES_NO,
            "cancelled": _YES_NO,
            "test": _YES_NO,
            "received": _TIME,
        }
    ),
    "lines": MappedTable(
        {
            "order": _TEXT_NEEDED,
            "unit_price": SourceField(FieldType.AMOUNT, needed=True),
            "quantity": _WHOLE,
            "unit_cost": _AMOUNT,
            "kind": _TEXT,
            "product": _TEXT,
            "category": _TEXT,
        }
    ),
    "actions": MappedTable(
        {
            "unit": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "name": _TEXT_NEEDED,
            "value": _NUMBER,
            "received": _TIME,
        }
    ),
    "links": MappedTable(
        {
            "visitor": _TEXT_NEEDED,
            "customer": _TEXT_NEEDED,
            "time": _TIME_NEEDED,
            "received": _TIME,
        }
    ),
    "attributes": MappedTable(
        {"unit": _TEXT_NEEDED, "time": _TIME_NEEDED}, labels=True, needs_labels=True
    ),
}
# What an order must say, unless its lines do.
REVENUE = "revenue"
