"""Entries of the ledger and the rules for money (docs/decisions/0003-money-and-the-ledger.md).

Entries are tuples whose fields are the columns of a table, in order: they are stored as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

MICROS = 1_000_000
# A hundred billion currency units: sums of such amounts still fit in 64 bits.
MAX_AMOUNT_MICROS = 10**17


class ExposureEntry(NamedTuple):
    """A unit saw a variant."""

    event_id: bytes
    time_us: int
    received_us: int
    unit: str
    campaign: str
    epoch: int
    variant: str
    segments: str | None


class ActionEntry(NamedTuple):
    """A unit did a named action, such as add_to_cart."""

    event_id: bytes
    time_us: int
    received_us: int
    unit: str
    name: str
    value: float | None


class LineEntry(NamedTuple):
    """One line of an order."""

    order_id: str
    product_id: str
    quantity: int
    unit_price_micros: int
    unit_cost_micros: int
    kind: str
    category: str


class OrderEntry(NamedTuple):
    """An order as it was placed; amounts in its own currency."""

    event_id: bytes
    order_id: str
    digest: bytes
    time_us: int
    received_us: int
    unit: str
    currency_code: str
    items: int
    goods_micros: int
    discount_micros: int
    cost_micros: int
    shipping_cost_micros: int
    upsell: bool
    cross_sell: bool
    coupon: str
    channel: str
    first_purchase: bool | None
    lines: tuple[LineEntry, ...]


class AmendmentEntry(NamedTuple):
    """A refund, or a cancellation with no amounts."""

    event_id: bytes
    time_us: int
    received_us: int
    order_id: str
    cancels: bool
    currency_code: str
    amount_micros: int
    recovered_cost_micros: int
    items: int


class IdentityEntry(NamedTuple):
    """A visitor turned out to be a customer."""

    event_id: bytes
    time_us: int
    received_us: int
    visitor: str
    customer: str


class CostEntry(NamedTuple):
    """What a campaign or a channel cost."""

    event_id: bytes
    time_us: int
    received_us: int
    campaign: str
    channel: str
    currency_code: str
    amount_micros: int


class RateEntry(NamedTuple):
    """The exchange rate of a foreign currency, valid from `time_us`."""

    event_id: bytes
    time_us: int
    received_us: int
    currency_code: str
    shop_micros_per_unit: int


LedgerEntry: TypeAlias = (
    ExposureEntry
    | ActionEntry
    | OrderEntry
    | AmendmentEntry
    | IdentityEntry
    | CostEntry
    | RateEntry
)


class Event(NamedTuple):
    """One event that passed every check that needs no database."""

    event_id: bytes
    # Hash of the content: the same id with other content is a conflict.
    digest: bytes
    entry: LedgerEntry
    # The message as it came, for an event that turns out to wait for something.
    content: bytes = b""
    # By how much its time was corrected for the caller's clock.
    shift_us: int = 0


class RefusalReason(Enum):
    """Why an event was refused."""

    INVALID = "invalid"
    UNKNOWN_CAMPAIGN = "unknown_campaign"
    UNKNOWN_VARIANT = "unknown_variant"
    UNKNOWN_EPOCH = "unknown_epoch"
    NOT_RUNNING = "not_running"
    IN_THE_FUTURE = "in_the_future"
    TOO_OLD = "too_old"
    CURRENCY = "currency"
    CONFLICT = "conflict"


class RefusedEvent(NamedTuple):
    """A refused event: the reason, one sentence, and the field that is wrong.

    `waits_for` names what would heal the refusal; empty: nothing would. `is_retryable`: it would be
    healed, and whoever sent the event keeps it meanwhile.
    """

    reason: RefusalReason
    message: str
    field: str = ""
    waits_for: str = ""
    is_retryable: bool = False


class ParkedEvent(NamedTuple):
    """An event that is kept until it can be judged, and why it cannot be judged yet."""

    refusal: RefusedEvent


EventOutcome: TypeAlias = Literal["accepted", "duplicate"] | RefusedEvent | ParkedEvent


@dataclass(frozen=True, slots=True)
class OrderState:
    """The amounts of an order, in its own currency, after the amendments so far."""

    currency_code: str
    rate_micros: int
    items: int
    goods_micros: int
    discount_micros: int
    cost_micros: int
    shipping_cost_micros: int
    refunded_micros: int = 0
    recovered_cost_micros: int = 0
    returned_items: int = 0
    cancelled: bool = False

    @classmethod
    def placed(cls, order: OrderEntry, rate_micros: int) -> "OrderState":
        """The order before any amendment."""
        return cls(
            order.currency_code,
            rate_micros,
            order.items,
            order.goods_micros,
            order.discount_micros,
            order.cost_micros,
            order.shipping_cost_micros,
        )

    @property
    def ticket_micros(self) -> int:
        """The price of the goods after the discount."""
        return self.goods_micros - self.discount_micros

    @property
    def shop_revenue_micros(self) -> int:
        """The ticket in the shop's currency."""
        return exchanged(self.ticket_micros, self.rate_micros)

    @property
    def shop_net_revenue_micros(self) -> int:
        """The ticket less refunds, in the shop's currency."""
        if self.cancelled:
            return 0
        return exchanged(self.ticket_micros - self.refunded_micros, self.rate_micros)

    @property
    def shop_profit_micros(self) -> int:
        """Net revenue less the cost of goods not recovered and the shop's shipping cost."""
        if self.cancelled:
            return 0
        spent = self.cost_micros - self.recovered_cost_micros + self.shipping_cost_micros
        return exchanged(self.ticket_micros - self.refunded_micros - spent, self.rate_micros)

    @property
    def shop_discount_micros(self) -> int:
        """The discount in the shop's currency."""
        return exchanged(self.discount_micros, self.rate_micros)

    def amended(self, amendment: AmendmentEntry) -> "OrderState | RefusedEvent":
        """The order after the amendment, or why the amendment contradicts the order."""
        if amendment.cancels:
            return replace(self, cancelled=True)
        refunded = self.refunded_micros + amendment.amount_micros
        recovered = self.recovered_cost_micros + amendment.recovered_cost_micros
        returned = self.returned_items + amendment.items
        where = "amendment.refund."
        if amendment.currency_code != self.currency_code:
            return RefusedEvent(
                RefusalReason.CURRENCY,
                f"is {amendment.currency_code}, but order {amendment.order_id} is in "
                f"{self.currency_code}; refund in the order's currency",
                f"{where}currency_code",
            )
        for name, total, limit, limit_name in (
            ("goods_micros", refunded, self.ticket_micros, "ticket"),
            ("recovered_cost_micros", recovered, self.cost_micros, "cost of goods"),
            ("items", returned, self.items, "items"),
        ):
            if total > limit:
                return RefusedEvent(
                    RefusalReason.INVALID,
                    f"would bring the refunds of order {amendment.order_id} to {total}, must stay "
                    f"within its {limit_name}, {limit}",
                    where + name,
                )
        return replace(
            self,
            refunded_micros=refunded,
            recovered_cost_micros=recovered,
            returned_items=returned,
        )


def exchanged(amount_micros: int, rate_micros: int) -> int:
    """The amount in the shop's currency, rounded half up to a micro.

    >>> exchanged(10_000_000, 920_000)
    9200000
    """
    if rate_micros == MICROS:
        return amount_micros
    return (amount_micros * rate_micros + MICROS // 2) // MICROS


def beyond_limit(amounts: Mapping[str, int], rate_micros: int) -> RefusedEvent | None:
    """Why amounts, each by its field, cannot be kept in the shop's currency; None if they can."""
    for field, amount_micros in amounts.items():
        worth_micros = exchanged(amount_micros, rate_micros)
        if worth_micros > MAX_AMOUNT_MICROS:
            return RefusedEvent(
                RefusalReason.INVALID,
                f"is {amount_micros} micros, worth {worth_micros} in the shop's currency, must be "
                f"worth at most {MAX_AMOUNT_MICROS}; check the amount, its currency and the rate",
                field,
            )
    return None
