"""Queries that are answered together: each as the reference has it, and as it is answered alone."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.results.sealed_answer import answer_to_json

from tests.databases import copied

from .comparison import variant_differences
from .histories import History, histories, together
from .metrics import report
from .product import Arrival, empty_store, feed, figures_of, query_of
from .questions import other_readings, random_query


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return empty_store(tmp_path_factory.mktemp("stores"))


def differences(history: History, empty: str, path: Path, seed: int, readings: int) -> list[str]:
    """What differs where several campaigns, policies, windows and moments are read at once."""
    database = copied(empty, path)
    refused = feed(history, database, Arrival(seed))
    accepted = [event for event in history.events if event.id not in refused]
    read = other_readings(random.Random(seed), history, readings)
    found: list[str] = []
    for one, answer in zip(read, answers(database, list(map(query_of, read))), strict=True):
        known = [event for event in accepted if event.at < one.as_of]
        product = figures_of(one, answer)
        for variant, reference in report(known, one.campaign, one.as_of).items():
            found += variant_differences(variant, reference, product[variant])
    return found


@pytest.mark.parametrize("seed", range(3_000, 3_003))
def test_readings_of_several_campaigns_at_once_say_what_the_reference_says(
    empty: str, seed: int, tmp_path: Path
) -> None:
    assert differences(together(histories(seed)), empty, tmp_path / "shop.db", seed, 12) == []


@pytest.mark.parametrize("seed", range(4_000, 4_002))
def test_queries_of_many_shapes_have_the_same_answers_together_and_alone(
    empty: str, seed: int, tmp_path: Path
) -> None:
    history, rng = together(histories(seed)), random.Random(seed)
    database = copied(empty, tmp_path / "shop.db")
    feed(history, database, Arrival(seed))
    queries = [random_query(rng, history) for _ in range(6)]

    at_once = answers(database, queries)

    alone = [answers(database, [query])[0] for query in queries]
    for together_one, alone_one in zip(at_once, alone, strict=True):
        assert same(json.loads(answer_to_json(together_one)), json.loads(answer_to_json(alone_one)))
    assert any(answer.cells for answer in at_once)


# `Any`: JSON of any shape.


def same(one: Any, other: Any) -> bool:
    """Whether they are equal, floats but for the order in which they were added up."""
    match one, other:
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
        case float(), float():
            return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)
