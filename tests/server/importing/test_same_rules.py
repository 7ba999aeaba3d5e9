"""An import takes what RecordEvents takes, and refuses what it refuses: random rows, both ways."""

import csv
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event

from tests.server import shop
from tests.server.client import running
from tests.server.importing.files import imported, ledger

# What differs: ids, digests of ids, and what is kept of an event that waits.
_OWN = ("id", "received_us", "event_id", "digest", "content", "size_bytes", "message")
_ROWS = 400
_TEXTS = ("v-1", "ñandú", "a\tb", "x" * 256, "x" * 257, "=1+1", " ", "o'neil", 'say "hi"')


class Random(random.Random):
    """Values of fields: most of them good."""

    def text(self) -> str:
        return self.choice(_TEXTS) if self.random() < 0.15 else f"v-{self.randrange(50)}"

    def moment(self) -> datetime:
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=self.randrange(600))
        if self.random() < 0.05:
            at += timedelta(days=self.choice((-390, 20, 40, -300)))
        return at

    def currency(self) -> str:
        return self.choice(("EUR", "EUR", "EUR", "USD", "eur", "EURO"))

    def amount(self) -> str:
        usual = f"{self.randrange(0, 20_000) / 100:.2f}"
        return (
            self.choice(("-1", "100000000000.000001", "0", "0.000001"))
            if (self.random() < 0.05)
            else usual
        )


def micros(text: str) -> int:
    return int(Decimal(text) * 1_000_000)


def order_of(r: Random, number: int) -> tuple[dict[str, str], Event]:
    event = shop.event(r.moment())
    order = event.order
    order.order_id = f"o-{number}"
    order.unit_id, order.currency_code, order.channel = r.text(), r.currency(), r.text()
    line = order.lines.add(product_id=r.text(), quantity=r.choice((1, 2, 3, 1_000_000, 1_000_001)))
    price, cost, discount = r.amount(), r.amount(), r.choice(("", "", "0.01", "9.99"))
    line.unit_price_micros, line.unit_cost_micros = micros(price), micros(cost)
    order.discount_micros = micros(discount or "0")
    codes = [f"code{i}" for i in range(r.choice((0, 0, 1, 2, 11)))]
    order.coupons.extend(codes)
    row = {
        "order": order.order_id,
        "unit": order.unit_id,
        "currency": order.currency_code,
        "channel": order.channel,
        "product": line.product_id,
        "quantity": str(line.quantity),
        "unit_price": price,
        "unit_cost": cost,
        "discount": discount,
        "coupons": ",".join(codes),
    }
    return row, event


def exposure_of(r: Random, _number: int) -> tuple[dict[str, str], Event]:
    campaign = r.choice(("spring", "spring", "draft", "none", "No Name", "x" * 300))
    event = shop.exposure(
        r.text(),
        r.choice(("a", "b", "c")),
        at=r.moment(),
        campaign=f"campaigns/{campaign}",
        epoch=r.choice((1, 1, 1, 0, 2)),
    )
    exposure = event.exposure
    row = {
        "unit": exposure.unit_id,
        "campaign": campaign,
        "variant": exposure.variant,
        "epoch": str(exposure.epoch),
    }
    return row, event


def action_of(r: Random, _number: int) -> tuple[dict[str, str], Event]:
    name = r.choice(("add_to_cart", "nps", "Bad", "x" * 64, "view"))
    value = r.choice(("", "1", "7.5", "10", "1e16", "-3"))
    event = shop.action(r.text(), name, float(value) if value else None, at=r.moment())
    return {"name": name, "unit": event.action.unit_id, "value": value}, event


def cost_of(r: Random, _number: int) -> tuple[dict[str, str], Event]:
    event = shop.event(r.moment())
    amount, campaign = r.amount(), r.choice(("", "", "spring", "none"))
    event.cost.channel, event.cost.currency_code = r.choice(("", "search")), r.currency()
    event.cost.campaign = f"campaigns/{campaign}" if campaign else ""
    event.cost.amount_micros = micros(amount)
    row = {
        "amount": amount,
        "campaign": campaign,
        "channel": event.cost.channel,
        "currency": event.cost.currency_code,
    }
    return row, event


def rate_of(r: Random, _number: int) -> tuple[dict[str, str], Event]:
    event = shop.event(r.moment())
    rate = r.choice(("0.92", "0.0000345", "0", "1000000", "1000001", "-1"))
    event.exchange_rate.currency_code = r.choice(("USD", "EUR", "VND", "usd"))
    event.exchange_rate.shop_picos_per_unit = int(Decimal(rate) * 10**12)
    return {"currency": event.exchange_rate.currency_code, "rate": rate}, event


def link_of(r: Random, _number: int) -> tuple[dict[str, str], Event]:
    event = shop.identity(r.text(), r.choice(("c-1", "c-2", "v-1")), at=r.moment())
    identity = event.identity
    return {"visitor": identity.visitor_id, "customer": identity.customer_id}, event


_MAKERS = {
    "links": link_of,
    "orders": order_of,
    "exposures": exposure_of,
    "actions": action_of,
    "costs": cost_of,
    "rates": rate_of,
}


@pytest.mark.parametrize("kind", _MAKERS)
@pytest.mark.parametrize("seed", range(3))
async def test_the_same_rows_are_taken_and_stored_alike(
    kind: str, seed: int, tmp_path: Path
) -> None:
    r = Random(f"{kind}{seed}")
    made = [_MAKERS[kind](r, number) for number in range(_ROWS)]
    sent, filed = tmp_path / "sent", tmp_path / "filed"
    for folder in (sent, filed):
        folder.mkdir()
        async with running(folder, raw_ids=True) as caller:
            await caller.start(shop.campaign("spring", variants=("a", "b")))
    async with running(sent, raw_ids=True) as caller:
        outcomes = await caller.record(*(event for _, event in made))
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, ["time", *made[0][0]])
        writer.writeheader()
        for row, event in made:
            at = event.event_time.ToDatetime(UTC)
            writer.writerow({"time": at.isoformat(), **row})

    tally = imported(filed, file, kind)

    refused = sum(outcome.status == pb.EVENT_STATUS_REFUSED for outcome in outcomes)
    parked = sum(outcome.status == pb.EVENT_STATUS_PARKED for outcome in outcomes)
    # The server gets each event under an id of its own: what it stores twice is one row here.
    assert tally.refused_rows == refused
    assert tally.waiting_rows >= parked
    assert refused > 0
    assert tally.taken > 0
    assert _distinct(filed) == _distinct(sent)


def _distinct(folder: Path) -> dict[str, list[object]]:
    found = ledger(folder, without=_OWN)
    del found["seen_events"]
    return {table: sorted(set(rows), key=repr) for table, rows in found.items()}
