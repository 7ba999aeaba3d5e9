"""A long row of looks on fewer of them: a forecast of a year of days costs a tenth of the time."""

import math
from typing import Final

from fairlift_stats.sequential.group_sequential.boundaries import Boundaries

__all__ = ["sparse_lines", "sparse_looks"]

# Up to so many looks are all taken.
MOST: Final = 60
# Of more, so many of the first, then every third.
_FIRST: Final = 30
_EVERY: Final = 3
# -zeta(1/2) / sqrt(2 pi)
_OVERSHOOT: Final = 0.5825971579390107


def sparse_looks(count: int) -> tuple[int, ...]:
    """The places of the looks to take of so many; the last one is always among them."""
    if count <= MOST:
        return tuple(range(count))
    later = range(_FIRST + _EVERY - 1, count - 1, _EVERY)
    return (*range(_FIRST), *later, count - 1)


def sparse_lines(boundaries: Boundaries, looks: tuple[int, ...]) -> Boundaries:
    """The lines at these looks, nearer by what a walk passes unseen between them.

    Args:
        boundaries: at all looks; the first is the present one.
        looks: places of those to take, counted from the look after the present one.

    Source: Siegmund (1985), ch. 10: looks a time d apart are as strict as a line that is watched
    all the time and lies 0.5826 √d farther out, on the scale of the score.
    """
    times, lower, upper = [
        [row[0]] for row in (boundaries.times, boundaries.lower, boundaries.upper)
    ]
    for look in looks:
        at, before = boundaries.times[look + 1], boundaries.times[look]
        missed = math.sqrt(at - times[-1]) - math.sqrt(at - before)
        nearer = _OVERSHOOT * missed / math.sqrt(at)
        times.append(at)
        lower.append(boundaries.lower[look + 1] + nearer)
        upper.append(boundaries.upper[look + 1] - nearer)
    return Boundaries(tuple(times), tuple(lower), tuple(upper))
