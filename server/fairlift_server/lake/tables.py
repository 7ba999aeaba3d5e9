"""The tables that are exported, and the types of their columns in Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fairlift_server.lake.dialect import Dialect

# event_id: 16 bytes in the ledger, the text of a UUID in the files.
Kind: TypeAlias = Literal["integer", "float", "text", "boolean", "bytes", "event_id"]


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of the ledger.

    Attributes:
        columns: all that it has, by name.
        key: tells two rows apart that had the same id, one after the other.
    """

    columns: Mapping[str, Kind]
    key: str = "event_id"


_EVENT: Final[Mapping[str, Kind]] = {
    "id": "integer",
    "event_id": "event_id",
    "time_us": "integer",
    "received_us": "integer",
}
TABLES: Final[Mapping[str, LakeTable]] = {
    "exposures": LakeTable(
        {
            **_EVENT,
            "unit": "text",
            "campaign": "text",
            "epoch": "integer",
            "variant": "text",
            "segments": "text",
        }
    ),
    "actions": LakeTable({**_EVENT, "unit": "text", "name": "text", "value": "float"}),
    "orders": LakeTable(
        {
            **_EVENT,
            "order_id": "text",
            "digest": "bytes",
            "unit": "text",
            "currency_code": "text",
            "rate_picos": "integer",
            "items": "integer",
            "goods_micros": "integer",
            "discount_micros": "integer",
            "cost_micros": "integer",
            "shipping_cost_micros": "integer",
            "upsell": "boolean",
            "cross_sell": "boolean",
            "coupons": "text",
            "channel": "text",
            "first_purchase": "boolean",
            "test": "boolean",
            "placed": "text",
            "refunded_micros": "integer",
            "recovered_cost_micros": "integer",
            "returned_items": "integer",
            "refunded": "boolean",
            "cancelled": "boolean",
            "shop_revenue_micros": "integer",
            "shop_net_revenue_micros": "integer",
            "shop_profit_micros": "integer",
            "shop_discount_micros": "integer",
        },
        key="order_id",
    ),
    "order_lines": LakeTable(
        {
            "id": "integer",
            "order_id": "text",
            "product_id": "text",
            "quantity": "integer",
            "unit_price_micros": "integer",
            "unit_cost_micros": "integer",
            "kind": "text",
            "category": "text",
        },
        key="order_id",
    ),
    "amendments": LakeTable(
        {
            **_EVENT,
            "order_id": "text",
            "kind": "text",
            "currency_code": "text",
            "goods_micros": "integer",
            "tax_micros": "integer",
            "delivery_micros": "integer",
            "recovered_cost_micros": "integer",
            "items": "integer",
            "running_total": "boolean",
            "correction": "text",
            "status": "text",
            "problem": "text",
        }
    ),
    "identity_links": LakeTable({**_EVENT, "visitor": "text", "customer": "text"}),
    "customer_attributes": LakeTable({**_EVENT, "unit": "text", "name": "text", "label": "text"}),
    "costs": LakeTable(
        {
            **_EVENT,
            "campaign": "text",
            "channel": "text",
            "currency_code": "text",
            "amount_micros": "integer",
            "shop_amount_micros": "integer",
        }
    ),
    "exchange_rates": LakeTable(
        {**_EVENT, "currency_code": "text", "shop_picos_per_unit": "integer"}
    ),
}


def column_as_given(name: str, kind: Kind, alias: str, dialect: Dialect) -> str:
    """A column as the database gives it to DuckDB."""
    column = f"{alias}.{name}"
    match kind:
        case "bytes" | "event_id":
            return f"{dialect.hex.format(column)} AS {name}"
        case "float":
            return f"{dialect.float.format(column)} AS {name}"
        case _:
            return f"{column} AS {name}"


def column_as_written(name: str, kind: Kind) -> str:
    """The column as DuckDB writes it."""
    match kind:
        case "integer":
            return f"CAST({name} AS BIGINT) AS {name}"
        case "float":
            return f"CAST({name} AS DOUBLE) AS {name}"
        case "boolean":
            return f"CAST({name} AS BOOLEAN) AS {name}"
        case "bytes":
            return f"unhex({name}) AS {name}"
        case "event_id":
            return f"CAST(CAST({name} AS UUID) AS VARCHAR) AS {name}"
        case "text":
            return name
