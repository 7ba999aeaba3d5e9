"""What an order is worth after everything that was said about it, in whatever order it came in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fairlift_server.events.ledger import (
    MAX_AMOUNT_MICROS,
    AmendmentConflict,
    AmendmentEntry,
    AmendmentKind,
    ConflictKind,
    IdleOutcome,
    OrderContent,
    RefusalReason,
    RefusedEvent,
    content_from_text,
    new_tuple,
)

# A rate is in millionths of a millionth, so that weak currencies keep their digits.
PICOS = 10**12
_LIMITS: Mapping[ConflictKind, str] = {
    "ticket": "ticket",
    "cost": "cost of goods",
    "items": "items",
}


class ShopFigures(NamedTuple):
    """What an order is worth in the shop's currency, in micros.

    Attributes:
        revenue: the ticket.
        net_revenue: the ticket less what went back for goods.
        profit: net revenue less the cost of goods not recovered and the shop's shipping cost.
        discount: off the ticket.
    """

    revenue: int
    net_revenue: int
    profit: int
    discount: int


# The rate of a currency at the order's time; None where none is known.
RateOf = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """An order as it stands: its content, what went back, and whether it counts.

    Attributes:
        content: as placed, or as the last correction says.
        rate_picos: of the content's currency at the order's time.
        refunded_micros, recovered_cost_micros, returned_items: of the goods, in its own currency.
        refunded: whether any money went back, that for tax or delivery too.
    """

    content: OrderContent
    rate_picos: int
    refunded_micros: int = 0
    recovered_cost_micros: int = 0
    returned_items: int = 0
    refunded: bool = False
    cancelled: bool = False

    @property
    def figures(self) -> ShopFigures:
        """What the order counts for."""
        return shop_figures(
            self.content,
            self.rate_picos,
            refunded_micros=self.refunded_micros,
            recovered_cost_micros=self.recovered_cost_micros,
            cancelled=self.cancelled,
        )

    def after(self, refund: AmendmentEntry) -> "OrderStanding | IdleOutcome":
        """The order after the refund; of a running total, what was refunded before is replaced."""
        before = self._before_refunds() if refund.running_total else self
        if refund.currency_code != self.content.currency_code:
            return IdleOutcome(
                f"is {refund.currency_code}, but order {refund.order_id} is in "
                f"{self.content.currency_code}: it is stored and changes nothing; refund in the "
                "order's currency",
                "amendment.refund.currency_code",
                AmendmentConflict(
                    "currency",
                    currency_code=refund.currency_code,
                    order_currency_code=self.content.currency_code,
                ),
            )
        money = refund.goods_micros + refund.tax_micros + refund.delivery_micros
        after = replace(
            before,
            refunded_micros=before.refunded_micros + refund.goods_micros,
            recovered_cost_micros=before.recovered_cost_micros + refund.recovered_cost_micros,
            returned_items=before.returned_items + refund.items,
            refunded=before.refunded or money > 0,
        )
        return after._beyond(refund.order_id) or after

    def _before_refunds(self) -> "OrderStanding":
        return OrderStanding(self.content, self.rate_picos, cancelled=self.cancelled)

    def _beyond(self, order_id: str) -> IdleOutcome | None:
        """Why more went back than the order has."""
        content = self.content
        totals: tuple[tuple[str, ConflictKind, int, int], ...] = (
            ("goods_micros", "ticket", self.refunded_micros, content.ticket_micros),
            ("recovered_cost_micros", "cost", self.recovered_cost_micros, content.cost_micros),
            ("items", "items", self.returned_items, content.items),
        )
        for name, kind, total, limit in totals:
            if total > limit:
                return IdleOutcome(
                    f"would bring the refunds of order {order_id} to {total}, must stay within "
                    f"its {_LIMITS[kind]}, {limit}: it is stored and changes nothing",
                    f"amendment.refund.{name}",
                    AmendmentConflict(kind, total, limit, content.currency_code),
                )
        return None


def shop_figures(
    content: OrderContent,
    rate_picos: int,
    *,
    refunded_micros: int = 0,
    recovered_cost_micros: int = 0,
    cancelled: bool = False,
) -> ShopFigures:
    """What an order counts for, as placed or after what went back."""
    ticket = content.goods_micros - content.discount_micros
    net = 0 if cancelled else ticket - refunded_micros
    spent = content.cost_micros - recovered_cost_micros + content.shipping_cost_micros
    profit = 0 if cancelled else net - spent
    figures = (ticket, net, profit, content.discount_micros)
    if rate_picos == PICOS:
        return new_tuple(ShopFigures, figures)
    return ShopFigures._make(exchanged(amount, rate_picos) for amount in figures)


def order_standing(
    placed: OrderContent, amendments: Sequence[AmendmentEntry], rate_of: RateOf
) -> tuple[OrderStanding, dict[bytes, IdleOutcome]]:
    """The order after all amendments, and those that contradict it, by event id.

    It depends on the amendments' times alone, not on when they came in; ids break ties. Of the
    corrections the last one holds, of cancellations and reopenings too, and refunds are judged by
    the order as it then is.
    """
    amendments = sorted(amendments, key=lambda amendment: (amendment.time_us, amendment.event_id))
    contradictions: dict[bytes, IdleOutcome] = {}
    rate = rate_of(placed.currency_code)
    assert rate is not None, "an order without a rate is refused"
    standing = OrderStanding(placed, rate)
    for amendment in amendments:
        if amendment.kind is AmendmentKind.CORRECTION:
            corrected = _corrected(amendment, rate_of)
            if isinstance(corrected, IdleOutcome):
                contradictions[amendment.event_id] = corrected
            else:
                standing = corrected
    for amendment in amendments:
        match amendment.kind:
            case AmendmentKind.CANCELLATION:
                standing = replace(standing, cancelled=True)
            case AmendmentKind.REOPENING:
                standing = replace(standing, cancelled=False)
            case AmendmentKind.REFUND:
                after = standing.after(amendment)
                if isinstance(after, IdleOutcome):
                    contradictions[amendment.event_id] = after
                else:
                    standing = after
    return standing, contradictions


def _corrected(correction: AmendmentEntry, rate_of: RateOf) -> OrderStanding | IdleOutcome:
    assert correction.correction is not None, "a correction has a content"
    content = content_from_text(correction.correction)
    rate = rate_of(content.currency_code)
    if rate is None:
        return IdleOutcome(
            f"is {content.currency_code}, which has no exchange rate at or before the time of "
            f"order {correction.order_id}; it counts once a rate of that time or before is sent",
            "amendment.correction.currency_code",
            AmendmentConflict("no_rate", currency_code=content.currency_code),
        )
    if beyond := order_beyond_limit(content, rate, "amendment.correction"):
        return IdleOutcome(
            beyond.message,
            beyond.field,
            AmendmentConflict("too_large", currency_code=content.currency_code),
        )
    return OrderStanding(content, rate)


def order_beyond_limit(
    content: OrderContent, rate_picos: int, where: str = "order"
) -> RefusedEvent | None:
    """Why an order cannot be kept in the shop's currency; None if it can."""
    amounts = {
        f"{where}.lines": max(content.goods_micros, content.cost_micros),
        f"{where}.shipping_cost_micros": content.shipping_cost_micros,
    }
    return beyond_limit(amounts, rate_picos)


def beyond_limit(amounts: Mapping[str, int], rate_picos: int) -> RefusedEvent | None:
    """Why amounts, each by its field, cannot be kept in the shop's currency; None if they can."""
    for field, amount_micros in amounts.items():
        worth_micros = exchanged(amount_micros, rate_picos)
        if worth_micros > MAX_AMOUNT_MICROS:
            return RefusedEvent(
                RefusalReason.INVALID,
                f"is {amount_micros} micros, worth {worth_micros} in the shop's currency, must be "
                f"worth at most {MAX_AMOUNT_MICROS}; check the amount, its currency and the rate",
                field,
            )
    return None


def exchanged(amount_micros: int, rate_picos: int) -> int:
    """The amount in the shop's currency, rounded half up to a micro.

    3,000,000 dong at 0.0000345:

    >>> exchanged(3_000_000_000_000, 34_500_000)
    103500000
    """
    if rate_picos == PICOS:
        return amount_micros
    return (amount_micros * rate_picos + PICOS // 2) // PICOS
