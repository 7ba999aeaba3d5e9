"""Measures on lines: which lines count, in which currency, and as of which day."""

import asyncio
from datetime import timedelta
from pathlib import Path

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import LineKind, LineMeasure, LineOf
from fairlift.v1.event_service_pb2 import LINE_KIND_CROSS_SELL, Event, OrderLine
from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerQuery

from tests.databases import database_in
from tests.server import shop
from tests.server.client import running
from tests.server.random_shop import START

MEASURES = {
    "all": LineMeasure(),
    "items": LineMeasure(LineOf.ITEMS),
    "cross_sell": LineMeasure(kinds=(LineKind.CROSS_SELL,)),
    "shoes": LineMeasure(categories=("Shoes",)),
    "module": LineMeasure(LineOf.ITEMS, products=("sku-1", "sku-9")),
    "orders": LineMeasure(LineOf.ORDERS, products=("sku-1",)),
    "nothing": LineMeasure(kinds=(LineKind.UPSELL,)),
    "both": LineMeasure(LineOf.ITEMS, (LineKind.CROSS_SELL,), ("Shoes",)),
}


def sums(folder: Path, events: list[Event], *, as_of_days: int | None = None) -> dict[str, float]:
    """By measure, the sum over the one visitor of the shop; money in the shop's currency."""

    async def write() -> None:
        async with running(folder) as caller:
            await caller.start(shop.campaign())
            await caller.accepted(events)

    asyncio.run(write())
    columns = tuple(UnitColumn(name, measure) for name, measure in MEASURES.items())
    day = (START.date() - DayCalendar("UTC").date_of(0)).days
    query = LedgerQuery(
        "free-shipping",
        1,
        IdentityPolicy.FIRST_SEEN,
        "UTC",
        columns,
        (ColumnGroup(None, tuple(MEASURES)),),
        as_of_day=None if as_of_days is None else day + as_of_days,
    )
    (answer,) = answers(database_in(folder), [query])
    (cell,) = answer.cells
    summary = answer.summary(query.groups[0], cell.sums)
    return {column.name: summary.sum(column.name) for column in columns}


def line(
    price: float, product: str, category: str = "", *, quantity: int = 1, offered: bool = False
) -> OrderLine:
    made = shop.line(price, quantity=quantity)
    made.product_id, made.category = product, category
    if offered:
        made.kind = LINE_KIND_CROSS_SELL
    return made


def bought(
    *lines: OrderLine, order_id: str = "o1", currency: str = "EUR", discount: float = 0
) -> Event:
    at = START + timedelta(hours=1)
    return shop.order("v", order_id, *lines, at=at, currency=currency, discount=discount)


def test_only_the_lines_that_are_named_count(tmp_path: Path) -> None:
    events = [
        shop.exposure("v", "control", at=START),
        bought(
            line(30, "sku-1", "Shoes", quantity=2),
            line(5, "sku-2", "Socks", offered=True),
            line(7, "sku-3", "Shoes", quantity=3, offered=True),
            # Off the whole order: no line has a part in it.
            discount=20,
        ),
        bought(line(11, "sku-9", "shoes"), order_id="o2"),
    ]

    assert sums(tmp_path, events) == {
        "all": 60 + 5 + 21 + 11,
        "items": 7,
        "cross_sell": 26,
        "shoes": 81,
        "module": 3,
        "orders": 1,
        "nothing": 0,
        "both": 3,
    }


def test_a_visitor_without_an_order_has_zeros(tmp_path: Path) -> None:
    assert set(sums(tmp_path, [shop.exposure("v", "control", at=START)]).values()) == {0}


def test_a_look_of_a_past_day_has_the_lines_as_they_were_then(tmp_path: Path) -> None:
    new = bought(line(8, "sku-9", "Shoes"))
    corrected = shop.correction("o1", new, at=START + timedelta(days=3))
    events = [
        shop.exposure("v", "control", at=START),
        bought(line(30, "sku-1", "Shoes", quantity=2)),
        corrected,
    ]

    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    before = sums(tmp_path / "before", events, as_of_days=1)
    after = sums(tmp_path / "after", events, as_of_days=4)

    assert (before["shoes"], before["module"], before["orders"]) == (60, 2, 1)
    assert (after["shoes"], after["module"], after["orders"]) == (8, 1, 0)


def test_a_line_in_another_currency_counts_at_the_orders_rate(tmp_path: Path) -> None:
    events = [
        shop.exchange_rate("USD", 0.92, at=START - timedelta(days=1)),
        shop.exposure("v", "control", at=START),
        bought(line(33.33, "sku-1", "Shoes"), line(10, "sku-2"), currency="USD"),
    ]

    found = sums(tmp_path, events)

    # Rounded half up to a millionth, once for all lines of the order that count.
    assert found["shoes"] == 30.6636
    assert found["all"] == 39.8636
