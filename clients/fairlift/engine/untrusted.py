"""Arguments from a storefront, which must not be trusted: their types, and how they are made plain.

Compiled code checks its arguments before the first line runs, where no `try` can catch what that
raises. The build therefore looks away from this module, so that anything is let in there, to be
checked on the inside; people and type checkers read what is meant.
"""

from operator import index
from typing import TypeAlias
from uuid import UUID

TextInput: TypeAlias = str
BoolInput: TypeAlias = bool
# Shops number their visitors, customers and orders, or give them UUIDs.
IdInput: TypeAlias = str | int | UUID

# No longer value is repeated in a message.
_MAX_SHOWN = 80


def plain(value: IdInput) -> str:
    """An id as a str and no more: subclasses may hash, compare and measure as they like.

    A whole number, NumPy's too, and a UUID are ids by their `str()`.

    Raises:
        TypeError: it is anything else; what only behaves like a text, such as a proxy, is none.

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
    """The value as an id, or an empty text where it is none."""
    try:
        return plain(value)  # type: ignore[arg-type]  # that is the question
    except Exception:  # a class of the caller's own may raise what it likes
        return ""


def _refusal(value: object) -> str:
    try:
        shown = repr(value)[:_MAX_SHOWN]
    except Exception:  # a class of the caller's own
        shown = f"a {type(value).__name__}"
    return f"the id {shown} must be a text, a whole number or a UUID; pass it as str(…)"
