"""How many units enter at present: the pace of a forecast, and of what a week is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import WEEK, SequentialPlan

__all__ = ["PresentTraffic", "present_traffic"]


@dataclass(frozen=True, slots=True)
class PresentTraffic:
    """Units that enter, in all variants together.

    Attributes:
        a_day: units a day, over the last days.
        days: how many days that is: seven, where a look of seven days before is there.
        entered: all that have entered, mature or not.
        until: ISO 8601 date of the last of the days.
    """

    a_day: float
    days: int
    entered: int
    until: str

    @property
    def weekly(self) -> float:
        """Units a week."""
        return WEEK * self.a_day


def present_traffic(
    plan: SequentialPlan, looks: Sequence[Look], *, stopped: date | None = None
) -> PresentTraffic | None:
    """The pace of entry over the week before the last look; None before there is one.

    Where one of the two looks does not say who has entered, units count when they are mature.

    Args:
        plan: of the campaign.
        looks: oldest first, one or more.
        stopped: the day on which entry was stopped: neither it nor later days count.
    """
    before_stop = [look for look in looks if stopped is None or _date(look) < stopped]
    if not before_stop:
        return None
    last = before_stop[-1]
    week_ago = next((past for past in reversed(looks) if past.day <= last.day - WEEK), None)
    # Like is compared with like: servers of earlier versions did not count who had entered.
    by_entry = all(map(_says_who_entered, (last, week_ago or last)))
    units, days = _units(last, by_entry), last.day - (0 if by_entry else plan.window_days)
    if week_ago is not None:
        units, days = units - _units(week_ago, by_entry), last.day - week_ago.day
    entered = _units(last, _says_who_entered(last))
    if days <= 0 or entered == 0:
        return None
    # Units that met a second variant leave the counts, so they may fall.
    return PresentTraffic(max(0, units) / days, days, entered, _date(last).isoformat())


def _says_who_entered(look: Look) -> bool:
    return all(count.entered is not None for count in look.counts)


def _units(look: Look, by_entry: bool) -> int:
    return sum(count.exposed if by_entry else count.units for count in look.counts)


def _date(look: Look) -> date:
    return datetime.fromisoformat(look.at).date()
