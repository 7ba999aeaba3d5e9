"""Remembered answers: at each step of a history they are what the ledger says then."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fairlift.engine.identity import IdentityPolicy
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_facts import TwinOrders
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.results import answer_memory
from fairlift_server.results.answer_files import current_files
from fairlift_server.results.answer_memory import AnswerMemory, remembering
from fairlift_server.results.sealed_answer import answer_from_json, answer_to_json
from fairlift_server.store.database import Store
from fairlift_server.store.erasure import Request, erase
from fairlift_server.store.history import Author
from fairlift_server.store.ledger_mark import ledger_mark
from fairlift_server.store.old_events import Bounds, remove_rows

from tests.databases import copied, rows

from .events import DAY, HOUR
from .histories import History, histories, together
from .product import Arrival, empty_store, feed
from .questions import random_query
from .test_together import same

LATER = 10 * DAY


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


@dataclass
class Reader:
    """Reads a database as a server does: the mark first, then what is remembered or the ledger."""

    database: str
    folder: Path
    scans: int = 0

    def memory(self) -> AnswerMemory:
        store = Store(self.database)
        mark = store.read_now(ledger_mark)
        store.close()
        return AnswerMemory(self.folder, mark.text, mark.removals, mark.is_settled)

    def read(self, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
        return remembering(self._scan, self.memory())(queries)

    def _scan(self, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
        self.scans += 1
        return answers(self.database, queries)


def text(answer: LedgerAnswer) -> object:
    return [json.loads(answer_to_json(answer)), [*map(list, answer.facts.twins.examples)]]


def live_queries(rng: random.Random, history: History, number: int) -> list[LedgerQuery]:
    """Of different campaigns: one epoch has one answer of each kind."""
    found: dict[tuple[str, int], LedgerQuery] = {}
    while len(found) < number:
        query = random_query(rng, history)
        if query.live is not None:
            found[query.campaign, query.epoch] = query
    return list(found.values())


def at(query: LedgerQuery, now_us: int) -> LedgerQuery:
    assert query.live is not None
    return replace(query, live=replace(query.live, now_us=now_us))


def changed(rng: random.Random, database: str) -> None:
    """Somebody is erased, or old events go."""
    store = Store(database)
    units = [unit for (unit,) in rows(database, "SELECT DISTINCT unit FROM exposures")]
    if rng.random() < 0.5:
        request = Request(0, Author(), "")
        store.write_now(
            lambda t: erase(t, [rng.choice(units)], UnitIds(None, salt=b"salt"), None, request)
        )
    else:
        ids = [each for (each,) in rows(database, "SELECT id FROM exposures ORDER BY id LIMIT 3")]
        bounds = Bounds(0, 0, orders=False, forget_us=0)
        store.write_now(lambda t: remove_rows(t, "exposures", ids, bounds))
    store.close()


@pytest.mark.parametrize("seed", range(5_000, 5_002))
def test_a_remembered_answer_is_that_of_the_ledger_at_each_step(
    empty: str, seed: int, tmp_path: Path
) -> None:
    rng, whole = random.Random(seed), together(histories(seed))
    events = rng.sample(whole.events, len(whole.events))
    database = copied(empty, tmp_path / "shop.db")
    queries = live_queries(rng, whole, 2)
    reader = Reader(database, tmp_path / "answers")
    steps = 5
    for step in range(steps):
        part = events[len(events) * step // steps : len(events) * (step + 1) // steps]
        feed(replace(whole, events=tuple(part)), database, Arrival(step))
        if step in (2, 4):
            changed(rng, database)
        before = reader.scans

        first = reader.read(queries)
        again = reader.read(queries)
        later = [at(query, whole.as_of - LATER + rng.randrange(30) * DAY) for query in queries]
        known = reader.read([at(query, whole.as_of + 5 * HOUR) for query in queries])

        assert reader.scans == before + 1  # at the first reading alone
        assert all(answer.origin is Origin.REMEMBERED for answer in (*again, *known))
        fresh = answers(database, queries)
        for one, other in zip([*first, *again], [*fresh, *fresh], strict=True):
            assert same(text(one), text(other))
        fresh_later = answers(database, [at(q, whole.as_of + 5 * HOUR) for q in queries])
        for one, other in zip(known, fresh_later, strict=True):
            assert same(text(one), text(other))
        # A clock that was set back, and any other moment.
        for one, other in zip(reader.read(later), answers(database, later), strict=True):
            assert same(text(one), text(other))


@pytest.mark.parametrize("harm", ["", "{", "cut", "other"])
def test_a_damaged_file_is_computed_again(empty: str, harm: str, tmp_path: Path) -> None:
    whole = together(histories(1)[:2])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    reader = Reader(database, tmp_path / "answers")
    (query,) = live_queries(random.Random(1), whole, 1)
    (fresh,) = reader.read([query])
    (path,) = (tmp_path / "answers").iterdir()
    kept = path.read_text()
    path.write_text(
        {"cut": kept[: len(kept) // 2], "other": kept.replace("1", "2")}.get(harm, harm)
    )

    (found,) = reader.read([query])

    assert found.origin is Origin.READ
    assert same(text(found), text(fresh))
    assert reader.read([query])[0].origin is Origin.REMEMBERED


def test_after_a_removal_no_file_from_before_stays(empty: str, tmp_path: Path) -> None:
    whole = together(histories(2)[:3])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    reader = Reader(database, tmp_path / "answers")
    one, other = live_queries(random.Random(3), whole, 2)
    reader.read([one, other])
    before = {path.name for path in (tmp_path / "answers").iterdir()}

    changed(random.Random(4), database)
    reader.read([one])

    after = {path.name for path in (tmp_path / "answers").iterdir()}
    assert len(before) == 2
    assert len(after) == 1
    assert not before & after


def test_questions_of_one_epoch_that_differ_are_remembered_beside_each_other(
    empty: str, tmp_path: Path
) -> None:
    whole = together(histories(1)[:2])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    reader = Reader(database, tmp_path / "answers")
    (query,) = live_queries(random.Random(1), whole, 1)
    policies = [replace(query, live=None, identity_policy=policy) for policy in IdentityPolicy]

    reader.read([query])
    reader.read(policies)
    again = reader.read([query, *policies])

    assert reader.scans == 2
    assert all(answer.origin is Origin.REMEMBERED for answer in again)


def test_what_is_kept_of_twin_orders_is_how_many(empty: str, tmp_path: Path) -> None:
    whole = together(histories(1)[:2])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    (query,) = live_queries(random.Random(1), whole, 1)
    (answer,) = answers(database, [query])
    twins = TwinOrders(1, (("order-a", "order-b"),))
    answer = replace(answer, facts=replace(answer.facts, twins=twins))

    kept = answer_to_json(answer)

    assert "order-a" not in kept
    assert answer_from_json(kept, query).facts.twins == TwinOrders(1)


def test_after_a_release_nothing_is_remembered(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = together(histories(1)[:2])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    reader = Reader(database, tmp_path / "answers")
    (query,) = live_queries(random.Random(1), whole, 1)
    reader.read([query])

    monkeypatch.setattr(answer_memory, "_VERSION", "another")

    assert reader.read([query])[0].origin is Origin.READ


def test_what_was_remembered_before_a_removal_goes_without_another_reading(
    empty: str, tmp_path: Path
) -> None:
    whole = together(histories(2)[:3])
    database = copied(empty, tmp_path / "shop.db")
    feed(whole, database, Arrival())
    reader = Reader(database, tmp_path / "answers")
    reader.read(live_queries(random.Random(3), whole, 2))
    before = reader.memory()
    changed(random.Random(4), database)

    current_files(reader.folder, reader.memory().removals)
    assert [*(tmp_path / "answers").iterdir()] == []

    # A worker that began before does not take the new files away.
    reader.read(live_queries(random.Random(3), whole, 1))
    current_files(reader.folder, before.removals)
    assert len([*(tmp_path / "answers").iterdir()]) == 1
