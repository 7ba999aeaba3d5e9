"""The figures of one treatment on one primary metric: as measured, and corrected at a stop."""

import math
from collections.abc import Sequence
from typing import Final

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.anytime.counts import conversion_test
from fairlift_stats.sequential.errors import SequentialError
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict.facts import (
    ArmStanding,
    Crossing,
    Estimate,
    confidence_of,
    estimate_between,
    oriented,
    possible_estimate,
    table_k,
)
from fairlift_stats.verdict.standings import (
    Standing,
    exact_alpha,
    exact_setting,
    first_crossing,
    shrunk_posterior,
)

__all__ = ["arm_standing"]

# Beyond this z the chances of a walk are below the smallest double.
_LARGEST_Z: Final = 25.0
_Z95: Final = 1.959963984540054
_LINES: Final[tuple[Crossing, Crossing]] = ("harm", "success")


def arm_standing(
    plan: SequentialPlan, metric: SequentialMetric, arm: str, standings: Sequence[Standing]
) -> ArmStanding:
    """Where a treatment stands on a primary metric after these looks; the first crossing counts."""
    now = standings[-1]
    # Harm, once shown, is what this arm is about, though it was ahead before.
    harm, success = (first_crossing(standings, line) for line in _LINES)
    first = success if harm is None else harm
    judged = [i for i, s in enumerate(standings) if s.meter is not None]
    stop = first if first is not None else _closed(standings)
    ks = _stop_ks(plan, standings[: stop + 1]) if stop is not None else None
    raw_at, height = _shown(standings, first)
    largest_k = max(
        table_k(plan), abs(height or 0.0), *(abs(k) for k in ks or () if math.isfinite(k))
    )
    return ArmStanding(
        arm=arm,
        metric=metric.name,
        z=now.z,
        meter=standings[judged[-1]].meter or 0.0 if judged else 0.0,
        trusted=now.tail.trusted,
        crossing=None if first is None else standings[first].crossing,
        crossed_at=None if first is None else standings[first].look.at,
        crossed_look=None if first is None else first + 1,
        gives_up=bool(judged) and success is None and standings[judged[-1]].gives_up,
        loss=now.loss,
        raw=possible_estimate(metric, _raw(standings[raw_at], height, largest_k)),
        corrected=possible_estimate(
            metric, _corrected(plan, metric, standings, stop, ks, largest_k)
        ),
        largest_k=largest_k,
    )


def _closed(standings: Sequence[Standing]) -> int | None:
    """The last look, where it closed the campaign and was judged."""
    last = standings[-1]
    is_end = last.look.closing is not None and last.moment.judges_success
    return len(standings) - 1 if is_end else None


def _shown(standings: Sequence[Standing], first: int | None) -> tuple[int, float | None]:
    """The look whose interval holds at every look, and how many standard errors wide it is.

    What is judged is shown as of the look that judged it: in between no interval would hold. An
    alarm between two judging looks has the width of its own line.
    """
    last = len(standings) - 1
    if first == last and standings[last].crossing == "harm":
        harm = standings[last].line.harm
        return last, None if harm is None else abs(harm)
    with_line = [i for i, s in enumerate(standings) if s.line.success is not None]
    if not with_line:
        harm = None if first is None else standings[first].line.harm
        return (last, None) if first is None or harm is None else (first, abs(harm))
    return with_line[-1], standings[with_line[-1]].line.success


def _raw(standing: Standing, height: float | None, largest_k: float) -> Estimate | None:
    if standing.evidence is None:
        return None
    half = math.inf if height is None else height
    return estimate_between(
        standing.evidence.contrast,
        (0.0, half, -half),
        at=standing.look.at,
        largest_k=largest_k,
        tail=standing.tail,
    )


def _stop_ks(
    plan: SequentialPlan, standings: Sequence[Standing]
) -> tuple[float, float, float] | None:
    """How many standard errors the median-unbiased drift and its two limits lie from the estimate.

    A drift theta stands k = z - theta sqrt(t) standard errors below the estimate; None for engines
    whose estimate needs no correction by the looks, and where there is no such drift: a correction
    is an addition to the verdict, and never takes it along.
    """
    stop = standings[-1]
    if plan.engine not in ("group_sequential", "fixed") or stop.z is None:
        return None
    if abs(stop.z) > _LARGEST_Z:
        return None
    lines = _drawn(standings)
    try:
        stopped = estimate_at_stop(
            lines, z=stop.z, sides=plan.sides, confidence=confidence_of(plan)
        )
    except SequentialError:
        return None
    root = math.sqrt(lines.times[-1])
    return (
        stop.z - stopped.drift * root,
        stop.z - stopped.interval.low * root,
        stop.z - stopped.interval.high * root,
    )


def _drawn(standings: Sequence[Standing]) -> Boundaries:
    """The lines that were in force at the judged looks and at the stop."""
    last = len(standings) - 1
    used = [
        s
        for i, s in enumerate(standings)
        if i == last or s.moment.judges_success or s.moment.judges_harm
    ]
    times: list[float] = []
    for standing in used:
        # A campaign may lose units between two looks; its information does not fall.
        times.append(max(standing.moment.time, (times[-1] if times else 0.0) + 1e-4))
    lower = tuple(-math.inf if s.line.harm is None else s.line.harm for s in used)
    upper = tuple(math.inf if s.line.success is None else s.line.success for s in used)
    return Boundaries(tuple(times), lower, upper)


def _corrected(
    plan: SequentialPlan,
    metric: SequentialMetric,
    standings: Sequence[Standing],
    stop: int | None,
    ks: tuple[float, float, float] | None,
    largest_k: float,
) -> Estimate | None:
    """The estimate at the stop: stage-wise for looks of a plan, shrunk for a Bayesian one."""
    at = standings[len(standings) - 1 if stop is None else stop]
    if at.evidence is None:
        return None
    if plan.engine == "exact_conversion":
        return _exact(plan, at)
    if plan.engine == "bayes_expected_loss":
        return _shrunk(plan, at)
    if ks is None:
        return None
    return estimate_between(
        at.evidence.contrast,
        tuple(oriented(metric, k) for k in ks),
        at=at.look.at,
        largest_k=largest_k,
        tail=at.tail,
    )


def _shrunk(plan: SequentialPlan, standing: Standing) -> Estimate | None:
    """The posterior under the plan's prior, which needs a lift."""
    assert standing.evidence is not None, "the caller has seen to it"
    contrast = standing.evidence.contrast
    if contrast.no_lift(_Z95) is not None:
        return None
    mean, sd = shrunk_posterior(plan, standing.evidence)
    low, high = mean - _Z95 * sd, mean + _Z95 * sd
    control = contrast.control
    return Estimate(
        standing.look.at,
        mean * control,
        Interval(low * control, high * control),
        mean,
        Interval(low, high),
    )


def _exact(plan: SequentialPlan, standing: Standing) -> Estimate | None:
    """The lift of the conversion rate from counts alone; its interval holds at every look."""
    rates = None if standing.evidence is None else standing.evidence.contrast.rates
    if rates is None or standing.evidence is None or not rates.xc:
        return None
    share, k = exact_setting(plan, standing.evidence.arm)
    test = conversion_test(
        round(rates.xc), round(rates.xt), treatment_share=share, k=k, alpha=exact_alpha(plan)
    )
    rate, lift = rates.xc / rates.nc, test.lift
    return Estimate(
        standing.look.at,
        rates.difference,
        Interval(lift.low * rate, lift.high * rate),
        rates.xt / rates.nt / rate - 1,
        lift,
    )
