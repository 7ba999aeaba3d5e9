"""Many units at once get what each alone would."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from fairlift.engine.bucketing import bucket, hash_of, variant_limits
from fairlift_stats.design.bulk_assignment import buckets, hashes, variants
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine import strategies as s

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "buckets.json").read_text())


def test_golden_buckets_hold() -> None:
    by_salt: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for salt, unit, hashed, place in GOLDEN["vectors"]:
        by_salt[salt].append((unit, hashed, place))

    for salt, vectors in by_salt.items():
        units = [unit for unit, _, _ in vectors]
        assert hashes(salt, units).tolist() == [hashed for _, hashed, _ in vectors]
        assert buckets(salt, units).tolist() == [place for _, _, place in vectors]


@given(st.text(max_size=20), st.lists(s.units, max_size=20))
@settings(max_examples=300)
def test_arrays_agree_with_the_engine(salt: str, units: list[str]) -> None:
    assert hashes(salt, units).tolist() == [hash_of(salt, unit) for unit in units]
    assert buckets(salt, units).tolist() == [bucket(salt, unit) for unit in units]


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=20), st.lists(s.units, max_size=20))
def test_variants_agree_with_the_engine(weights: list[int], units: list[str]) -> None:
    ends = variant_limits(weights)
    expected = [
        next(index for index, end in enumerate(ends) if bucket("salt", unit) < end)
        for unit in units
    ]

    assert variants("salt", units, weights).tolist() == expected


def test_nobody_is_assigned_to_nothing() -> None:
    assert buckets("salt", []).tolist() == []
    assert hashes("salt", np.array(["a", "b"]).tolist()).dtype == np.uint32


@pytest.mark.parametrize("weights", [[], [1, 0], [-1, 2]])
def test_weights_must_be_positive(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="must be at least one, each 1 or more"):
        variants("salt", ["a"], weights)
