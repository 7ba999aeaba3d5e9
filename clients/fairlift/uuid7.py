"""Event ids that increase with time, so that the server's index grows at its end only."""

import os
import time


def uuid7(now_ms: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits."""
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10))
    bits = (moment & (2**48 - 1)) << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64
    bits |= 0b10 << 62 | random & (2**62 - 1)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
