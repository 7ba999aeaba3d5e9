"""Every measure against a plain reading of its definition, event by event, over a random shop."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    LineKind,
    LineMeasure,
    LineOf,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift_server.analysis.columns import FunnelSteps, UnitColumn, Window
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerAnswer, LedgerQuery

from tests.databases import database_in
from tests.server import shop
from tests.server.client import running
from tests.server.plain_reading import DAY, Person, Span, people_of, steps_reached, value_of
from tests.server.random_shop import COUPONS, START, Shop, random_shop

ZONE = "America/New_York"
POLICIES = list(IdentityPolicy)
# By variant, day of maturity and day of mixing.
Key = tuple[str, date, date | None]

MEASURES: dict[str, Measure] = {
    **{measure.value: measure for measure in OrderMeasure},
    "cart": ActionMeasure("add_to_cart"),
    "views": ActionMeasure("view", ActionOf.COUNT),
    "view_value": ActionMeasure("view", ActionOf.VALUE),
    "nps": ActionMeasure("nps", ActionOf.NPS),
    "worth": ActionMeasure("view", ActionOf.WORTH),
    "upsell_items": LineMeasure(LineOf.ITEMS, (LineKind.UPSELL,)),
    "cross_sell_revenue": LineMeasure(LineOf.REVENUE, (LineKind.CROSS_SELL,)),
    "offered": LineMeasure(LineOf.ORDERS, (LineKind.CROSS_SELL, LineKind.UPSELL)),
    "back": ReturnMeasure(1, 8),
    "bought": ReturnMeasure(2, 8, bought=True),
}
STEPS: tuple[tuple[Measure, ...], ...] = (
    (ActionMeasure("view"), ActionMeasure("add_to_cart"), OrderMeasure.ORDERS),
    (ReturnMeasure(1, 6), OrderMeasure.COUPON_ORDERS),
    (OrderMeasure.ORDERS, OrderMeasure.UPSELL_ORDERS, ActionMeasure("nps")),
)


@pytest.fixture(scope="module")
def made() -> Shop:
    return random_shop(random.Random(20_081_122))


@pytest.fixture(scope="module")
def path(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shop's ledger, written through gRPC by a server that has ended."""
    return written(made, tmp_path_factory.mktemp("shop"))


def written(made: Shop, folder: Path) -> str:
    async def write() -> None:
        # Raw ids: where times are equal the smaller id decides, here as in the plain reading.
        async with running(folder, raw_ids=True) as caller:
            campaign = shop.campaign(variants=COUPONS, segments=["country"])
            for variant in campaign.variants:
                if COUPONS[variant.id]:
                    variant.payload.update({"coupon": COUPONS[variant.id]})
            await caller.start(campaign)
            for start in range(0, len(made.events), 100):
                await caller.accepted(made.events[start : start + 100])

    asyncio.run(write())
    return database_in(folder)


def query_of(
    policy: IdentityPolicy,
    columns: list[UnitColumn],
    window: Window = None,
    *,
    zone: str = ZONE,
    as_of: date | None = None,
    by_segment: bool = False,
) -> LedgerQuery:
    names = tuple(column.name for column in columns)
    group = ColumnGroup(window, names, tuple((name, name) for name in names))
    return LedgerQuery(
        "free-shipping",
        1,
        policy,
        zone,
        tuple(columns),
        (group,),
        coupons=tuple((variant, code) for variant, code in COUPONS.items() if code),
        as_of_day=None if as_of is None else (as_of - date(1970, 1, 1)).days,
        segment_groups=(group,) if by_segment else (),
        segments=("country",) if by_segment else (),
    )


def answer_to(path: str, query: LedgerQuery) -> LedgerAnswer:
    return answers(path, [query])[0]


def span_of(window: Window) -> Span:
    if window is None:
        return timedelta(), None
    return timedelta(), window * DAY or timedelta(minutes=30)


def expected(
    people: list[Person],
    policy: IdentityPolicy,
    window: Window,
    value: Callable[[Person], float],
    *,
    zone: str = ZONE,
) -> dict[Key, list[float]]:
    """The value of every person by the cell that they belong to."""
    values: dict[Key, list[float]] = defaultdict(list)
    for person in people:
        mixed_at = person.mixed_at(policy)
        mature = person.mature_on(span_of(window)[1] or timedelta(), zone)
        mixed = None if mixed_at is None else mixed_at.astimezone(ZoneInfo(zone)).date()
        values[person.variant, mature, mixed].append(value(person))
    return values


