"""Tables whose rows are numbered as they come in: how far each is says how far the ledger is."""

from collections.abc import Mapping
from typing import Final

# By table what tells a row from another one of the same number in another database, such as a
# back-up that was put in its place. Lines come and go with their orders.
ROW_KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("exposures", "actions"), "event_id"),
    # An order that is sent again takes the event id of the earlier sending.
    "orders": "order_id",
    **dict.fromkeys(("amendments", "identity_links", "customer_attributes"), "event_id"),
    **dict.fromkeys(("costs", "exchange_rates"), "event_id"),
    # A row for each time that an order was restated.
    "order_changes": "order_id",
}
