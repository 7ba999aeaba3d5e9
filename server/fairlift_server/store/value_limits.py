"""The limits that administrators set for orders and for values of actions (decision 48).

What is above a limit is kept, as an event that waits: it counts when the limit is raised.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from fairlift_server.events.ledger import (
    MICROS,
    ActionEntry,
    AmendmentEntry,
    OrderContent,
    OrderEntry,
    RefusalReason,
    RefusedEvent,
    content_from_text,
)
from fairlift_server.events.order_standing import exchanged
from fairlift_server.store.rates import Rates
from fairlift_server.store.shop_settings import ShopSettings, shop_settings

_PREFIX = "limits/"


def limits_key(connection: Connection) -> str:
    """What an event that is above a limit waits for: that the settings are others than now."""
    return _key_of(shop_settings(connection))


def _key_of(settings: ShopSettings) -> str:
    return _PREFIX + settings.etag


def waits_for_limits(key: str) -> bool:
    """Whether an event with this key is above a limit."""
    return key.startswith(_PREFIX)


class ValueLimits:
    """The limits as one transaction sees them.

    Args:
        connection: in a transaction.
        rates: that worth is told by.
        currency: of the shop.
    """

    def __init__(self, connection: Connection, rates: Rates, currency: str) -> None:
        settings = shop_settings(connection)
        self._key = _key_of(settings)
        self._largest_order = settings.largest_order_micros
        self._largest_actions: Mapping[str, float] = settings.largest_action_values
        self._rates = rates
        self._currency = currency

    def problem(self, entry: object) -> RefusedEvent | None:
        """Why an entry of the ledger is above a limit; None for all others."""
        match entry:
            case ActionEntry():
                return self._of_action(entry)
            case OrderEntry():
                return self._of_order("order", entry.content, entry.time_us)
            case AmendmentEntry(correction=str(text)):
                content = content_from_text(text)
                return self._of_order("amendment.correction", content, entry.time_us)
            case _:
                return None

    def _of_action(self, action: ActionEntry) -> RefusedEvent | None:
        limit = self._largest_actions.get(action.name)
        if limit is None or action.value is None or abs(action.value) <= limit:
            return None
        text = f"is {action.value:g}, the largest value of {action.name} in this shop is {limit:g}"
        setting = f"largest_action_values[{action.name}]"
        return self._above(text, "action.value", setting, "--largest-action-value")

    def _of_order(self, where: str, content: OrderContent, time_us: int) -> RefusedEvent | None:
        if self._largest_order is None:
            return None
        rate = self._rates.at(content.currency_code, time_us)
        if rate is None:
            return None  # it waits for the rate first, or contradicts its order
        amounts = {
            "lines": max(content.goods_micros, content.cost_micros),
            "shipping_cost_micros": content.shipping_cost_micros,
        }
        for field, amount in amounts.items():
            worth = exchanged(amount, rate)
            if worth > self._largest_order:
                text = (
                    f"is worth {_money(worth)} {self._currency}, the largest order of this shop is "
                    f"{_money(self._largest_order)} {self._currency}"
                )
                setting = "largest_order_micros"
                return self._above(text, f"{where}.{field}", setting, "--largest-order")
        return None

    def _above(self, text: str, field: str, setting: str, option: str) -> RefusedEvent:
        way_out = (
            f"it is kept, and counts when an administrator raises {setting} "
            f"(`fairlift-server settings {option}`)"
        )
        return RefusedEvent(
            RefusalReason.ABOVE_LIMIT, f"{text}; {way_out}", field, waits_for=self._key
        )


def _money(micros: int) -> str:
    return f"{micros / MICROS:,.2f}"
