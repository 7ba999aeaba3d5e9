"""What a currency was worth at a moment, and what a rate that comes late restates."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from fairlift_server.events.ledger import RateEntry, RefusalReason, RefusedEvent
from fairlift_server.events.order_standing import PICOS, beyond_limit, exchanged
from fairlift_server.store.statements import execute, execute_many

# Event ids break ties in time, so that the order of arrival does not matter.
_RATE = (
    "SELECT shop_picos_per_unit FROM exchange_rates WHERE currency_code = ? AND time_us <= ? "
    "ORDER BY time_us DESC, event_id DESC LIMIT 1"
)
_NEXT = "SELECT MIN(time_us) FROM exchange_rates WHERE currency_code = ? AND time_us > ?"
_ORDERS_SINCE = (
    "SELECT order_id FROM orders WHERE rate_picos IS NOT NULL AND currency_code = ? "
    "AND time_us >= ? AND time_us < ?"
)
# A correction may have waited for its rate. The first condition is as in the index.
_CORRECTIONS_WITHOUT = (
    "SELECT order_id FROM amendments WHERE status <> 'applied' AND status = 'contradicts' "
    "AND kind = 'correction' AND currency_code = ?"
)
_COSTS_SINCE = (
    "SELECT id, amount_micros FROM costs WHERE currency_code = ? AND time_us >= ? AND time_us < ?"
)
_END_OF_TIME_US = 2**63 - 1


class Rates:
    """The exchange rates in the store, as far as one transaction sees them."""

    def __init__(self, connection: Connection, shop_currency: str) -> None:
        self._connection = connection
        self._shop_currency = shop_currency

    def at(self, currency: str, time_us: int) -> int | None:
        """The latest rate at or before the time, in picos; None if there is none."""
        if currency == self._shop_currency:
            return PICOS
        row = execute(self._connection, _RATE, (currency, time_us)).first()
        return None if row is None else int(row[0])

    def missing(self, currency: str, kind: str, time_us: int) -> RefusedEvent:
        """The refusal of an order or a cost of that time, whose currency has no rate then."""
        time = datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return RefusedEvent(
            RefusalReason.CURRENCY,
            f"is {currency}, the shop's currency is {self._shop_currency}, and there is no "
            f"exchange rate for {currency} at or before {time}, the time of the {kind}; send a "
            f"rate with that event_time or an earlier one (exchange_rate(…, time=…) in the SDK): "
            "a rate counts from its own time on",
            f"{kind}.currency_code",
            waits_for=currency,
        )

    def restate(self, new: Iterable[RateEntry]) -> set[str]:
        """The orders to which a new rate may apply; costs are restated at once."""
        orders: set[str] = set()
        for rate in new:
            currency, since_us = rate.currency_code, rate.time_us
            (next_us,) = self._rows(_NEXT, currency, since_us)[0]
            span = (currency, since_us, _END_OF_TIME_US if next_us is None else next_us)
            picos = self.at(currency, since_us)
            assert picos is not None, "the new rate itself"
            costs = [
                (exchanged(cost, picos), row)
                for row, cost in self._rows(_COSTS_SINCE, *span)
                if not beyond_limit({"": cost}, picos)
            ]
            statement = "UPDATE costs SET shop_amount_micros = ? WHERE id = ?"
            execute_many(self._connection, statement, costs)
            orders.update(order for (order,) in self._rows(_ORDERS_SINCE, *span))
            orders.update(order for (order,) in self._rows(_CORRECTIONS_WITHOUT, currency))
        return orders

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database answers; `Any`: its values."""
        return list(map(tuple, execute(self._connection, statement, values)))
