"""Duration of a test in whole weeks, from a shop's unique visitors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fairlift_stats.design.power import STANDARD, PowerDesign, Variability, mde
from fairlift_stats.errors import BadQuestion

__all__ = ["Duration", "Traffic", "duration", "mde_by_week"]

LEAST_WEEKS = 2


@dataclass(frozen=True, slots=True)
class Traffic:
    """Cumulative unique visitors at the end of each week, from recent history.

    Visitors return, so the curve bends: twice the weeks are less than twice the visitors.

    Attributes:
        cumulative: unique visitors after week 1, 2, …; never falling.
        allocated: share of them that enters the campaign.

    Raises:
        BadQuestion: the curve is empty, falls, or the share is outside (0, 1].
    """

    cumulative: tuple[float, ...]
    allocated: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a curve that no traffic has."""
        curve = self.cumulative
        if not curve or not curve[0] > 0:
            raise BadQuestion(f"cumulative: {curve} needs the visitors of one week or more")
        if not all(earlier <= later for earlier, later in pairwise(curve)) or curve[-1] == math.inf:
            raise BadQuestion(
                f"cumulative: {curve} falls, or is not finite; unique visitors only add up"
            )
        if not 0 < self.allocated <= 1:
            raise BadQuestion(f"allocated: is {self.allocated}, must be above 0, and at most 1")

    def entered(self, weeks: int) -> float:
        """Units in the campaign after this many weeks; beyond the curve its last week repeats.

        Raises:
            BadQuestion: weeks are below 1.
        """
        if weeks < 1:
            raise BadQuestion(f"weeks: are {weeks}, must be 1 or more")
        curve = self.cumulative
        if weeks <= len(curve):
            return curve[weeks - 1] * self.allocated
        last = curve[-1] - (curve[-2] if len(curve) > 1 else 0.0)
        return (curve[-1] + last * (weeks - len(curve))) * self.allocated


@dataclass(frozen=True, slots=True)
class Duration:
    """Whole weeks that a number of units needs; None if it is out of reach.

    Attributes:
        weeks: at least two, so that each weekday counts twice.
        units: needed in all arms together.
        available: that come in those weeks.
        warning: what is unusual about it; empty if nothing.
    """

    weeks: int | None
    units: float
    available: float
    warning: str = ""


def duration(
    units: float, traffic: Traffic, *, at_most: int = 26, allow_one: bool = False
) -> Duration:
    """Whole weeks until this many units, all arms together, have entered.

    Raises:
        BadQuestion: units are not positive and finite, or fewer weeks are allowed than it takes.
    """
    least = 1 if allow_one else LEAST_WEEKS
    if not 0 < units < math.inf or at_most < least:
        raise BadQuestion(
            f"units {units}, at most {at_most} weeks: units must be positive, and weeks {least} or "
            "more; `allow_one` lets one do"
        )
    for weeks in range(least, at_most + 1):
        available = traffic.entered(weeks)
        if available >= units:
            warning = "one week sees each weekday once: one unusual day can decide" * (weeks == 1)
            return Duration(weeks, units, available, warning)
    available = traffic.entered(at_most)
    return Duration(
        None,
        units,
        available,
        f"needs {units:,.0f} units, {at_most} weeks bring {available:,.0f}: "
        "plan for a bigger effect, allocate more, or use a covariate",
    )


def mde_by_week(
    spread: Variability,
    traffic: Traffic,
    weeks: Sequence[int],
    design: PowerDesign = STANDARD,
) -> dict[int, float]:
    """Smallest effect, relative to the mean, that each number of weeks can show.

    Raises:
        BadQuestion: the mean is 0, or a week is below 1.
    """
    if spread.mean == 0 or any(week < 1 for week in weeks):
        raise BadQuestion(f"mean {spread.mean}, weeks {list(weeks)}: a mean of 0 has no share, "
                          "and weeks start at 1")  # fmt: skip
    arms = 1 + design.treatments * design.ratio
    return {
        week: mde(spread, traffic.entered(week) / arms, design) / abs(spread.mean) for week in weeks
    }
