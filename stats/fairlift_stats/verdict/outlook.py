"""When an answer is to be expected, from the looks ahead at the present pace of entry."""

import math
from datetime import date, datetime, timedelta

from fairlift_stats.errors import StatisticsError
from fairlift_stats.sequential.calendar import days_ahead
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.forecast import Forecast, forecast
from fairlift_stats.sequential.lines import give_up_lines, stopping_lines, with_drift
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Outlook
from fairlift_stats.verdict.standings import Standing

__all__ = ["date_of", "outlook_of"]

_CHANCES = (0.2, 0.5, 0.8)


def outlook_of(plan: SequentialPlan, standings: tuple[Standing, ...]) -> Outlook | None:
    """When a decision is to be expected of this comparison.

    None where the plan has no lines ahead or no pace yet, and where the forecast fails: it is an
    addition to the verdict, and never takes it along.
    """
    now = standings[-1]
    if now.z is None or plan.engine == "bayes_expected_loss":
        return None
    ahead = days_ahead(plan, now.look.day, now.look.units)
    if not ahead:
        return None
    try:
        found = _forecast(plan, standings, tuple(time for _, time in ahead))
    except (StatisticsError, ArithmeticError):
        return None
    return _outlook(now, ahead, found)


def _forecast(
    plan: SequentialPlan, standings: tuple[Standing, ...], coming: tuple[float, ...]
) -> Forecast:
    """Chances at the looks to come, for a walk that stands where the last look has seen it."""
    now = standings[-1]
    time = now.moment.time
    judged = [s.moment.time for s in standings if s.moment.judges_success and s.moment.time < time]
    past = [*judged, time] if now.moment.judges_success else judged
    plan = with_drift(plan)
    assert plan.drift is not None, "with_drift finds it"
    times = (*past, *coming)
    lines = stopping_lines(plan, times, closes=True)
    give_up = give_up_lines(plan, times, closes=True)
    first = len(past)
    upper = lines.upper[first:]
    lower = tuple(map(max, lines.lower[first:], give_up[first:]))
    return forecast(
        Boundaries((time, *coming), (-math.inf, *lower), (math.inf, *upper)),
        look=1,
        z=now.z or 0.0,
        planned_drift=plan.drift,
        prior_sd=_drift_sd(plan, now),
    )


def _drift_sd(plan: SequentialPlan, now: Standing) -> float:
    """Spread of true lifts on the scale of the drift, from the standard error of the last look."""
    evidence = now.evidence
    if plan.prior_sd is None or evidence is None or evidence.contrast.control == 0:
        return math.inf
    control = abs(evidence.contrast.control)
    return plan.prior_sd * control / (evidence.se * math.sqrt(now.moment.time))


def _outlook(now: Standing, ahead: tuple[tuple[int, float], ...], found: Forecast) -> Outlook:
    day_of = {time: day for day, time in ahead}
    left = [
        None if (time := found.decided_by(chance)) is None else day_of[time] - now.look.day
        for chance in _CHANCES
    ]
    early, middle, late = (None if days is None else date_of(now.look.at, days) for days in left)
    return Outlook(
        conditional_power=found.conditional_power,
        predictive_power=found.predictive_power,
        days=(early, middle, late),
        days_left=left[1],
        end=date_of(now.look.at, ahead[-1][0] - now.look.day),
    )


def date_of(at: str, days: int) -> str:
    """The date so many days after a look's."""
    start: date = datetime.fromisoformat(at).date()
    return (start + timedelta(days=min(days, 36_500))).isoformat()
