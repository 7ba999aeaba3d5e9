"""The tables of the ledger, as the definition of a query reads them."""

import ibis

from fairlift_server.analysis.events import Ledger
from fairlift_server.analysis.restated_orders import RESTATED_COLUMNS

_COLUMNS = {
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
        "items": "int64",
        "coupons": "string",
        "first_purchase": "int64",
        "test": "int64",
        "refunded": "int64",
        "upsell": "int64",
        "cross_sell": "int64",
        "cancelled": "int64",
        "shop_revenue_micros": "int64",
        "shop_net_revenue_micros": "int64",
        "shop_profit_micros": "int64",
        "shop_discount_micros": "int64",
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
    "amendments": {
        "order_id": "string",
        "time_us": "int64",
        "received_us": "int64",
        "status": "string",
    },
}


def ledger_tables() -> Ledger:
    """The tables of the attached database, and that of the orders amended later."""
    tables = {
        name: ibis.table(columns, name=name, catalog="shop", database="main")
        for name, columns in _COLUMNS.items()
    }
    # SQLite has no booleans.
    orders = tables.pop("orders")
    orders = orders.mutate(
        cancelled=orders.cancelled == 1,
        test=orders.test == 1,
        first_purchase=orders.first_purchase.cast("boolean"),
    )
    restated = ibis.table(RESTATED_COLUMNS, name="restated_orders")
    return Ledger(orders=orders, restated=restated, **tables)
