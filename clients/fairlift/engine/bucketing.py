"""Maps a unit to a bucket: the only place where chance enters.

A bucket is a pure function of a salt and a unit's id: murmur3 (x86, 32 bits, seed 0, unsigned) of
the UTF-8 text `{salt}:{unit}`, scaled down to 10,000. A campaign has one salt for its traffic and
one for its variants, and each layer and the holdout have their own: with a common salt, all
visitors that a ramp-up adds would get the same variant. `docs/golden-vectors.md` has test vectors
for other languages.
"""

from collections.abc import Sequence
from itertools import accumulate

from mmh3 import mmh3_32_uintdigest as murmur3

# Only ever called with bytes: a text with half a surrogate pair, as in a broken cookie, makes
# mmh3 5.3 end the process.
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
    """The unit's hash under this salt: 32 bits, unsigned.

    Raises:
        UnicodeEncodeError: the unit contains half a surrogate pair, which UTF-8 cannot encode.
    """
    return murmur3(f"{salt}:{unit}".encode())


def bucket(salt: str, unit: str) -> int:
    """The unit's bucket under this salt, from 0 to 9,999, all equally likely.

    >>> bucket("a-salt", "visitor-1") == bucket("a-salt", "visitor-1")
    True
    """
    return hash_of(salt, unit) * BUCKETS >> 32


def hashes_below(bucket_limit: int) -> int:
    """The lowest hash whose bucket is `bucket_limit` or more.

    `hash < hashes_below(b)` is equivalent to `bucket < b`, without a multiplication per decision.
    """
    return -(-bucket_limit * HASHES // BUCKETS)


def variant_limits(weights: Sequence[int]) -> tuple[int, ...]:
    """The bucket where each variant ends, in order; the last ends at 10,000.

    Variant i has the buckets from limit i-1 (or 0) up to, but not including, limit i. Limits are
    rounded up: `ceil(10_000 * weights so far / all weights)`.
    """
    total = sum(weights)
    return tuple(-(-BUCKETS * so_far // total) for so_far in accumulate(weights))
