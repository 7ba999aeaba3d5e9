"""Untrusted arguments of a storefront: their types, and their conversion to plain ids.

Compiled code checks argument types before its first line, where no `try` can catch the error. The
build therefore does not see this module's types: compiled functions accept anything and check it
inside. People and type checkers see the intended types.
"""

from operator import index
from typing import TypeAlias
from uuid import UUID

TextInput: TypeAlias = str
BoolInput: TypeAlias = bool
# Shops number their visitors, customers and orders, or give them UUIDs.
IdInput: TypeAlias = str | int | UUID

# Longer values are cut in messages.
_MAX_SHOWN = 80


def plain(value: IdInput) -> str:
    """The id as a plain str, because subclasses may override hashing and comparison.

    Whole numbers, also of NumPy, and UUIDs become ids by `str()`.

    Raises:
        TypeError: it is anything else, also an object that only behaves like a text.

    >>> plain(7), plain(UUID(int=1))
    ('7', '00000000-0000-0000-0000-000000000001')
    """
    if isinstance(value, str):
        return "".join([value])
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool):
        raise TypeError(_refusal(value))
    try:
        return str(index(value))
    except TypeError:
        raise TypeError(_refusal(value)) from None


def id_or_empty(value: object) -> str:
    """The value as an id; empty when it is not one."""
    try:
        return plain(value)  # type: ignore[arg-type]  # that is the question
    except Exception:  # a class of the caller's own may raise what it likes
        return ""


def _refusal(value: object) -> str:
    try:
        excerpt = repr(value)[:_MAX_SHOWN]
    except Exception:  # a class of the caller's own
        excerpt = f"a {type(value).__name__}"
    return f"the id {excerpt} must be a text, a whole number or a UUID; pass it as str(…)"
