"""Equality in audiences and payloads: true is not 1, unlike in Python."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

_PLAIN = (str, int, float)


def is_same(one: object, other: object) -> bool:
    """Whether two values are equal, and no boolean equals a number at any depth.

    >>> is_same({"on": [1]}, {"on": [1.0]}), is_same({"on": [1]}, {"on": [True]})
    (True, False)
    """
    return one == other and _has_same_bools(one, other)


# Any: being equal, the two have the same shape.
def _has_same_bools(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if isinstance(one, _PLAIN):
        return True
    if isinstance(one, list | tuple):
        return all(map(_has_same_bools, one, other))
    if isinstance(one, Mapping):
        return all(_has_same_bools(value, other[key]) for key, value in one.items())
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return all(_has_same_bools(getattr(one, name), getattr(other, name)) for name in names)
    return True
