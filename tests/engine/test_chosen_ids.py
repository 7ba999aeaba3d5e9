"""Ids that a caller chose to fall into one bucket: without the salt it chooses nothing."""

import random

import numpy as np
import pytest
from fairlift.engine.bucketing import BUCKETS, murmur3
from fairlift_stats.design.bulk_assignment import buckets
from scipy import stats

NUMBER = 100_000
SECRET_SALTS = [f"{random.Random(salt).getrandbits(128):032x}" for salt in range(5)]


def chosen(salt: str) -> list[str]:
    """Ids of the lowest tenth of the buckets: under no salt at all, or under one that leaked."""
    prefix = f"{salt}:" if salt else ""
    ids: list[str] = []
    number = 0
    while len(ids) < NUMBER:
        number += 1
        if murmur3(f"{prefix}v{number}".encode()) * BUCKETS >> 32 < BUCKETS // 10:
            ids.append(f"v{number}")
    return ids


@pytest.mark.parametrize("known", ["", "0123456789abcdef" * 2], ids=["no salt", "another salt"])
def test_a_hundred_thousand_chosen_ids_split_as_all_others(known: str) -> None:
    ids = chosen(known)

    # The attack works where the salt is known: all of them in one tenth.
    if known:
        assert max(buckets(known, ids)) < BUCKETS // 10
    p_values = [
        stats.chisquare(np.bincount(buckets(salt, ids) // (BUCKETS // 2), minlength=2)).pvalue
        for salt in SECRET_SALTS
    ]

    assert min(p_values) > 1e-6
