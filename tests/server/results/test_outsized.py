"""What one value or one channel may weigh before it is called out; chance and lifts are not."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from fairlift_server.analysis.ledger_facts import LedgerFacts
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.outsized import moved_by_one, one_sided_channel
from fairlift_stats import Summary

ARMS = ("control", "free")
# All that the function reads of a plan.
PLAN = cast("AnalysisPlan", SimpleNamespace(arms=ARMS))
CHANNELS = ("", "email", "search", "partner", "store")


def summary_of(values: list[float]) -> Summary:
    array = np.asarray(values, dtype=float)
    sums = {"revenue": float(array.sum())}
    return Summary.from_sums(len(values), sums, {("revenue", "revenue"): float((array**2).sum())})


def totals(units: int = 1_000) -> dict[str, Summary]:
    return dict.fromkeys(ARMS, summary_of([1.0] * units))


@pytest.mark.parametrize("size", [300, 3_000])
def test_a_value_is_compared_with_the_error_of_all_others(size: int) -> None:
    rng = np.random.default_rng(size)
    others = rng.exponential(20, size - 1).tolist()
    error_without = float(np.std(others, ddof=1)) / np.sqrt(size - 1)
    mean = float(np.mean(others))
    # What moves the mean of the others, by (r - mean) / n, a little less and a little more.
    limit = float(mean + error_without * size)
    for value, expected in ((limit * 0.98, False), (limit * 1.02, True), (1e15, True)):
        assert moved_by_one(summary_of([*others, value]), "revenue", value) is expected


def test_no_value_of_two_is_large() -> None:
    assert not moved_by_one(summary_of([1.0, 1e9]), "revenue", 1e9)


def test_neither_chance_nor_a_lift_of_all_channels_is_one_sided() -> None:
    rng = np.random.default_rng(7)
    for _ in range(500):
        lift = rng.uniform(1, 4)
        orders = {
            (arm, channel): int(rng.poisson(rng_mean * (lift if arm == "free" else 1)))
            for rng_mean, channel in zip(rng.uniform(1, 200, len(CHANNELS)), CHANNELS, strict=True)
            for arm in ARMS
        }
        assert one_sided_channel(PLAN, LedgerFacts(sources=orders), totals()) is None, orders


@pytest.mark.parametrize(
    ("in_free", "in_control", "is_found"),
    # A share of 50 % at odds of a million to one: 20 of 20 are 2^-20; 15 of 15 are too few.
    [(20, 0, True), (15, 0, False), (60, 12, True), (12, 8, False)],
)
def test_few_orders_are_chance_and_many_are_not(
    in_free: int, in_control: int, is_found: bool
) -> None:
    orders = {("free", "api"): in_free, ("control", "api"): in_control}

    found = one_sided_channel(PLAN, LedgerFacts(sources=orders), totals())

    assert (found is not None) is is_found
    if found is not None:
        assert (found.channel, found.variant, found.in_variant) == ("api", "free", in_free)
        assert found.expected == 0.5


def test_orders_without_a_channel_are_no_source() -> None:
    orders = {("free", ""): 1_000}

    assert one_sided_channel(PLAN, LedgerFacts(sources=orders), totals()) is None
