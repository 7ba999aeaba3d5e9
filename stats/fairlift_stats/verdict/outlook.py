"""When an answer is to be expected, from the looks ahead at the present pace of entry."""

import math
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from fairlift_stats.errors import StatisticsError
from fairlift_stats.sequential.calendar import days_ahead
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.forecast import Forecast, forecast
from fairlift_stats.sequential.group_sequential.sparse_looks import sparse_lines, sparse_looks
from fairlift_stats.sequential.lines import Line, give_up_lines, stopping_lines, with_drift
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.sequential.traffic import PresentTraffic, present_traffic
from fairlift_stats.verdict.facts import LookAhead, NoOutlook, Outlook
from fairlift_stats.verdict.standings import Standing

__all__ = ["CHANCES", "date_of", "no_outlook_of", "outlook_of"]

# A decision has an early, a middle and a late day: the first by which it is this likely.
CHANCES: Final = (0.2, 0.5, 0.8)


def outlook_of(plan: SequentialPlan, standings: tuple[Standing, ...]) -> Outlook | None:
    """When a decision is to be expected of this comparison.

    None where `no_outlook_of` says why, and where the forecast fails: it is an addition to the
    verdict, and never takes it along.
    """
    now = standings[-1]
    traffic = present_traffic(plan, [standing.look for standing in standings])
    if traffic is None or no_outlook_of(plan, standings) is not None:
        return None
    ahead = days_ahead(
        plan, now.look.day, now.look.units, entered=traffic.entered, a_day=traffic.a_day
    )
    if not ahead:
        return None
    try:
        lines, found = _forecast(plan, standings, tuple(time for _, time in ahead))
    except (StatisticsError, ArithmeticError):
        return None
    return _outlook(now, traffic, ahead, lines, found)


def no_outlook_of(plan: SequentialPlan, standings: tuple[Standing, ...]) -> NoOutlook | None:
    """Why nothing can be forecast of this comparison; None where something can."""
    now = standings[-1]
    if plan.engine == "bayes_expected_loss":
        return "no_lines"
    traffic = present_traffic(plan, [standing.look for standing in standings])
    if now.evidence is None or now.z is None or traffic is None:
        return "no_evidence"
    return None if traffic.a_day else "no_traffic"


def _forecast(
    plan: SequentialPlan, standings: tuple[Standing, ...], coming: tuple[float, ...]
) -> tuple[tuple[Line, ...], Forecast]:
    """Chances at the looks to come, for a walk that stands where the last look has seen it.

    The daily alarms of harm between these looks are left out: they are for catastrophes.
    """
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
    upper, harm, give_up = lines.upper[first:], lines.lower[first:], give_up[first:]
    ahead = Boundaries((time, *coming), (-math.inf, *map(max, harm, give_up)), (math.inf, *upper))
    # Lines of other engines may converge, so that none of them can come nearer.
    looks = sparse_looks(len(coming)) if plan.has_own_lines else tuple(range(len(coming)))
    found = forecast(
        sparse_lines(ahead, looks),
        look=1,
        z=now.z or 0.0,
        planned_drift=plan.drift,
        prior_sd=_drift_sd(plan, now),
    )
    heights = zip(upper, harm, give_up, strict=True)
    return tuple(Line(*map(_finite, each)) for each in heights), _at(coming, found)


def _at(times: tuple[float, ...], forecast: Forecast) -> Forecast:
    """The forecast at all looks, from that at some of them."""

    def between(chances: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(np.interp(times, forecast.times, chances).tolist())

    under_plan, predicted, decided = map(
        between, (forecast.under_plan, forecast.predicted, forecast.decided)
    )
    return Forecast(times, under_plan, predicted, decided)


def _finite(height: float) -> float | None:
    return height if math.isfinite(height) else None


def _drift_sd(plan: SequentialPlan, now: Standing) -> float:
    """The spread of true lifts on the scale of the drift, which is E[Z] at time 1.

    E[Z] is the true difference, lift × control's mean, over the standard error; at time 1 that
    error is the last look's × √time.

    Source: Jennison & Turnbull (2000), ch. 3: E[Z] = θ√I with the information I = 1/se².
    """
    evidence = now.evidence
    if plan.prior_sd is None or evidence is None or evidence.contrast.control == 0:
        return math.inf
    control = abs(evidence.contrast.control)
    return plan.prior_sd * control / (evidence.se * math.sqrt(now.moment.time))


def _outlook(
    now: Standing,
    traffic: PresentTraffic,
    ahead: tuple[tuple[int, float], ...],
    lines: tuple[Line, ...],
    found: Forecast,
) -> Outlook:
    assert now.evidence is not None, "what has a z has evidence"
    looks = tuple(
        LookAhead(
            day, date_of(now.look.at, day - now.look.day), time, min(won, 1), min(decided, 1), line
        )
        for (day, time), won, decided, line in zip(
            ahead, found.predicted, found.decided, lines, strict=True
        )
    )
    by = [next((look for look in looks if look.decided >= chance), None) for chance in CHANCES]
    early, middle, late = (None if look is None else look.at for look in by)
    return Outlook(
        arm=now.evidence.arm,
        metric=now.evidence.metric,
        conditional_power=found.conditional_power,
        predictive_power=found.predictive_power,
        days=(early, middle, late),
        days_left=None if by[1] is None else by[1].day - now.look.day,
        end=looks[-1].at,
        traffic=traffic,
        looks=looks,
    )


def date_of(at: str, days: int) -> str:
    """The date so many days after a look's."""
    start: date = datetime.fromisoformat(at).date()
    return (start + timedelta(days=min(days, 36_500))).isoformat()
