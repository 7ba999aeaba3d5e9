"""The server's ledger against the reference: in short; `python -m tests.ledger_oracle` is long."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from .events import (
    DAY,
    HOUR,
    MINUTE,
    Campaign,
    Content,
    Correction,
    Event,
    Exposure,
    Line,
    Link,
    Order,
    Refund,
)
from .histories import START, histories, together
from .metrics import report
from .orders import orders_of
from .people import people_of
from .product import Arrival, empty_store, product_report
from .tally import Tally


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_says_what_the_reference_says(empty: str, seed: int, tmp_path: Path) -> None:
    tally = Tally()

    assert tally.compare(seed, empty, tmp_path) == []
    assert tally.histories == 20


def test_the_same_events_give_the_same_report_however_they_arrive(
    empty: str, tmp_path: Path
) -> None:
    shop = together(histories(1_000))
    path = tmp_path / "arrivals.db"
    arrivals = (
        Arrival(),
        Arrival(seed=1),
        Arrival(seed=2, twice=True),
        Arrival(seed=3, restarts=True),
    )

    first, *others = (product_report(shop, empty, path, arrival) for arrival in arrivals)

    assert others == [first] * 3


def test_the_reference_itself_does_not_see_the_order_of_its_events() -> None:
    for part in histories(2_000):
        shuffled = [*part.events]
        random.Random(5).shuffle(shuffled)

        expected = report(part.events, part.campaign, part.as_of)

        assert report([*shuffled, *shuffled], part.campaign, part.as_of) == expected


# What the documents say in numbers; the reference is held to it by hand.


def _order(content: Content, at: int = START) -> Order:
    return Order(id="1", at=at, order="o", content=content)


FIFTY = Content("v", "EUR", (Line(1, 50_000_000),))


def test_a_refund_of_goods_and_delivery_takes_the_goods_alone() -> None:
    back = Refund(id="2", at=START, order="o", currency="EUR", goods=50_000_000, delivery=4_950_000)

    (worth,) = orders_of([back, _order(FIFTY)], "EUR")

    assert worth.net == 0
    assert worth.refunded
    assert worth.contradictions == []


def test_fifteen_and_then_fifty_in_all_is_fifty() -> None:
    refunds = [
        Refund(
            id=str(goods), at=START + goods, order="o", currency="EUR",
            goods=goods * 1_000_000, running_total=True,
        )
        for goods in (50, 15)
    ]  # fmt: skip

    (worth,) = orders_of([*refunds, _order(FIFTY)], "EUR")

    assert worth.net == 0


def test_a_correction_keeps_the_date_and_the_refunds() -> None:
    larger = replace(FIFTY, lines=(Line(2, 50_000_000),))
    events: list[Event] = [
        Correction(id="3", at=START + DAY, order="o", content=larger),
        Refund(id="2", at=START + HOUR, order="o", currency="EUR", goods=20_000_000),
    ]

    (worth,) = orders_of([*events, _order(FIFTY)], "EUR")

    assert worth.at == START
    assert worth.revenue == 100_000_000
    assert worth.net == 80_000_000


def test_links_are_followed_to_the_end_and_circles_are_one_person() -> None:
    links = [("v", "c1"), ("c1", "c2"), ("w", "d1"), ("d1", "d2"), ("d2", "d1")]
    events = [Link(id=v, at=START, visitor=v, customer=c) for v, c in links]

    assert people_of(events) == {"v": "c2", "c1": "c2", "w": "d1", "d1": "d1", "d2": "d1"}


def test_exposures_before_the_start_in_a_pause_or_of_an_override_do_not_count() -> None:
    campaign = Campaign(
        "c", 1, START, {"a": "", "b": ""},
        pauses=((START + DAY, START + 2 * DAY),), overrides=("checked",),
    )  # fmt: skip
    met = {
        "early": START - MINUTE - 1,
        "by a slow clock": START - MINUTE,
        "first": START,
        "paused": START + DAY,
        "resumed": START + 2 * DAY,
        "checked": START,
    }
    events = [
        Exposure(id=unit, at=at, campaign="c", epoch=1, variant="a", unit=unit)
        for unit, at in met.items()
    ]

    assert report(events, campaign, START + 9 * DAY)["a"].units == 3
