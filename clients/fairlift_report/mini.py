"""An interval of a few pixels for a row of a long list: two boxes that the style places."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from fairlift_report.table import IntervalView

__all__ = ["MiniScale"]

# A lift beyond it is drawn at the edge: one row must not press the others together.
_FARTHEST = 1.0


class MiniScale:
    """One scale for all rows of a list, with zero on it.

    A library's picture for each of hundreds of rows would take seconds.
    """

    def __init__(self, rows: Sequence[IntervalView]) -> None:
        ends = [end for row in rows for end in (row.low, row.high) if math.isfinite(end)]
        self._low = max(min([0.0, *ends]), -_FARTHEST)
        self._high = min(max([0.01, *ends]), _FARTHEST)

    def draw(self, row: IntervalView) -> Markup:
        """The interval, zero, and the estimate; words beside it say the same."""
        start, end = self._share(row.low), self._share(row.high)
        return Markup(
            f'<span class="mini" aria-hidden="true"><i style="left:{start:.1f}%;'
            f'width:{end - start:.1f}%"></i><u style="left:{self._share(0.0):.1f}%"></u>'
            f'<b style="left:{self._share(row.estimate):.1f}%"></b></span>'
        )

    def _share(self, value: float) -> float:
        clamped = min(max(value, self._low), self._high)
        return 100 * (clamped - self._low) / (self._high - self._low)
