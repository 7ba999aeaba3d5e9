"""Entries of the ledger and the rules for money (docs/decisions/0003-money-and-the-ledger.md).

Entries are tuples whose fields are the columns of a table, in order: they are stored as they are.
"""

import json
from collections.abc import Callable, Iterable
from enum import Enum, StrEnum
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
# A NamedTuple of a tuple of all its fields, in half of the time of its own call. `Any`: its values.
new_tuple: Final[Callable[[type[T], tuple[Any, ...]], T]] = tuple.__new__  # type: ignore[assignment]

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

    product_id: str
    quantity: int
    unit_price_micros: int
    unit_cost_micros: int
    kind: str
    category: str


class OrderContent(NamedTuple):
    """What an order says apart from its id and date; amounts in its own currency.

    Attributes:
        coupons: as `coupon_list` writes them.
    """

    unit: str
    currency_code: str
    items: int
    goods_micros: int
    discount_micros: int
    cost_micros: int
    shipping_cost_micros: int
    upsell: bool
    cross_sell: bool
    coupons: str
    channel: str
    first_purchase: bool | None
    test: bool
    lines: tuple[LineEntry, ...]

    @property
    def ticket_micros(self) -> int:
        """The price of the goods after the discount."""
        return self.goods_micros - self.discount_micros


class OrderEntry(NamedTuple):
    """An order as it was placed."""

    event_id: bytes
    order_id: str
    digest: bytes
    time_us: int
    received_us: int
    content: OrderContent


class AmendmentKind(StrEnum):
    """What becomes of an order."""

    REFUND = "refund"
    CANCELLATION = "cancellation"
    REOPENING = "reopening"
    CORRECTION = "correction"


class AmendmentEntry(NamedTuple):
    """What became of an order; the amounts are those of a refund.

    Attributes:
        currency_code: of a refund or a correction.
        running_total: whether a refund's figures are all that went back so far.
        correction: the order's new content, as `content_text` writes it.
    """

    event_id: bytes
    time_us: int
    received_us: int
    order_id: str
    kind: AmendmentKind
    currency_code: str = ""
    goods_micros: int = 0
    tax_micros: int = 0
    delivery_micros: int = 0
    recovered_cost_micros: int = 0
    items: int = 0
    running_total: bool = False
    correction: str | None = None


class IdentityEntry(NamedTuple):
    """A visitor turned out to be a customer."""

    event_id: bytes
    time_us: int
    received_us: int
    visitor: str
    customer: str


class AttributeEntry(NamedTuple):
    """What is known of a customer or visitor, such as a tier; valid from `time_us`."""

    event_id: bytes
    time_us: int
    received_us: int
    unit: str
    name: str
    label: str


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
    shop_picos_per_unit: int


LedgerEntry: TypeAlias = (
    ExposureEntry
    | ActionEntry
    | OrderEntry
    | AmendmentEntry
    | IdentityEntry
    | AttributeEntry
    | CostEntry
    | RateEntry
)


class Event(NamedTuple):
    """One event that passed every check that needs no database."""

    event_id: bytes
    # Hash of the content: the same id with other content is a conflict.
    digest: bytes
    entry: LedgerEntry
    # The message with its ids as stored, for an event that turns out to wait for something.
    content: bytes = b""
    # By how much its time was corrected for the caller's clock.
    shift_us: int = 0
    # By a sender that passes on what browsers say.
    is_relayed: bool = False


def units_of(entry: LedgerEntry) -> tuple[str, ...]:
    """The ids of visitors and customers in an entry."""
    match entry:
        case ExposureEntry() | ActionEntry() | AttributeEntry():
            return (entry.unit,)
        case OrderEntry():
            return (entry.content.unit,)
        case AmendmentEntry(correction=str(text)):
            return (unit_in_content(text),)
        case IdentityEntry():
            return (entry.visitor, entry.customer)
        case _:
            return ()


def order_of(entry: LedgerEntry) -> str:
    """The id of the order that an entry is about; empty for all others."""
    return entry.order_id if isinstance(entry, OrderEntry | AmendmentEntry) else ""


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
    ERASED = "erased"
    EXPOSURE_TOKEN = "exposure_token"
    ABOVE_LIMIT = "above_limit"
    SENDER = "sender"


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


ConflictKind: TypeAlias = Literal["currency", "no_rate", "too_large", "ticket", "cost", "items"]


class AmendmentConflict(NamedTuple):
    """How an amendment contradicts its order, in figures: whoever shows it chooses the words.

    Attributes:
        kind: a refund in another currency than the order; a correction to a currency without a
            rate, or to more than the largest amount; refunds beyond the order's ticket, cost of
            goods or items.
        found, allowed: what all refunds would come to, and what the order has; micros or items.
        currency_code: of the refund or correction.
        order_currency_code: of the order, where it is another one.
    """

    kind: ConflictKind
    found: int = 0
    allowed: int = 0
    currency_code: str = ""
    order_currency_code: str = ""

    def to_text(self) -> str:
        """The conflict as JSON."""
        return json.dumps(self)

    @classmethod
    def from_text(cls, text: str) -> "AmendmentConflict":
        """What `to_text` wrote."""
        return cls(*json.loads(text))


class IdleOutcome(NamedTuple):
    """An amendment that was stored and changes nothing, as long as it contradicts its order.

    `message` is for the program that sent it, `conflict` for people who read about it later.
    """

    message: str
    field: str
    conflict: AmendmentConflict

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class ParkedEvent(NamedTuple):
    """An event that is kept until it can be judged, and why it cannot be judged yet."""

    refusal: RefusedEvent


EventOutcome: TypeAlias = (
    Literal["accepted", "duplicate"] | IdleOutcome | RefusedEvent | ParkedEvent
)


def coupon_list(codes: Iterable[str]) -> str:
    r"""The codes as one text in which each stands between two line breaks, without case.

    >>> coupon_list(["Free5", "GIFT", "free5"])
    '\nfree5\ngift\n'
    """
    # No code holds a line break: control characters are refused.
    folded = sorted({code.casefold() for code in codes})
    return "\n".join(["", *folded, ""]) if folded else ""


def content_text(content: OrderContent) -> str:
    """The content as JSON."""
    # SQLite has no booleans: what was read from its columns is 1 or 0.
    first = content.first_purchase
    content = content._replace(
        upsell=bool(content.upsell),
        cross_sell=bool(content.cross_sell),
        first_purchase=None if first is None else bool(first),
        test=bool(content.test),
    )
    return json.dumps(content, ensure_ascii=False)


def unit_in_content(text: str) -> str:
    """Whose order it is, from what `content_text` wrote."""
    return str(json.loads(text)[0])


def content_from_text(text: str) -> OrderContent:
    """What `content_text` wrote."""
    *fields, lines = json.loads(text)
    return OrderContent._make([*fields, tuple(LineEntry(*line) for line in lines)])
