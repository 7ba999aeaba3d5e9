"""Murmur3 x86 32, written from the algorithm's description: slow, plain, and not mmh3."""


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """The unsigned 32-bit hash."""

    def multiply(a: int, b: int) -> int:
        return (a * b) & 0xFFFFFFFF

    def rotate(x: int, by: int) -> int:
        return ((x << by) | (x >> (32 - by))) & 0xFFFFFFFF

    def scrambled(block: int) -> int:
        return multiply(rotate(multiply(block, 0xCC9E2D51), 15), 0x1B873593)

    h = seed
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        h ^= scrambled(int.from_bytes(data[start : start + 4], "little"))
        h = (multiply(rotate(h, 13), 5) + 0xE6546B64) & 0xFFFFFFFF
    if tail := data[whole:]:
        h ^= scrambled(int.from_bytes(tail, "little"))
    h ^= len(data)
    h = multiply(h ^ (h >> 16), 0x85EBCA6B)
    h = multiply(h ^ (h >> 13), 0xC2B2AE35)
    return h ^ (h >> 16)


def reference_bucket(salt: str, unit: str) -> int:
    """The bucket as docs/golden-vectors.md defines it."""
    return murmur3_32(f"{salt}:{unit}".encode()) * 10_000 >> 32
