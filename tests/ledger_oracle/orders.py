"""What each order is worth in the end, from all that was said about it in any order of arrival."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from .events import (
    Cancellation,
    Content,
    Correction,
    Event,
    Order,
    Rate,
    Refund,
    Reopening,
)

PICOS = 10**12


@dataclass(slots=True)
class Worth:
    """An order as it stands, in micros of the shop's currency and on its own date."""

    order: str
    at: int
    unit: str
    counts: bool
    # False for an order that somebody placed to try the shop.
    real: bool
    revenue: Fraction
    net: Fraction
    profit: Fraction
    discount: Fraction
    items: int
    refunded: bool
    upsell: bool
    cross_sell: bool
    coupons: tuple[str, ...]
    first: bool | None
    content: Content
    rate: Fraction
    # Ids of amendments that contradict the order, and change nothing.
    contradictions: list[str] = field(default_factory=list)


def by_time(event: Event) -> tuple[int, str]:
    """Ties in time are broken by the event's id."""
    return event.at, event.id


def rate_at(rates: Iterable[Rate], currency: str, at: int, shop_currency: str) -> Fraction | None:
    """What one unit of the currency was worth in the shop's own: the latest rate by then."""
    if currency == shop_currency:
        return Fraction(1)
    known = [rate for rate in rates if rate.currency == currency and rate.at <= at]
    return Fraction(max(known, key=by_time).picos, PICOS) if known else None


def exchanged(amount: int, rate: Fraction) -> Fraction:
    """The amount in the shop's currency, rounded half up to a micro."""
    return Fraction(floor(amount * rate + Fraction(1, 2)))


@dataclass(slots=True)
class Returned:
    """All that went back of one order."""

    goods: int = 0
    recovered: int = 0
    items: int = 0
    anything: bool = False


def returned(refunds: list[Refund], content: Content, contradictions: list[str]) -> Returned:
    """Refunds in the order of their time; one that goes beyond the order changes nothing."""
    cost = sum(line.quantity * line.cost for line in content.lines)
    items = sum(line.quantity for line in content.lines)
    total = Returned()
    for refund in sorted(refunds, key=by_time):
        before = Returned() if refund.running_total else total
        after = Returned(
            before.goods + refund.goods,
            before.recovered + refund.recovered,
            before.items + refund.items,
            before.anything or refund.goods + refund.tax + refund.delivery > 0,
        )
        beyond = after.goods > content.ticket or after.recovered > cost or after.items > items
        if refund.currency != content.currency or beyond:
            contradictions.append(refund.id)
        else:
            total = after
    return total


def worth_of(events: list[Event], order: Order, shop_currency: str) -> Worth:
    """One order with its corrections, refunds, cancellations and reopenings applied."""
    about = [event for event in events if getattr(event, "order", None) == order.order]
    rates = [event for event in events if isinstance(event, Rate)]
    contradictions: list[str] = []

    content = order.content
    corrections = [event for event in about if isinstance(event, Correction)]
    for correction in sorted(corrections, key=by_time):
        if rate_at(rates, correction.content.currency, order.at, shop_currency) is None:
            contradictions.append(correction.id)
        else:
            content = correction.content

    switches = [event for event in about if isinstance(event, Cancellation | Reopening)]
    last = max(switches, key=by_time, default=None)
    stands = not isinstance(last, Cancellation)

    back = returned([e for e in about if isinstance(e, Refund)], content, contradictions)
    rate = rate_at(rates, content.currency, order.at, shop_currency)
    assert rate is not None, "an order without a rate is not accepted"
    cost = sum(line.quantity * line.cost for line in content.lines)
    net = content.ticket - back.goods
    profit = net - (cost - back.recovered) - content.shipping
    kinds = {line.kind for line in content.lines}
    return Worth(
        order=order.order,
        at=order.at,
        unit=content.unit,
        counts=stands and not content.test,
        real=not content.test,
        revenue=exchanged(content.ticket, rate),
        net=exchanged(net, rate),
        profit=exchanged(profit, rate),
        discount=exchanged(content.discount, rate),
        items=sum(line.quantity for line in content.lines),
        refunded=back.anything,
        upsell="upsell" in kinds,
        cross_sell="cross_sell" in kinds,
        coupons=tuple(code.casefold() for code in content.coupons),
        first=content.first,
        content=content,
        rate=rate,
        contradictions=contradictions,
    )


def orders_of(events: Iterable[Event], shop_currency: str) -> list[Worth]:
    """Every order once: one that was sent again dates from the first time it was placed."""
    events = list(events)
    first: dict[str, Order] = {}
    for event in events:
        if isinstance(event, Order):
            known = first.get(event.order)
            if known is None or by_time(event) < by_time(known):
                first[event.order] = event
    return [worth_of(events, order, shop_currency) for order in first.values()]
