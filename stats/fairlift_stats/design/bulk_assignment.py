"""Assignment of many units at once, for replays and simulations; identical to the engine's.

The definition is the engine's (docs/golden-vectors.md): murmur3 x86 32, seed 0, of the UTF-8 text
`{salt}:{unit}`, scaled to 10,000 buckets. Here it runs over arrays, all units a block at a time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairlift_stats.errors import BadQuestion

BUCKETS = 10_000
_Words = NDArray[np.uint32]


def hashes(salt: str, units: Sequence[str]) -> _Words:
    """The hash of each unit under the salt: (n_units,) uint32.

    Source: the murmur3 reference (Appleby, public domain); checked against the golden buckets.

    >>> hashes("s", [""]).tolist()
    [1046795059]
    """
    prefix = f"{salt}:".encode()
    whole = len(prefix) // 4 * 4
    start = _after_blocks(np.frombuffer(prefix[:whole], dtype="<u4"))
    words, starts, lengths = _records(prefix[whole:], units)
    mixed = np.full(len(units), start, dtype=np.uint32)
    blocks = lengths // 4
    for block in range(int(blocks.max(initial=0))):
        # Most ids of a shop have one length: then all units are selected.
        chosen = slice(None) if blocks.min() > block else np.flatnonzero(blocks > block)
        mixed[chosen] = _with_block(mixed[chosen], words[starts[chosen] + 4 * block])
    rest = (lengths % 4).astype(np.uint32)
    mask = (np.uint32(1) << (np.uint32(8) * rest)) - np.uint32(1)
    mixed ^= _scrambled(words[starts + 4 * blocks] & mask)
    return _finished(mixed ^ (lengths + whole).astype(np.uint32))


def buckets(salt: str, units: Sequence[str]) -> NDArray[np.int64]:
    """The bucket of each unit under the salt: (n_units,) int64, 0 to 9,999.

    >>> buckets("s", [""]).tolist()
    [2437]
    """
    return (hashes(salt, units).astype(np.int64) * BUCKETS) >> 32


def variants(salt: str, units: Sequence[str], weights: Sequence[int]) -> NDArray[np.int64]:
    """The place in `weights` of each unit's variant: (n_units,) int64, for positive weights.

    Raises:
        BadQuestion: there are no weights, or one is below 1.
    """
    if not len(weights) or not min(weights) >= 1:
        raise BadQuestion(f"weights are {list(weights)}, must be at least one, each 1 or more")
    so_far = np.cumsum(np.asarray(weights, dtype=np.int64))
    ends = -(-BUCKETS * so_far // so_far[-1])
    return np.searchsorted(ends, buckets(salt, units), side="right")


def _records(
    tail: bytes, units: Sequence[str]
) -> tuple[_Words, NDArray[np.int64], NDArray[np.int64]]:
    """Four bytes from every place of the joined records, and where each record starts and ends.

    A record is the unit behind what the prefix left over, so that its blocks are its own.
    """
    encoded: Sequence[str] | list[bytes] = units
    joined = tail.decode("latin-1").join(["", *units])
    if joined.isascii():  # one byte per character: the joined text can be encoded at once
        raw = joined.encode()
    else:
        encoded = [unit.encode() for unit in units]
        raw = tail.join([b"", *encoded])
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(units))
    lengths += len(tail)
    starts = np.cumsum(lengths) - lengths
    padded = raw + bytes(4)
    words = np.ndarray((len(raw) + 1,), dtype="<u4", buffer=padded, strides=(1,))
    return words, starts, lengths


def _after_blocks(blocks: _Words) -> np.uint32:
    mixed = np.zeros(1, dtype=np.uint32)
    for block in blocks:
        mixed = _with_block(mixed, np.array([block], dtype=np.uint32))
    return np.uint32(mixed[0])


def _with_block(mixed: _Words, block: _Words) -> _Words:
    mixed = mixed ^ _scrambled(block)
    return _rotated(mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _scrambled(block: _Words) -> _Words:
    return _rotated(block * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _finished(mixed: _Words) -> _Words:
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> np.uint32(16))


def _rotated(words: _Words, by: int) -> _Words:
    return (words << np.uint32(by)) | (words >> np.uint32(32 - by))
