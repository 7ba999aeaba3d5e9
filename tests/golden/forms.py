"""One answer in the several forms in which sources print it; any of them may be expected."""

from typing import Any


class Forms(tuple[Any, ...]):
    """For example all looks or only the last, a number or its absence from a source's table."""

    __slots__ = ()
