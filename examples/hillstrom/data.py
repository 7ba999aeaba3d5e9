"""Converts the file of the challenge to events: exposures, visits and orders."""

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from fairlift import micros
from fairlift.uuid7 import uuid7
from fairlift.v1.event_service_pb2 import Action, Event, Exposure, Order, OrderLine
from fairlift.v1.value_pb2 import Value
from fairlift.wire.values import time_to

CAMPAIGN = "hillstrom-email"
CURRENCY = "USD"
DAYS = 14
# A week of entry, in which everybody enters on the first day, and the window of the last of them.
REPLAYED_DAYS = 7 + 15
_VARIANTS = {
    "Mens E-Mail": "mens-email",
    "Womens E-Mail": "womens-email",
    "No E-Mail": "no-email",
}


def events(path: Path, *, sent: datetime) -> Iterator[Event]:
    """Exposures, visits and orders, in the order of the file.

    The file has no dates, only "the two weeks after", so visits are spread over two weeks.

    Raises:
        ValueError: it is not the file of the challenge.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if not {"segment", "visit", "spend", "channel", "newbie"} <= row.keys():
                raise ValueError(f"{path} is not the file of the Hillstrom challenge")
            yield from _of_customer(number, row, sent)


def _of_customer(number: int, row: dict[str, str], sent: datetime) -> Iterator[Event]:
    unit = f"customer-{number:05d}"
    visit_time = sent + timedelta(hours=1 + number % (24 * DAYS))
    exposure = Exposure(
        campaign=f"campaigns/{CAMPAIGN}", variant=_VARIANTS[row["segment"]], unit_id=unit, epoch=1
    )
    exposure.attributes["channel"].CopyFrom(Value(string_value=row["channel"]))
    exposure.attributes["newbie"].CopyFrom(Value(bool_value=row["newbie"] == "1"))
    yield Event(event_id=uuid7(), event_time=time_to(sent), exposure=exposure)
    if row["visit"] == "1":
        visit = Action(name="visit", unit_id=unit)
        yield Event(event_id=uuid7(), event_time=time_to(visit_time), action=visit)
    if row["conversion"] == "1":
        line = OrderLine(
            product_id="merchandise", quantity=1, unit_price_micros=micros(row["spend"])
        )
        order = Order(
            order_id=f"order-{number:05d}", unit_id=unit, currency_code=CURRENCY, lines=[line]
        )
        moment = visit_time + timedelta(minutes=10)
        yield Event(event_id=uuid7(), event_time=time_to(moment), order=order)
