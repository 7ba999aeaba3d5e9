"""Segments by what is known of customers, against a plain reading over a random shop."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import OrderMeasure
from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.ledger_query import LedgerQuery

from tests.databases import database_in
from tests.server import shop
from tests.server.analysis.test_measures import ZONE, answer_to, query_of, span_of, written
from tests.server.importing.customer_files import customers_imported
from tests.server.plain_reading import DAY, Person, names_of, people_of, value_of
from tests.server.random_shop import START, Shop, random_shop

POLICIES = list(IdentityPolicy)
# Country, tier and variant.
Cut = tuple[str, str, str]


@dataclass(frozen=True)
class Known:
    """What a file says of an id."""

    unit: str
    at: datetime
    name: str
    label: str


@dataclass(frozen=True)
class World:
    made: Shop
    known: list[Known]
    database: str


def random_attributes(rng: random.Random, made: Shop) -> list[Known]:
    """Of visitors and customers, at whole hours: many at one moment, or at that of an exposure."""
    units = sorted(
        {e.unit for e in made.exposures} | {link.customer for link in made.links} | {"nobody"}
    )
    found = []
    for unit in units:
        for _ in range(rng.choice([0, 1, 2, 4])):
            at = START + timedelta(hours=rng.choice([-900, 0, 24, rng.randrange(20 * 24)]))
            for name, labels in (("tier", "gold silver bronze"), ("country", "FR ES")):
                if rng.random() < 0.6:
                    found.append(Known(unit, at, name, rng.choice(labels.split())))
                    if rng.random() < 0.2:
                        found.append(Known(unit, at, name, rng.choice(labels.split())))
    for exposure in rng.sample(made.exposures, 40):  # at the very moment, and just after it
        found.append(Known(exposure.unit, exposure.at, "tier", "gold"))
        found.append(Known(exposure.unit, exposure.at + timedelta(microseconds=1), "tier", "late"))
    rng.shuffle(found)
    return found


def line_of(known: Known) -> str:
    cells = {"tier": "", "country": "", known.name: known.label}
    return f"{known.unit},{known.at.isoformat()},{cells['tier']},{cells['country']}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    rng = random.Random(34)
    made, folder = random_shop(rng), tmp_path_factory.mktemp("shop")
    written(made, folder)
    known = random_attributes(rng, made)
    tally = customers_imported(database_in(folder), folder, *map(line_of, known))
    assert (tally.taken, tally.refused) == (len(set(known)), {})
    return World(made, known, database_in(folder))


def plain_label(
    world: World, policy: IdentityPolicy, until: datetime | None
) -> Callable[[Person, str], str]:
    """What is known of a person at the first exposure."""
    who = names_of(world.made, policy, until=until)

    def label(person: Person, name: str) -> str:
        found = [
            (each.at, each.label)
            for each in world.known
            if each.name == name and who(each.unit) == person.name and each.at <= person.first
        ]
        return max(found)[1] if found else ""

    return label


def plain_cuts(
    world: World, policy: IdentityPolicy, until: datetime | None
) -> dict[Cut, list[float]]:
    label = plain_label(world, policy, until)
    cuts: dict[Cut, list[float]] = defaultdict(list)
    for person in people_of(world.made, policy, until=until):
        if person.mixed_at(policy) is None:
            country = person.country or label(person, "country")
            cuts[country, label(person, "tier"), person.variant].append(
                value_of(person, OrderMeasure.ORDERS, span_of(3))
            )
    return cuts


def query(policy: IdentityPolicy, as_of: date | None = None) -> LedgerQuery:
    column = UnitColumn("orders", OrderMeasure.ORDERS, 3)
    asked = query_of(policy, [column], 3, as_of=as_of, by_segment=True)
    return replace(asked, segments=("tier", "country"))


def read_cuts(database: str, asked: LedgerQuery) -> dict[Cut, tuple[int, float]]:
    found: dict[Cut, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    answer, (group,) = answer_to(database, asked), asked.segment_groups
    for (text, variant), sums in answer.segment_sums(None, group).items():
        key = shop.segment(text, "country"), shop.segment(text, "tier"), variant
        n, orders = found[key]
        found[key] = n + sums.units, orders + answer.summary(group, sums).sum("orders")
    return dict(found)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("days", [None, 5, 12])
def test_a_unit_has_the_label_that_was_known_at_its_first_exposure(
    world: World, policy: IdentityPolicy, days: int | None
) -> None:
    as_of = None if days is None else START.date() + timedelta(days=days)
    until = None if as_of is None else shop.midnight(as_of + DAY, ZONE)
    wanted = plain_cuts(world, policy, until)
    tiers = {tier for _, tier, _ in wanted}
    # Some are unknown, each label is there, and none came a microsecond after the exposure.
    assert tiers == {"", "gold", "silver", "bronze"}

    found = read_cuts(world.database, query(policy, as_of))

    assert found == {key: (len(values), sum(values)) for key, values in wanted.items()}


def test_policies_know_different_things(world: World) -> None:
    cuts = [plain_cuts(world, policy, None) for policy in POLICIES]
    assert len({str(sorted(cut.items())) for cut in cuts}) == len(POLICIES)


@pytest.mark.parametrize("policy", POLICIES)
def test_everything_but_the_segments_stays_as_it_is(world: World, policy: IdentityPolicy) -> None:
    with_segments = answer_to(world.database, query(policy))
    without = answer_to(world.database, replace(query(policy), segments=()))

    assert with_segments.cells == without.cells
    assert with_segments.entries == without.entries


def test_what_is_imported_later_counts_from_its_own_time(tmp_path: Path) -> None:
    made = Shop()
    for number in range(3):
        made.expose(f"v{number}", START + DAY, "free")
    made.link("v1", "c1", START + 3 * DAY)
    written(made, tmp_path)
    database, asked = database_in(tmp_path), query(IdentityPolicy.FIRST_SEEN)

    def tiers() -> dict[str, int]:
        return {tier: n for (_, tier, _), (n, _) in read_cuts(database, asked).items()}

    assert tiers() == {"": 3}
    # A later state of v0, and an earlier one of who v1 turned out to be.
    customers_imported(
        database,
        tmp_path,
        f"v0,{(START + 2 * DAY).isoformat()},gold,",
        f"c1,{START.isoformat()},silver,",
    )
    assert tiers() == {"": 2, "silver": 1}
    # Of the day before the link nobody knows that v1 is c1.
    before = query(IdentityPolicy.FIRST_SEEN, (START + DAY).date())
    assert {tier for _, tier, _ in read_cuts(database, before)} == {""}
