"""How long designs, estimates and verdicts take, beside spotify-confidence's solver where it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib.util import find_spec

import numpy as np
from fairlift_stats.sequential import boundaries, futility, inference, lines, mixture, recursion
from fairlift_stats.sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.futility import futility_design
from fairlift_stats.sequential.inference import estimate_at_stop
from fairlift_stats.sequential.lines import sealed
from fairlift_stats.sequential.looks import ArmCount, Evidence, Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.sequential.shapes import equal_times
from fairlift_stats.sequential.spending import Side, Spending
from fairlift_stats.verdict import decide

from benchmarks.form import Measure, publish, side_by_side

POWER = Side(Spending("power", 2.0), 0.025)
SUCCESS = Side(Spending("lan_demets_obf"), 0.025)
GIVE_UP = Side(Spending("hsd", -2.0), 0.2)


def forget() -> None:
    """Empty every cache, so that a design is made anew."""
    for cached in (
        boundaries.walk,
        boundaries._solved,
        boundaries._spent,
        futility.futility_design,
        futility._solved,
        inference.estimate_at_stop,
        lines.lines_at,
        mixture.mixture_line,
        recursion.legendre,
    ):
        cached.cache_clear()


def design(looks: int) -> Boundaries:
    boundaries._solved.cache_clear()
    boundaries._spent.cache_clear()
    return spending_boundaries(equal_times(looks), upper=POWER, lower=POWER)


def giving_up() -> None:
    forget()
    futility_design(equal_times(14), success=SUCCESS, give_up=GIVE_UP)


def stopped() -> None:
    boundaries.walk.cache_clear()
    estimate_at_stop.cache_clear()
    found = spending_boundaries(equal_times(14), upper=SUCCESS, lower=SUCCESS)
    estimate_at_stop(found.until(9), z=3.1, se=0.01)


def ten_metrics() -> tuple[SequentialPlan, LookLog]:
    """A plan with one primary, three guardrails and six secondaries, at its tenth daily look."""
    names = [f"metric_{i}" for i in range(10)]
    metrics = (
        PlannedMetric(names[0]),
        *(PlannedMetric(name, role="guardrail", margin=0.05) for name in names[1:4]),
        *(PlannedMetric(name, role="secondary") for name in names[4:]),
    )
    plan = sealed(SequentialPlan(("a", "b"), metrics, n_max=28_000))
    log = LookLog.begin(plan)
    for day in range(1, 11):
        se = 0.004 / np.sqrt(day)
        found = tuple(Evidence(name, "b", 1.5, 1.5 * se, se, 0.03) for name in names)
        counts = tuple(ArmCount(arm, 1000 * day, 30 * day, 33 * day) for arm in plan.arms)
        at = (date(2026, 11, 2) + timedelta(days=day)).isoformat()
        log = log.add(plan, Look(at, day, counts, found))
    return plan, log


def cold(plan: SequentialPlan, log: LookLog) -> None:
    forget()
    decide(plan, log)


def cached(plan: SequentialPlan, log: LookLog) -> Callable[[], None]:
    """The next look of the same plan, its numbers new each time: only the lines are remembered."""
    last = log.looks[-1]
    turn = iter(range(1_000_000))

    def work() -> None:
        z = 1.5 + next(turn) * 1e-6
        found = tuple(replace(e, z=z) for e in last.evidence)
        decide(plan, replace(log, looks=(*log.looks[:-1], replace(last, evidence=found))))

    return work


def peer() -> dict[str, Callable[[], object]]:
    """Spotify's solver of the same two-sided power spending, if it is installed."""
    if find_spec("spotify_confidence") is None:
        return {}
    from spotify_confidence.analysis.frequentist.sequential_bound_solver import (  # type: ignore[import-not-found]
        bounds,
    )

    def solve(looks: int) -> object:
        return bounds(
            np.array(equal_times(looks)), alpha=0.05, rho=2, ztrun=8, sides=2, max_nints=None
        )

    return {"peer_14": lambda: solve(14), "peer_28": lambda: solve(28)}


def main() -> None:
    plan, log = ten_metrics()
    works: dict[str, Callable[[], object]] = {
        "design_14_ms": lambda: design(14),
        "design_28_ms": lambda: design(28),
        "futility_design_ms": giving_up,
        "stagewise_ms": stopped,
        "verdict_10_cold_ms": lambda: cold(plan, log),
        "verdict_10_cached_ms": cached(plan, log),
        **peer(),
    }
    calls = {"design_14_ms": 5, "design_28_ms": 3, "verdict_10_cached_ms": 20}
    ms = {name: 1000 * s for name, s in side_by_side(works, calls=calls).items()}
    beside = {"design_14_ms": "peer_14", "design_28_ms": "peer_28"}
    publish(
        "sequential",
        [
            Measure(
                name,
                value,
                "ms",
                "spotify-confidence" if beside.get(name) in ms else "",
                ms.get(beside.get(name, "")),
            )
            for name, value in ms.items()
            if not name.startswith("peer")
        ],
    )


if __name__ == "__main__":
    main()
