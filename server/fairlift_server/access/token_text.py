"""The text of a token: fairlift_ENVIRONMENT_SECRET, or fairlift_SECRET where there is no name.

The secret is 256 random bits in 43 letters and digits, then a checksum in 6: scanners of
repositories recognise a token by its beginning, and tell a real one by its checksum.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable

PREFIX = "fairlift_"
# Letters and digits, so that a double click selects all of it.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET, _CHECKSUM = 43, 6
_FORM = re.compile(
    rf"{PREFIX}(?:([a-z][a-z0-9-]{{0,31}})_)?[0-9A-Za-z]{{{_SECRET}}}([0-9A-Za-z]{{{_CHECKSUM}}})"
)


def new_token(environment: str, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """A new token of an environment; empty: of a server whose environment has no name."""
    place = f"{environment}_" if environment else ""
    start = f"{PREFIX}{place}{_in_digits(random_bits(256), _SECRET)}"
    return start + _checksum(start)


def environment_of(token: str) -> str | None:
    """The environment that a token names, perhaps an empty one; None: it is no token of ours."""
    form = _FORM.fullmatch(token)
    if form is None or form[2] != _checksum(token[:-_CHECKSUM]):
        return None
    return form[1] or ""


def secret_hash_of(token: str) -> bytes:
    """What is kept of a token: its SHA-256, 32 bytes.

    A slow hash protects what people choose; 256 random bits need none.
    """
    return hashlib.sha256(token.encode()).digest()


def _checksum(text: str) -> str:
    return _in_digits(zlib.crc32(text.encode()), _CHECKSUM)


def _in_digits(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
