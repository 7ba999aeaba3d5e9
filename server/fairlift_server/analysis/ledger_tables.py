"""The tables of the ledger, as the definition reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import ibis

from fairlift_server.analysis.untyped import Table

# Of each table the columns that the definition reads, and their types.
LEDGER_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "exposures": {
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "campaign": "string",
        "epoch": "int64",
        "variant": "string",
        "segments": "string",
    },
    "actions": {
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "name": "string",
        "value": "float64",
    },
    "orders": {
        "order_id": "string",
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "currency_code": "string",
        "rate_picos": "int64",
        "items": "int64",
        "goods_micros": "int64",
        "discount_micros": "int64",
        "cost_micros": "int64",
        "shipping_cost_micros": "int64",
        "upsell": "boolean",
        "cross_sell": "boolean",
        "coupons": "string",
        "channel": "string",
        "first_purchase": "boolean",
        "test": "boolean",
        "placed": "string",
        "refunded": "boolean",
        "cancelled": "boolean",
        "shop_revenue_micros": "int64",
        "shop_net_revenue_micros": "int64",
        "shop_profit_micros": "int64",
        "shop_discount_micros": "int64",
    },
    "order_lines": {
        "order_id": "string",
        "product_id": "string",
        "quantity": "int64",
        "unit_price_micros": "int64",
        "kind": "string",
        "category": "string",
    },
    "amendments": {
        "event_id": "binary",
        "time_us": "int64",
        "received_us": "int64",
        "order_id": "string",
        "kind": "string",
        "currency_code": "string",
        "goods_micros": "int64",
        "tax_micros": "int64",
        "delivery_micros": "int64",
        "recovered_cost_micros": "int64",
        "items": "int64",
        "running_total": "boolean",
        "correction": "string",
        "status": "string",
    },
    "identity_links": {
        "time_us": "int64",
        "received_us": "int64",
        "visitor": "string",
        "customer": "string",
    },
    "customer_attributes": {
        "unit": "string",
        "time_us": "int64",
        "name": "string",
        "label": "string",
    },
    "costs": {
        "time_us": "int64",
        "campaign": "string",
        "channel": "string",
        "shop_amount_micros": "int64",
    },
    "exchange_rates": {
        "event_id": "binary",
        "time_us": "int64",
        "currency_code": "string",
        "shop_picos_per_unit": "int64",
    },
    "shop": {"currency_code": "string"},
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables that the definition reads, from whatever engine holds them.

    Each has the columns of LEDGER_COLUMNS in these types.
    """

    exposures: Table
    actions: Table
    orders: Table
    order_lines: Table
    amendments: Table
    identity_links: Table
    customer_attributes: Table
    costs: Table
    exchange_rates: Table
    shop: Table


def attached_ledger() -> Ledger:
    """The tables of a database that is attached as `shop`."""
    return Ledger(**{name: _attached(name, columns) for name, columns in LEDGER_COLUMNS.items()})


def _attached(name: str, columns: Mapping[str, str]) -> Table:
    # SQLite has no booleans.
    stored = {c: "int64" if kind == "boolean" else kind for c, kind in columns.items()}
    table = ibis.table(stored, name=name, catalog="shop", database="main")
    booleans = [c for c, kind in columns.items() if kind == "boolean"]
    return table.mutate(**{c: table[c].cast("boolean") for c in booleans}) if booleans else table
