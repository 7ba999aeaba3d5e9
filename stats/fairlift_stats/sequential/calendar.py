"""The calendar of looks: which day's look judges what, and which is the last.

Looks are as of the end of a campaign day; day 1 is the first whole day. A unit counts when
`window_days` have passed since its first exposure, so the look of day d sees who entered until day
d - window_days.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fairlift_stats.sequential.plan import WEEK, SequentialPlan

Closing: TypeAlias = Literal["planned", "days", "stopped"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the look of one day is for.

    Attributes:
        judges_success: success and the safety of guardrails are judged.
        judges_harm: the larger part of the harm error is spent; the daily part always is.
        closing: why it is the last look; None when others may follow.
    """

    judges_success: bool
    judges_harm: bool
    closing: Closing | None

    @property
    def spends_the_rest(self) -> bool:
        """True when what is left of the error is spent: not at an end that a person chose."""
        return self.closing in ("planned", "days")


def occasion(
    plan: SequentialPlan, day: int, units: int, *, entry_stopped: bool = False
) -> Occasion:
    """What the look of this day is for.

    Args:
        plan: of the campaign.
        day: whole campaign days that are over.
        units: mature units of all arms at this look.
        entry_stopped: a person stopped entry, and all who had entered are mature.
    """
    closing = _closing(plan, day, units, entry_stopped=entry_stopped)
    entered = days_of_entry(plan, day)
    is_regular = _is_regular(plan, day)
    if plan.engine == "fixed":
        judges = closing is not None
    elif plan.has_own_lines:
        judges = True
    else:
        judges = is_regular or closing is not None
    return Occasion(
        judges_success=judges and entered >= plan.minimum_days,
        judges_harm=is_regular or closing is not None or plan.has_own_lines,
        closing=closing,
    )


def days_of_entry(plan: SequentialPlan, day: int) -> int:
    """Full days of entry that this day's look has behind it.

    With `decide: daily` the shop has said that weekdays do not matter: the days count from the
    start. Otherwise only the days count whose units are mature.
    """
    return day if plan.decide == "daily" else max(0, day - plan.window_days)


def last_day(plan: SequentialPlan) -> int | None:
    """The day on which the sealed days end the campaign at the latest, if they do."""
    return None if plan.maximum_days is None else plan.maximum_days + plan.window_days


def next_due(plan: SequentialPlan, day: int) -> int | None:
    """The next day after this one whose look judges success; None when there is none.

    Units may end a campaign before; they are not known in advance. So a fixed horizon without an
    end of days names the next whole week: the first at which its units may have come.
    """
    end = last_day(plan)
    if end is not None and day >= end:
        return None
    if plan.engine == "fixed" and end is not None:
        return end
    # Within a week of this day and of the minimum there is a judging day.
    latest = max(day, plan.minimum_days + plan.window_days) + WEEK
    days = range(day + 1, latest + 1)
    return next(d for d in days if d == end or _could_judge(plan, d))


def _could_judge(plan: SequentialPlan, day: int) -> bool:
    enough = days_of_entry(plan, day) >= plan.minimum_days
    return enough and (plan.has_own_lines or _is_regular(plan, day))


def _is_regular(plan: SequentialPlan, day: int) -> bool:
    """True on the days whose looks judge by the calendar alone."""
    if plan.decide == "daily" and plan.engine != "bayes_expected_loss":
        return day >= plan.minimum_days
    entered = day - plan.window_days
    return entered >= max(WEEK, plan.minimum_days) and entered % WEEK == 0


def _closing(plan: SequentialPlan, day: int, units: int, *, entry_stopped: bool) -> Closing | None:
    # Entry ends with a whole week, so the planned units end the campaign on a regular day only.
    if plan.information(units) >= plan.furthest and _is_regular(plan, day):
        return "planned"
    end = last_day(plan)
    if end is not None and day >= end:
        return "days"
    return "stopped" if entry_stopped else None


def pace(plan: SequentialPlan, day: int, units: int) -> float | None:
    """Units that enter on a day, seen from this look; None while nobody is mature."""
    entered = day - plan.window_days
    return units / entered if entered > 0 and units > 0 else None


def days_ahead(
    plan: SequentialPlan,
    day: int,
    units: int,
    *,
    entered: int | None = None,
    a_day: float | None = None,
) -> tuple[tuple[int, float], ...]:
    """The judging days to come and the information at each, at the present pace of entry.

    The last of them closes the campaign; where nothing ends it, the plan's own looks are ahead.

    Args:
        plan: of the campaign.
        day: of the last look.
        units: mature at it.
        entered: those who have entered, mature or not; the others mature within the window.
        a_day: units that enter on a day; by default the mean since the start.
    """
    a_day = pace(plan, day, units) if a_day is None else a_day
    if not a_day:
        return ()
    waiting = max(0, (units if entered is None else entered) - units)
    ahead: list[tuple[int, float]] = []
    limit = plan.furthest if math.isfinite(plan.furthest) else 1.0
    due, information = next_due(plan, day), plan.information(units)
    while due is not None and len(ahead) < _MOST_AHEAD:
        days = due - day
        mature = a_day * days
        if waiting:
            mature = waiting * min(1.0, days / plan.window_days)
            mature += a_day * max(0, days - plan.window_days)
        information = max(plan.information(units + mature), information + _LEAST_STEP)
        ahead.append((due, information))
        due = None if information >= limit else next_due(plan, due)
    return tuple(ahead)


# Enough for a year of daily looks.
_MOST_AHEAD = 366
# Looks need new information, however little.
_LEAST_STEP = 2e-4