def agree(answer: LedgerAnswer, column: str, wanted: dict[Key, list[float]]) -> None:
    calendar = DayCalendar(answer.query.time_zone)
    (group,) = answer.query.groups
    cells = {
        (
            cell.variant,
            calendar.date_of(cell.mature_day),
            None if cell.mixed_day is None else calendar.date_of(cell.mixed_day),
        ): group.summary(cell.sums)
        for cell in answer.cells
    }
    (unit,) = (c for c in answer.query.columns if c.name == column)
    scale = 1 / unit.unit
    assert cells.keys() == wanted.keys()
    for key, values in wanted.items():
        summary = cells[key]
        assert summary.n == len(values)
        assert summary.sum(column) == pytest.approx(sum(values) * scale, rel=1e-9, abs=1e-3)
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values) * scale**2
        at = summary.columns.index(column)
        assert summary.comoments[at, at] == pytest.approx(squares, rel=1e-6, abs=1e-6 * scale**2)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("window", [None, 0, 3, 8])
def test_a_measure_is_what_its_definition_says(
    made: Shop, path: str, policy: IdentityPolicy, window: Window
) -> None:
    columns = [UnitColumn(name, measure, window) for name, measure in MEASURES.items()]
    answer = answer_to(path, query_of(policy, columns, window))
    people = people_of(made, policy)
    seen = 0

    for name, measure in MEASURES.items():
        wanted = expected(
            people, policy, window, partial(value_of, measure=measure, span=span_of(window))
        )
        agree(answer, name, wanted)
        seen += any(sum(values) for values in wanted.values())

    assert seen == len(MEASURES)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("window", [None, 5])
def test_a_funnel_s_step_counts_when_it_follows_the_step_before(
    made: Shop, path: str, policy: IdentityPolicy, steps: tuple[Measure, ...], window: Window
) -> None:
    columns = [
        UnitColumn(f"step{number}", FunnelSteps(steps[:number]), window)
        for number in range(1, len(steps) + 1)
    ]
    answer = answer_to(path, query_of(policy, columns, window))
    people = people_of(made, policy)
    length = span_of(window)[1]
    reached = {person.name: steps_reached(person, steps, length) for person in people}

    def has_reached(number: int, person: Person) -> float:
        return float(reached[person.name] >= number)

    assert len(set(reached.values())) == len(steps) + 1  # some stop at each step

    for number in range(1, len(steps) + 1):
        wanted = expected(people, policy, window, partial(has_reached, number))
        agree(answer, f"step{number}", wanted)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("day", [5, 12])
def test_as_of_a_day_nothing_that_came_later_is_known(
    made: Shop, path: str, policy: IdentityPolicy, day: int
) -> None:
    as_of = START.date() + timedelta(days=day)
    end = shop.midnight(as_of + DAY, ZONE)
    columns = [UnitColumn(name, measure) for name, measure in MEASURES.items()]
    answer = answer_to(path, query_of(policy, columns, as_of=as_of))
    people = people_of(made, policy, until=end)
    assert len(people) < len(people_of(made, policy))

    for name, measure in MEASURES.items():
        wanted = expected(
            people, policy, None, partial(value_of, measure=measure, span=span_of(None))
        )
        agree(answer, name, wanted)


def test_covariates_are_what_happened_before(made: Shop, path: str) -> None:
    policy = IdentityPolicy.FIRST_SEEN
    people = people_of(made, policy)
    for measure in (OrderMeasure.REVENUE, ActionMeasure("view", ActionOf.COUNT)):
        column = UnitColumn("before", measure, before_days=1)
        wanted = expected(
            people, policy, None, partial(value_of, measure=measure, span=(-DAY, timedelta()))
        )

        assert any(sum(values) for values in wanted.values())
        agree(answer_to(path, query_of(policy, [column])), "before", wanted)


