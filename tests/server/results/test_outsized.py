"""What one value or one channel may weigh before it is called out; chance and lifts are not."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from fairlift_server.analysis.ledger_facts import LedgerFacts
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.outsized import one_sided_channel, outsized
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
        found = outsized(summary_of([*others, value]), "revenue", [value], size)
        assert found == ((value,) if expected else ())


def test_no_value_of_two_is_large() -> None:
    assert outsized(summary_of([1.0, 1e9]), "revenue", [1e9], 2) == ()


@pytest.mark.parametrize("huge", [[1e5] * 2, [1e11, 9e10], [1e8] * 15, [-1e5, 1e5]])
def test_large_values_do_not_hide_each_other(huge: list[float]) -> None:
    rng = np.random.default_rng(3)
    others = rng.exponential(20, 1_000).tolist()
    largest = sorted([*huge, *others], key=abs, reverse=True)[:20]

    found = outsized(summary_of([*others, *huge]), "revenue", largest, 1_000)

    assert found == tuple(largest[: len(huge)])


@pytest.mark.parametrize("buyers", [30, 200])
def test_what_shops_usually_sell_is_not_called_out(buyers: int) -> None:
    """Of the largest alone, one in five such shops is; leaving more out must not add many."""
    rng = np.random.default_rng(buyers)
    alone = together = 0
    for _ in range(300):
        values = np.zeros(1_000)
        values[:buyers] = rng.lognormal(3, 1, buyers)
        largest = sorted(values.tolist(), reverse=True)[:20]
        alone += bool(outsized(summary_of(values.tolist()), "revenue", largest[:1], buyers))
        together += bool(outsized(summary_of(values.tolist()), "revenue", largest, buyers))
    assert alone <= together <= alone + 9  # 3 % of the shops


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
