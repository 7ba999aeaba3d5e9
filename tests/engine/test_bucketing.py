"""Buckets: the same in every language, for ever."""

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from fairlift.engine.bucketing import (
    BUCKETS,
    HASH_VERSION,
    bucket,
    hash_of,
    hashes_below,
    variant_limits,
)
from hypothesis import example, given
from hypothesis import strategies as st

from tests.engine import strategies as s
from tests.golden.murmur3 import murmur3_32, reference_bucket

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "buckets.json").read_text())


# As published at https://en.wikipedia.org/wiki/MurmurHash (test vectors for MurmurHash3_x86_32).
@pytest.mark.parametrize(
    ("text", "seed", "expected"),
    [
        ("", 0x00000000, 0x00000000),
        ("", 0x00000001, 0x514E28B7),
        ("", 0xFFFFFFFF, 0x81F16F39),
        ("test", 0x00000000, 0xBA6BD213),
        ("test", 0x9747B28C, 0x704B81DC),
        ("Hello, world!", 0x00000000, 0xC0363E43),
        ("Hello, world!", 0x9747B28C, 0x24884CBA),
        ("The quick brown fox jumps over the lazy dog", 0x00000000, 0x2E4FF723),
        ("The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    ],
)
def test_reference_hash_agrees_with_published_vectors(text: str, seed: int, expected: int) -> None:
    assert murmur3_32(text.encode(), seed) == expected


def test_ten_thousand_golden_vectors_hold() -> None:
    vectors = GOLDEN["vectors"]

    assert GOLDEN["hash_version"] == HASH_VERSION
    assert len(vectors) == 10_000
    wrong = [v for v in vectors if (hash_of(v[0], v[1]), bucket(v[0], v[1])) != (v[2], v[3])]
    assert wrong == []


def test_golden_vectors_cover_odd_ids() -> None:
    units = {unit for _, unit, _, _ in GOLDEN["vectors"]}

    assert {"", "a", "é", "😀", "x" * 300} <= units
    assert sum(not unit.isascii() for unit in units) > 1_000


@given(s.salts, s.units)
@example("s", "")
def test_bucket_agrees_with_the_reference(salt: str, unit: str) -> None:
    assert bucket(salt, unit) == reference_bucket(salt, unit)
    assert 0 <= bucket(salt, unit) < BUCKETS


@given(s.salts, s.units, st.integers(0, BUCKETS))
def test_comparing_hashes_is_comparing_buckets(salt: str, unit: str, limit: int) -> None:
    assert (hash_of(salt, unit) < hashes_below(limit)) == (bucket(salt, unit) < limit)


@given(st.lists(st.integers(1, 1_000_000), min_size=2, max_size=20))
def test_variants_share_the_buckets_by_weight(weights: list[int]) -> None:
    limits = variant_limits(weights)
    total = sum(weights)

    assert limits[-1] == BUCKETS
    assert all(before <= after for before, after in pairwise(limits))
    for index, limit in enumerate(limits):
        exact = BUCKETS * sum(weights[: index + 1]) / total
        assert 0 <= limit - exact < 1 or math.isclose(limit, exact)


def test_equal_weights_give_equal_shares() -> None:
    limits = variant_limits([1, 1, 1, 1])

    assert limits == (2_500, 5_000, 7_500, 10_000)
    units = Counter(bucket("salt", f"visitor-{i}") // 2_500 for i in range(4_000))
    # Five standard deviations of a binomial share of a quarter.
    assert all(abs(count - 1_000) < 5 * math.sqrt(4_000 * 3 / 16) for count in units.values())
