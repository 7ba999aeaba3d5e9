"""Resampling weighs each unit the same everywhere, and agrees with the formula."""

import math

import numpy as np
import pytest
from fairlift_stats import BadQuestion, Summary, TooFewUnits
from fairlift_stats.design.power import Variability
from fairlift_stats.methods.bootstrap import bootstrap_interval, bootstrap_sums, poisson_weights
from scipy import stats

from tests.stats.strategies import shop

IDS = np.random.default_rng(1).integers(0, 2**63, 4000, dtype=np.uint64)


def test_weights_are_poisson_and_a_function_of_unit_and_replicate() -> None:
    weights = np.concatenate([poisson_weights(IDS, b) for b in range(25)])
    counts = np.bincount(weights.astype(int), minlength=6)[:6]

    expected = stats.poisson(1).pmf(range(6)) * len(weights)
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3
    assert np.array_equal(poisson_weights(IDS, 3), poisson_weights(IDS, 3))
    pair = np.corrcoef(poisson_weights(IDS, 0), poisson_weights(IDS, 1))[0, 1]
    assert abs(pair) < 4 / math.sqrt(len(IDS))


def test_resampled_sums_add_over_chunks_and_agree_with_the_formula() -> None:
    rows = shop(4000, conversion=0.3)
    columns = {"revenue": rows["revenue"], "orders": rows["orders"]}
    whole = bootstrap_sums(IDS, columns, replicates=400)
    parts = [
        bootstrap_sums(IDS[s], {k: v[s] for k, v in columns.items()}, replicates=400)
        for s in (slice(0, 1500), slice(1500, None))
    ]

    assert whole["revenue"] == pytest.approx(parts[0]["revenue"] + parts[1]["revenue"])
    interval = bootstrap_interval(lambda t, _: t["revenue"] / t["orders"], whole, whole)
    summary = Summary.from_rows(columns)
    error = math.sqrt(Variability.of_ratio(summary, "revenue", "orders").variance / 4000)
    assert interval.width == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_resampling_refuses_what_is_too_thin() -> None:
    one = bootstrap_sums(IDS[:1], {"x": [1.0]}, replicates=50)

    with np.errstate(invalid="ignore"), pytest.raises(TooFewUnits, match="too few data"):
        bootstrap_interval(lambda t, c: t["x"] / c["n"], one, one)
    with pytest.raises(BadQuestion):
        bootstrap_sums(IDS, {"x": [1.0]})
    with pytest.raises(BadQuestion):
        bootstrap_sums(IDS[:1], {"x": [1.0]}, replicates=0)
