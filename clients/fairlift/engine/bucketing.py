"""From a unit to a bucket: the only place where chance enters.

A bucket is a pure function of a salt and a unit's id: murmur3 (x86, 32 bits, seed 0, unsigned) of
the UTF-8 text `{salt}:{unit}`, scaled down to 10,000. A campaign has one salt for its traffic and
one for its variants, a layer and a holdout have their own: were they one, the visitors that a
ramp-up adds would all be of one variant. `docs/golden-vectors.md` lets another language prove
that it agrees.
"""

from collections.abc import Sequence
from itertools import accumulate

from mmh3 import mmh3_32_uintdigest as murmur3

# Of bytes, never of a text: half a surrogate pair in one, as a broken cookie may hold, makes mmh3
# 5.3 end the process.
__all__ = [
    "BUCKETS",
    "HASH_VERSION",
    "bucket",
    "hash_of",
    "hashes_below",
    "murmur3",
    "variant_limits",
]

HASH_VERSION = 1
BUCKETS = 10_000
HASHES = 2**32


def hash_of(salt: str, unit: str) -> int:
    """The 32 bits, unsigned, that all of a unit's luck under this salt comes from.

    Raises:
        UnicodeEncodeError: the unit holds half a surrogate pair, which has no UTF-8.
    """
    return murmur3(f"{salt}:{unit}".encode())


def bucket(salt: str, unit: str) -> int:
    """The unit's bucket under this salt, from 0 to 9,999, each as likely as another.

    >>> bucket("a-salt", "visitor-1") == bucket("a-salt", "visitor-1")
    True
    """
    return hash_of(salt, unit) * BUCKETS >> 32


def hashes_below(bucket_limit: int) -> int:
    """The hash from which on buckets are `bucket_limit` or more.

    `hash < hashes_below(b)` says exactly `bucket < b`, and saves the decision a multiplication.
    """
    return -(-bucket_limit * HASHES // BUCKETS)


def variant_limits(weights: Sequence[int]) -> tuple[int, ...]:
    """For each variant in order, the bucket where it ends; the last ends at 10,000.

    Variant i has the buckets from limit i-1 (or 0) up to, and without, limit i. A weight's share is
    rounded so that no limit moves by a whole bucket: `ceil(10_000 * weights so far / all weights)`.
    """
    total = sum(weights)
    return tuple(-(-BUCKETS * so_far // total) for so_far in accumulate(weights))