def test_a_cap_cuts_what_lies_above(made: Shop, path: str) -> None:
    policy = IdentityPolicy.AS_ASSIGNED
    column = UnitColumn("capped", OrderMeasure.REVENUE, cap=CapAtAmount(60))
    people = people_of(made, policy)
    revenue = {p.name: value_of(p, OrderMeasure.REVENUE, span_of(None)) for p in people}
    wanted = expected(people, policy, None, lambda p: min(60, revenue[p.name]))

    assert min(revenue.values()) < 60 < max(revenue.values())
    agree(answer_to(path, query_of(policy, [column])), "capped", wanted)


@pytest.mark.parametrize("as_of", [None, START.date() + timedelta(days=12)])
def test_a_quantile_cap_is_that_of_all_arms_together(
    made: Shop, path: str, as_of: date | None
) -> None:
    policy = IdentityPolicy.AS_ASSIGNED
    end = None if as_of is None else shop.midnight(as_of + DAY, ZONE)
    people = people_of(made, policy, until=end)
    # Of the units whose three days are over by the end of the day.
    mature = [p for p in people if end is None or p.first + 3 * DAY < end]
    positive = sorted(
        value for p in mature if (value := value_of(p, OrderMeasure.REVENUE, span_of(3))) > 0
    )
    # Linear interpolation between order statistics, as numpy and R (type 7) have it.
    place = 0.9 * (len(positive) - 1)
    low = int(place)
    cap = positive[low] + (place - low) * (positive[low + 1] - positive[low])
    column = UnitColumn("capped", OrderMeasure.REVENUE, 3, cap=CapAtQuantile(0.9))
    wanted = expected(
        people, policy, 3, lambda p: min(cap, value_of(p, OrderMeasure.REVENUE, span_of(3)))
    )

    assert 0 < cap < positive[-1]
    agree(answer_to(path, query_of(policy, [column], 3, as_of=as_of)), "capped", wanted)


def test_cubes_of_money_are_added_up_as_whole_numbers(made: Shop, path: str) -> None:
    # Doubles would depend on the order in which threads add them up.
    policy, name = IdentityPolicy.FIRST_SEEN, "revenue"
    query = query_of(policy, [UnitColumn(name, OrderMeasure.REVENUE, 3)], 3)
    group = ColumnGroup(3, (name,), ((name, name),), ((name, name, name),))
    wanted: dict[str, int] = defaultdict(int)
    for person in people_of(made, policy):
        micros = round(value_of(person, OrderMeasure.REVENUE, span_of(3)) * 1_000_000)
        wanted[person.variant] += micros**3

    cubes: dict[str, int] = defaultdict(int)
    for cell in answer_to(path, replace(query, groups=(group,))).cells:
        *_, cube = cell.sums.totals
        assert isinstance(cube, int)
        cubes[cell.variant] += cube
    assert cubes == wanted


def test_segments_are_those_of_the_first_exposure(made: Shop, path: str) -> None:
    policy = IdentityPolicy.FIRST_SEEN
    column = UnitColumn("orders", OrderMeasure.ORDERS, 3)
    answer = answer_to(path, query_of(policy, [column], 3, by_segment=True))
    wanted: dict[tuple[str, str], list[float]] = defaultdict(list)
    for person in people_of(made, policy):
        if person.mixed_at(policy) is None:
            wanted[person.country, person.variant].append(
                value_of(person, OrderMeasure.ORDERS, span_of(3))
            )

    units: dict[tuple[str, str], int] = defaultdict(int)
    orders: dict[tuple[str, str], float] = defaultdict(float)
    (group,) = answer.query.segment_groups
    for (text, variant), sums in answer.segment_sums(None, group).items():
        country = shop.segment(text, "country")
        units[country, variant] += sums.units
        orders[country, variant] += answer.summary(group, sums).sum("orders")
    assert units == {key: len(values) for key, values in wanted.items()}
    assert orders == {key: sum(values) for key, values in wanted.items()}


def test_another_campaign_s_exposures_do_not_count(path: str) -> None:
    column = UnitColumn("orders", OrderMeasure.ORDERS)
    query = LedgerQuery(
        "other", 1, IdentityPolicy.FIRST_SEEN, ZONE, (column,), (ColumnGroup(None, ("orders",)),)
    )
    answer = answer_to(path, query)

    assert (answer.cells, answer.entries) == ((), ())
