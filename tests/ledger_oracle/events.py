"""What a history is made of: events as a shop would tell them, and the campaign of the report."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What every event has: its id, and its time in microseconds since 1970."""

    id: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure(Happening):
    """A unit met a variant."""

    campaign: str
    epoch: int
    variant: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Happening):
    """A named micro-conversion."""

    name: str
    unit: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order; money in micros of the order's currency, of one piece."""

    quantity: int
    price: int
    cost: int = 0
    kind: str = "regular"
    category: str = ""
    product: str = "sku"


@dataclass(frozen=True, slots=True)
class Content:
    """What an order says, apart from its id and date."""

    unit: str
    currency: str
    lines: tuple[Line, ...]
    discount: int = 0
    coupons: tuple[str, ...] = ()
    shipping: int = 0
    first: bool | None = None
    test: bool = False

    @property
    def ticket(self) -> int:
        """Lines less discount, in micros of the order's currency."""
        return sum(line.quantity * line.price for line in self.lines) - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Happening):
    """An order as it was placed."""

    order: str
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Happening):
    """The order's new content."""

    order: str
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Happening):
    """Money back, in its parts; or all that went back so far."""

    order: str
    currency: str
    goods: int
    recovered: int = 0
    items: int = 0
    tax: int = 0
    delivery: int = 0
    running_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation(Happening):
    """The order never was."""

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening(Happening):
    """The cancelled order stands again."""

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Happening):
    """A visitor (or an old customer account) turned out to be a customer."""

    visitor: str
    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Happening):
    """What a currency is worth from now on, in picos of the shop's own."""

    currency: str
    picos: int


Event: TypeAlias = (
    Exposure | Action | Order | Correction | Refund | Cancellation | Reopening | Link | Rate
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """The campaign whose report is asked for, with what it went through."""

    id: str
    epoch: int
    epoch_start: int
    # Variant id to its coupon, "" for none, in their order.
    variants: dict[str, str]
    # "visitor" or "customer".
    unit: str = "visitor"
    # "first_seen", "exclude" or "as_assigned".
    policy: str = "first_seen"
    pauses: tuple[tuple[int, int], ...] = ()
    stop: int | None = None
    overrides: tuple[str, ...] = ()
    window: int = 3 * DAY
    shop_currency: str = "EUR"


@dataclass(slots=True)
class Figures:
    """One metric in one variant: mature units, and sums of what their metric is made of."""

    units: int = 0
    immature: int = 0
    numerator: Fraction = Fraction(0)
    denominator: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)


@dataclass(slots=True)
class VariantFigures:
    """What the reference says of one variant."""

    units: int = 0
    mature: int = 0
    contaminated: int = 0
    buyers: int = 0
    orders: int = 0
    revenue: Fraction = Fraction(0)
    net_revenue: Fraction = Fraction(0)
    refunded_orders: int = 0
    metrics: dict[str, Figures] = field(default_factory=dict)
