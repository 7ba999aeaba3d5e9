"""Numbers of all persons once some persons have others: old − before + after.

Whole numbers stay exact. A sum of floats is as exact as its order of addition, so it is folded in
only while nothing large cancels. A smallest or largest value is not known any more when the person
who gave it has another one now.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeVar

from fairlift_stats.data.sums import Sum

K = TypeVar("K", bound=Hashable)

# By so much what goes out and comes in may be larger than the sum that is left.
_MOST_CANCELLED: Final = 16
# A sum of floats that was added up in another order is more than so much of what it was before.
_NEARLY_ALL: Final = 1 - 1e-9


class UnknownNumber(Exception):
    """It cannot be told from those that are known: every event must be read."""


def folded_sum(old: Sum, before: Sum, after: Sum) -> Sum:
    """A sum; nothing is the whole number 0, as it is where every event is read.

    Raises:
        UnknownNumber: too much of a sum of floats cancels.
    """
    new = old - before + after
    if isinstance(new, int):
        return new
    if old == before == after == 0:
        return 0
    if abs(old) + abs(before) + abs(after) > _MOST_CANCELLED * abs(new):
        raise UnknownNumber
    return new


def folded_counts(
    old: Mapping[K, int], before: Mapping[K, int], after: Mapping[K, int]
) -> dict[K, int]:
    """Counts by key, in the order of the keys; those of nothing are left out.

    Raises:
        UnknownNumber: more goes out than there was.
    """
    new = {
        key: old.get(key, 0) - before.get(key, 0) + after.get(key, 0)
        for key in sorted({*old, *after}, key=str)
    }
    if not before.keys() <= old.keys() or any(number < 0 for number in new.values()):
        raise UnknownNumber
    return {key: number for key, number in new.items() if number}


def folded_extreme(
    pick: Callable[[float, float], float],
    old: float | None,
    before: float | None,
    after: float | None,
) -> float | None:
    """The smallest or largest value, by `min` or `max`; None: there is no value.

    Raises:
        UnknownNumber: it was that of a touched person.
    """
    if old is None:
        return after
    rest_has_it = before is None or pick(old, before) != before
    if rest_has_it:
        return old if after is None else pick(old, after)
    if after is not None and pick(old, after) == after:
        return after
    raise UnknownNumber


def folded_largest(
    most: int, old: Sequence[float], before: Sequence[float], after: Sequence[float]
) -> tuple[float, ...]:
    """The values furthest from 0, the largest first; each is of one person.

    Args:
        most: how many there are at most.
        old: of all persons.
        before: of the touched persons, then.
        after: of the touched persons, now.

    Raises:
        UnknownNumber: another person, whose value is not known, may be among them.
    """
    rest = Counter(old)
    is_full = len(old) == most
    # All that is not among a full list is no further from 0 than the last one there.
    known_from = abs(old[-1]) if is_full else 0.0
    for value in before:
        if rest[value]:
            rest[value] -= 1
        elif abs(value) != known_from and abs(value) > _NEARLY_ALL * known_from:
            raise UnknownNumber
    new = sorted((*rest.elements(), *after), key=abs, reverse=True)[: most + 1]
    is_short = is_full and len(new) < most
    if is_short or any(abs(value) < known_from for value in new[:most]):
        raise UnknownNumber
    if any(abs(one) == abs(other) and one != other for one, other in pairwise(new)):
        raise UnknownNumber  # which of them comes first depends on the persons
    return tuple(new[:most])
