"""Answers into which new events are folded: at each step they are what the ledger says then."""

import json
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.folding import is_additive
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery, LiveQuestion
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.sealed_answer import answer_to_json
from fairlift_stats.data.summary import Summary

from tests.databases import copied, sqlite_only

from .events import HOUR, Rate
from .histories import History, histories, together
from .product import Arrival, empty_store, feed
from .questions import random_query
from .test_remembered import changed
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


def whole_numbers(summary: Summary) -> tuple[object, ...]:
    return (summary.n, *(total for total in summary.sums if isinstance(total, int)))


def assert_same(folded: LedgerAnswer, read: LedgerAnswer) -> None:
    assert same(text(folded), text(read))
    for one, other in zip(folded.cells, read.cells, strict=True):
        assert whole_numbers(one.summary) == whole_numbers(other.summary)
        for mine, theirs in zip(one.totals, other.totals, strict=True):
            if isinstance(mine, int) and isinstance(theirs, int):
                assert mine == theirs


@pytest.mark.parametrize("seed", range(6_000, 6_004))
def test_what_is_folded_in_is_what_the_ledger_says_at_each_step(
    empty: str, seed: int, tmp_path: Path
) -> None:
    rng, whole = random.Random(seed), together(histories(seed))
    events = rng.sample(whole.events, len(whole.events))
    # Whatever a rate restates is read again: most are known from the beginning.
    events.sort(key=lambda event: not isinstance(event, Rate) or rng.random() < 0.1)
    database = copied(empty, tmp_path / "shop.db")
    queries = [everything_of_now(rng, whole) for _ in range(6)]
    source = LedgerSource(database, folder=str(tmp_path / "analysis"), least_copied_rows=1)
    known: list[LedgerAnswer | None] = [None] * len(queries)
    origins: Counter[Origin] = Counter()
    # Most of the history at once, then little by little: as in a shop.
    cuts = [0, len(events) * 3 // 4, *(len(events) - number for number in (90, 60, 30, 10, 0))]
    for step, (start, end) in enumerate(pairwise(cuts)):
        feed(replace(whole, events=tuple(events[start:end])), database, Arrival(step))
        if step == 4:
            changed(rng, database)
        now_us = whole.as_of + step * HOUR
        asked = [replace(q, live=replace(q.live, now_us=now_us)) for q in queries if q.live]

        found = answers_from_copy(source, asked, known)

        for one, other in zip(found, answers(database, asked), strict=True):
            assert_same(one, other)
        origins.update(answer.origin for answer in found)
        known = [*found]
    assert origins[Origin.FOLDED_IN] > 5, origins
    assert origins[Origin.READ] > 5, origins
