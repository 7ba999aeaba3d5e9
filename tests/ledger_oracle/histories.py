"""Random histories of a small shop, the same for the same seed.

They are small and dense: few people, whole half-hours, so that ties in time, shared devices, mixed
variants, amendments out of order and everything else that is rare happens in most of them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .events import (
    DAY,
    HOUR,
    Action,
    Campaign,
    Cancellation,
    Content,
    Correction,
    Event,
    Exposure,
    Line,
    Link,
    Order,
    Rate,
    Refund,
    Reopening,
)

# 2026-01-01, 00:00 UTC: a campaign day begins here.
START = 1_767_225_600 * 1_000_000
DAYS = 16
CENT = 10_000
# Histories that one server is given at a time: a query costs more than a history.
TOGETHER = 20
COUPONS = {"control": "", "free": "FREE5", "gift": "Straße"}
CODES = ("free5", "FREE5", "STRASSE", "straße", "OTHER", "free")
POLICIES = ("first_seen", "exclude", "as_assigned")
# Dongs are worth so little that a rate in millionths has no digits left.
RATES = {"USD": (920_000_000_000, 1_050_000_000_000), "VND": (34_500_000, 36_000_000)}


@dataclass(frozen=True, slots=True)
class History:
    """Events that a server accepts, and the campaign that they are read by."""

    campaign: Campaign
    events: tuple[Event, ...]
    # The end of the last day.
    as_of: int = START + (DAYS + 1) * DAY


@dataclass(slots=True)
class _Writer:
    """Collects the events of one history, all of whose names begin with its prefix."""

    rng: random.Random
    campaign: Campaign
    prefix: str
    events: list[Event] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.events.append(event)

    def next_id(self) -> str:
        return _random_id(self.rng)

    def named(self, kind: str, numbers: int) -> list[str]:
        return [f"{self.prefix}{kind}{number}" for number in range(numbers)]

    def moment(self) -> int:
        """A half-hour of the campaign's days, or a little before."""
        return _moment(self.rng)

    def around(self, moment: int) -> int:
        """At a moment, within its visit, or some days before or after it."""
        shift = self.rng.choice(
            (0, 0, HOUR // 3, HOUR // 2, HOUR, DAY, 2 * DAY, 3 * DAY, 5 * DAY, 6 * DAY, -HOUR)
        )
        return min(moment + shift, START + DAYS * DAY)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


def histories(seed: int) -> list[History]:
    """Histories of one campaign and the same exchange rates, with nothing else in common."""
    rng = random.Random(seed)
    campaign, rates = _campaign(rng), _rates(rng)
    return [_history(rng, campaign, rates, f"h{number}-") for number in range(TOGETHER)]


def together(parts: Sequence[History]) -> History:
    """Several histories as one shop has them."""
    variants: dict[str, str] = {}
    events = {event.id: event for part in parts for event in part.events}
    for part in parts:
        variants |= part.campaign.variants
    overrides = tuple(unit for part in parts for unit in part.campaign.overrides)
    campaign = replace(parts[0].campaign, variants=variants, overrides=overrides)
    return History(campaign, tuple(events.values()))


def _history(rng: random.Random, campaign: Campaign, rates: Sequence[Rate], prefix: str) -> History:
    variants = {f"{prefix}{variant}": coupon for variant, coupon in COUPONS.items()}
    overrides = tuple(f"{prefix}v{number}" for number in range(22) if rng.random() < 0.06)
    campaign = replace(campaign, variants=variants, overrides=overrides)
    writer = _Writer(rng, campaign, prefix, [*rates])
    visitors, customers = writer.named("v", rng.randrange(6, 22)), writer.named("c", 5)
    _links(writer, visitors, customers)
    for visitor in visitors:
        _visitor(writer, visitor, customers)
    for customer in rng.sample(customers, 3):
        _orders(writer, customer, writer.moment())
    return History(campaign, tuple(writer.events))


def _campaign(rng: random.Random) -> Campaign:
    pauses = []
    if rng.random() < 0.5:
        begin = START + rng.randrange(3, 9) * DAY + rng.choice((0, HOUR * 5))
        pauses.append((begin, begin + rng.choice((HOUR, DAY, 2 * DAY))))
    return Campaign(
        id="free-shipping",
        epoch=rng.choice((1, 2)),
        epoch_start=START - rng.choice((0, HOUR, 2 * DAY)),
        variants={},
        policy=rng.choice(POLICIES),
        pauses=tuple(pauses),
        window=rng.choice((1, 3, 4)) * DAY,
    )


def _rates(rng: random.Random) -> list[Rate]:
    rates = []
    for currency, values in RATES.items():
        for moment in (START - 10 * DAY, *(_moment(rng) for _ in range(rng.randrange(3)))):
            picos = rng.choice(values)
            rates.append(Rate(id=_random_id(rng), at=moment, currency=currency, picos=picos))
    return rates


def _random_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _moment(rng: random.Random) -> int:
    return START + rng.randrange(-4 * 48, DAYS * 48) * HOUR // 2


def _links(writer: _Writer, visitors: list[str], customers: list[str]) -> None:
    rng = writer.rng
    for visitor in visitors:
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            _link(writer, visitor, rng.choice(customers))
    # Merged accounts: chains, a second opinion, and now and then a circle.
    for _ in range(rng.randrange(4)):
        before, after = rng.sample([*customers, *writer.named("d", 2)], 2)
        _link(writer, before, after)


def _link(writer: _Writer, visitor: str, customer: str) -> None:
    moment = writer.moment() if writer.chance(0.7) else START + DAY
    writer.add(Link(id=writer.next_id(), at=moment, visitor=visitor, customer=customer))


def _visitor(writer: _Writer, visitor: str, customers: list[str]) -> None:
    rng = writer.rng
    first = writer.moment()
    variant = rng.choice([*writer.campaign.variants])
    for again in range(rng.choice((0, 1, 1, 1, 2, 3))):
        seen = rng.choice([*writer.campaign.variants]) if again and writer.chance(0.2) else variant
        moment = writer.around(first) if again else first
        _expose(writer, visitor, moment, seen, writer.campaign.epoch)
    if writer.chance(0.4):
        other = Exposure(
            id=writer.next_id(), at=writer.around(first), campaign="other", epoch=1,
            variant=rng.choice([*writer.campaign.variants]), unit=visitor,
        )  # fmt: skip
        writer.add(other)
    if writer.chance(0.2):
        _expose(writer, visitor, writer.around(first), variant, 3 - writer.campaign.epoch)
    for unit in (visitor, rng.choice(customers)):
        _orders(writer, unit, first)
    for name in ("add_to_cart", "newsletter", "view_360", "nps"):
        if writer.chance(0.35):
            _act(writer, visitor, name, writer.around(first))


def _expose(writer: _Writer, unit: str, moment: int, variant: str, epoch: int) -> None:
    writer.add(
        Exposure(
            id=writer.next_id(), at=moment, campaign=writer.campaign.id, epoch=epoch,
            variant=variant, unit=unit,
        )
    )  # fmt: skip


def _act(writer: _Writer, unit: str, name: str, moment: int) -> None:
    values = {"nps": float(writer.rng.randrange(11)), "view_360": writer.rng.randrange(9) / 4}
    writer.add(Action(id=writer.next_id(), at=moment, name=name, unit=unit, value=values.get(name)))


def _orders(writer: _Writer, unit: str, around: int) -> None:
    for _ in range(writer.rng.choice((0, 0, 1, 1, 2))):
        order = Order(
            id=writer.next_id(), at=writer.around(around),
            order=f"{writer.prefix}o{writer.rng.getrandbits(40):x}", content=_content(writer, unit),
        )  # fmt: skip
        writer.add(order)
        if writer.chance(0.1):  # sent again, by a webhook that gives the time of its sending
            again = order.at + writer.rng.choice((-HOUR, 0, HOUR))
            writer.add(replace(order, id=writer.next_id(), at=again))
        for _ in range(writer.rng.choice((0, 0, 0, 1, 1, 2, 3))):
            _amend(writer, order)


def _content(writer: _Writer, unit: str) -> Content:
    rng = writer.rng
    currency = rng.choice(("EUR", "EUR", "EUR", "USD", "VND"))
    unit_of_money = CENT * 100_000 if currency == "VND" else CENT
    lines = tuple(
        Line(
            rng.randrange(1, 4), rng.randrange(1, 9_000) * unit_of_money,
            rng.randrange(3_000) * unit_of_money, rng.choice(("regular", "upsell", "cross_sell")),
            rng.choice(("", "Shoes", "shoes")), rng.choice(("sku-1", "sku-2", "sku-3")),
        )
        for _ in range(rng.randrange(1, 4))
    )  # fmt: skip
    total = sum(line.quantity * line.price for line in lines)
    return Content(
        unit, currency, lines,
        discount=rng.choice((0, 0, total // unit_of_money // 5 * unit_of_money, total)),
        coupons=tuple(rng.sample(CODES, rng.choice((0, 0, 1, 1, 2, 3)))),
        shipping=rng.choice((0, 0, 42 * unit_of_money)),
        first=rng.choice((None, None, None, True, False)),
        test=writer.chance(0.08),
    )  # fmt: skip


def _amend(writer: _Writer, order: Order) -> None:
    rng, content = writer.rng, order.content
    name, moment = writer.next_id(), writer.around(order.at)
    match rng.randrange(8):
        case 0:
            writer.add(Cancellation(id=name, at=moment, order=order.order))
        case 1:
            writer.add(Reopening(id=name, at=moment, order=order.order))
        case 2:
            writer.add(Cancellation(id=name, at=moment, order=order.order))
            later = moment + rng.choice((0, HOUR))
            writer.add(Reopening(id=writer.next_id(), at=later, order=order.order))
        case 3:
            unit = content.unit if writer.chance(0.8) else f"{writer.prefix}c0"
            new = _content(writer, unit)
            if writer.chance(0.5):  # the same goods, and one more line
                new = replace(content, lines=(*content.lines, *new.lines), coupons=new.coupons)
            writer.add(Correction(id=name, at=moment, order=order.order, content=new))
        case _:
            _refund(writer, order, name, moment)


def _refund(writer: _Writer, order: Order, name: str, moment: int) -> None:
    rng, content = writer.rng, order.content
    first = content.lines[0]
    part = rng.choice((0, 1, 2, 3, 4))
    goods = min(content.ticket, content.ticket * part // 4 // CENT * CENT)
    if writer.chance(0.1):
        goods = content.ticket + CENT
    writer.add(
        Refund(
            id=name, at=moment, order=order.order,
            currency=content.currency if writer.chance(0.95) else "CHF",
            goods=goods,
            recovered=first.cost if part and writer.chance(0.4) else 0,
            items=1 if part and writer.chance(0.5) else 0,
            tax=rng.choice((0, 0, goods // 5)),
            delivery=rng.choice((0, 0, 495 * CENT)),
            running_total=writer.chance(0.3),
        )
    )  # fmt: skip
