"""Buckets are uniform, and those of different salts know nothing of each other.

Over 60 salts and three shapes of ids. The bounds are those of chance: with m tests in a family each
p-value may fall as low as 0.001 / m (Bonferroni), so a fair hash would fail one run in a thousand;
the ids being fixed, it fails always or never.
"""

import uuid

import numpy as np
import pytest
from fairlift_stats.design.bulk_assignment import buckets
from scipy import stats

SALTS = [f"{index * 2654435761 % 2**32:08x}{index:024x}" for index in range(60)]
COUNT = 20_000
SHAPES = {
    "sequential": [f"visitor-{index}" for index in range(COUNT)],
    "uuid": [
        str(uuid.UUID(int=(index + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
        for index in range(COUNT)
    ],
    "email": [f"ana.{index % 977}+{index}@tienda-{index % 13}.example" for index in range(COUNT)],
}
CHANCE = 0.001


@pytest.mark.parametrize("shape", SHAPES)
def test_buckets_are_uniform(shape: str) -> None:
    p_values = []
    for salt in SALTS:
        counts = np.bincount(buckets(salt, SHAPES[shape]) // 100, minlength=100)
        p_values.append(stats.chisquare(counts).pvalue)

    assert min(p_values) > CHANCE / (len(SALTS) * len(SHAPES))
    # And not too even either: p-values of a fair hash are themselves uniform.
    assert stats.kstest(p_values, "uniform").pvalue > CHANCE / len(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_buckets_of_two_salts_are_independent(shape: str) -> None:
    tenths = [buckets(salt, SHAPES[shape]) // 1_000 for salt in SALTS]
    pairs = [(one, other) for one in range(60) for other in range(one + 1, 60)]
    smallest_p, largest_v = 1.0, 0.0
    for one, other in pairs:
        table = np.bincount(tenths[one] * 10 + tenths[other], minlength=100).reshape(10, 10)
        chi2, p_value, _, _ = stats.chi2_contingency(table)
        smallest_p = min(smallest_p, p_value)
        largest_v = max(largest_v, float(np.sqrt(chi2 / (COUNT * 9))))

    assert smallest_p > CHANCE / (len(pairs) * len(SHAPES))
    # Cramér's V of the critical chi-square at that level: what chance alone may show.
    critical = stats.chi2.isf(CHANCE / (len(pairs) * len(SHAPES)), 81)
    assert largest_v < np.sqrt(critical / (COUNT * 9))


@pytest.mark.parametrize("shape", SHAPES)
def test_ramped_up_visitors_split_as_the_first_did(shape: str) -> None:
    """Traffic and variants have salts of their own: each slice of traffic splits alike."""
    units = SHAPES[shape]
    traffic, variant = buckets(SALTS[0], units), buckets(SALTS[1], units) // 5_000
    table = np.array(
        [np.bincount(variant[traffic // 1_000 == tenth], minlength=2) for tenth in range(10)]
    )

    assert stats.chi2_contingency(table).pvalue > CHANCE / len(SHAPES)


def test_a_hash_that_ties_split_to_traffic_would_be_caught() -> None:
    """The same salt for both, which is what we do not do: the test above must be able to fail."""
    units = SHAPES["sequential"]
    traffic = buckets(SALTS[0], units)
    table = np.array(
        [
            np.bincount(traffic[traffic // 1_000 == tenth] // 5_000, minlength=2) + 1
            for tenth in range(10)
        ]
    )

    assert stats.chi2_contingency(table).pvalue < 1e-100
