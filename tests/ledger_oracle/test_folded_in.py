"""Answers into which new events are folded: at each step they are what the ledger says then."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.folding import is_additive
from fairlift_server.analysis.ledger_query import (
    LedgerAnswer,
    LedgerQuery,
    LiveQuestion,
)
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.answer_memory import remembering
from fairlift_server.results.sealed_answer import answer_to_json

from tests.databases import copied, rows, sqlite_only

from .events import DAY, HOUR, Rate
from .histories import DAYS, START, History, histories, together
from .product import Arrival, empty_store, feed
from .questions import random_query
from .test_remembered import Reader, changed
from .test_together import same

pytestmark = sqlite_only


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


def everything_of_now(rng: random.Random, history: History) -> LedgerQuery:
    """A random query that asks of now; nearly always one whose answer can be folded in."""
    while True:
        query = random_query(rng, history)
        live = query.live or LiveQuestion(history.as_of, 3)
        query = replace(query, live=live, as_of_day=None)
        if is_additive(query) or rng.random() < 0.1:
            return query


def text(answer: LedgerAnswer) -> object:
    """All that an answer says, but how it was found."""
    waiting = [[each.variant, each.entry_day, each.mixed_day, each.until_us, each.units]
               for each in answer.open_units]  # fmt: skip
    examples = [*map(list, answer.facts.twins.examples)]
    capped = answer.segments_are_capped
    return [json.loads(answer_to_json(answer)), examples, waiting, capped]


def assert_same(folded: LedgerAnswer, read: LedgerAnswer) -> None:
    assert same(text(folded), text(read))
    for one, other in zip(folded.cells, read.cells, strict=True):
        assert one.sums.units == other.sums.units
        for mine, theirs in zip(one.sums.totals, other.sums.totals, strict=True):
            if isinstance(mine, int) and isinstance(theirs, int):
                assert mine == theirs


def add_labels_and_costs(rng: random.Random, database: str, exposures: int) -> None:
    """What histories do not have: segments of new exposures, labels of customers, and costs."""
    for (row,) in rows(database, "SELECT id FROM exposures WHERE id > ?", (exposures,)):
        labels = {"tier": rng.choice("ab"), "country": rng.choice(("ES", "RO", ""))}
        text = json.dumps(labels) if rng.random() < 0.7 else None
        rows(database, "UPDATE exposures SET segments = ? WHERE id = ?", (text, row))
    units = [unit for (unit,) in rows(database, "SELECT DISTINCT unit FROM exposures")]
    for unit in rng.sample(units, 3):
        values = (rng.randbytes(16), START + rng.randrange(DAYS) * DAY, unit, rng.choice("abc"))
        rows(
            database,
            "INSERT INTO customer_attributes (event_id, time_us, received_us, unit, name, label) "
            "VALUES (?, ?, 0, ?, 'tier', ?)",
            values,
        )
    if rng.random() < 0.1:
        rows(
            database,
            "INSERT INTO costs (event_id, time_us, received_us, campaign, channel, currency_code, "
            "amount_micros, shop_amount_micros) VALUES (?, ?, 0, 'other', 'mail', 'EUR', 5, 5)",
            (rng.randbytes(16), START + DAY),
        )


@dataclass
class Telling:
    """A history that a shop hears little by little, and queries about it."""

    seed: int
    empty: str
    folder: Path

    def __post_init__(self) -> None:
        self.rng = rng = random.Random(self.seed)
        self.whole = together(histories(self.seed))
        self.database = copied(self.empty, self.folder / "shop.db")
        self.queries = [everything_of_now(rng, self.whole) for _ in range(6)]
        self.source = LedgerSource(
            self.database, folder=str(self.folder / "analysis"), least_copied_rows=1
        )

    def steps(self) -> Iterator[list[LedgerQuery]]:
        """The queries as they are asked once more is known: most at first, then little."""
        rng, events = self.rng, [*self.whole.events]
        rng.shuffle(events)
        # Whatever a rate restates is read again: most are known from the beginning.
        events.sort(key=lambda event: not isinstance(event, Rate) or rng.random() < 0.1)
        most = len(events) * 3 // 4
        cuts = [0, most, *(len(events) - number for number in (90, 60, 30, 10, 0))]
        for step, (start, end) in enumerate(pairwise(cuts)):
            [(exposures,)] = rows(self.database, "SELECT coalesce(max(id), 0) FROM exposures")
            part = replace(self.whole, events=tuple(events[start:end]))
            feed(part, self.database, Arrival(step))
            add_labels_and_costs(rng, self.database, exposures)
            if step == 4:
                changed(rng, self.database)
            now_us = self.whole.as_of + step * HOUR
            yield [replace(q, live=replace(q.live, now_us=now_us)) for q in self.queries if q.live]


@pytest.mark.parametrize("seed", range(6_000, 6_003))
def test_what_is_folded_in_is_what_the_ledger_says_at_each_step(
    empty: str, seed: int, tmp_path: Path
) -> None:
    telling = Telling(seed, empty, tmp_path)
    known: list[LedgerAnswer | None] = [None] * len(telling.queries)
    origins: Counter[Origin] = Counter()
    for queries in telling.steps():
        found = answers_from_copy(telling.source, queries, known)

        for one, other in zip(found, answers(telling.database, queries), strict=True):
            assert_same(one, other)
        origins.update(answer.origin for answer in found)
        known = [*found]
    assert origins[Origin.FOLDED_IN] > 5, origins
    assert origins[Origin.READ] > 5, origins


def test_what_is_folded_into_remembered_answers_is_right_also_after_a_restart(
    empty: str, tmp_path: Path
) -> None:
    telling = Telling(6_100, empty, tmp_path)
    ask = partial(answers_from_copy, telling.source)
    reader = Reader(telling.database, tmp_path / "answers")
    origins: Counter[Origin] = Counter()
    for queries in telling.steps():
        # What a process that was started just now knows is in the files.
        first = remembering(ask, reader.memory(), ask)(queries)
        again = remembering(ask, reader.memory(), ask)(queries)

        read = answers(telling.database, queries)
        for one, other in zip([*first, *again], [*read, *read], strict=True):
            assert_same(one, other)
        by_question = {repr(replace(query, live=None)) for query in queries}
        remembered = [answer for answer in again if answer.origin is Origin.REMEMBERED]
        assert len(remembered) >= len(by_question) - 1
        origins.update(answer.origin for answer in first)
    assert origins[Origin.FOLDED_IN] > 5, origins
