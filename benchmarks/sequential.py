"""How long designs, estimates and verdicts take, beside spotify-confidence's solver."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import numpy as np
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential import lines
from fairlift_stats.sequential.anytime import mixture
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential import boundaries, futility
from fairlift_stats.sequential.group_sequential import estimation as inference
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.group_sequential.futility import futility_design
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.numerics import recursion
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import decide

from benchmarks.form import Measure, publish, side_by_side
from benchmarks.statistics import peers_python

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
        lines.primary_lines,
        lines.guardrail_lines,
        lines.alarm_lines,
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
        SequentialMetric(names[0]),
        *(SequentialMetric(name, role="guardrail", margin=0.05) for name in names[1:4]),
        *(SequentialMetric(name, role="secondary") for name in names[4:]),
    )
    plan = with_drift(SequentialPlan(("a", "b"), metrics, n_max=28_000, maximum_days=28))
    log = LookLog.begin(plan)
    for day in range(1, 11):
        se = 0.004 / np.sqrt(day)
        contrast = Contrast(0.03, 0.03 + 1.5 * se, se**2 / 2, se**2 / 2)
        found = tuple(Evidence(name, "b", 1.5, contrast, 1000 * day) for name in names)
        counts = tuple(
            ArmCount(arm, 500 * day, 15 * day, 17 * day, 500 * day, 500 * day, 15 * day)
            for arm in plan.arms
        )
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


def theirs(rounds: int = 5) -> dict[str, float]:
    """Median milliseconds of spotify-confidence's solver, in its own environment and process."""
    worker = Path(__file__).parent / "peers" / "sequential_worker.py"
    lines = "".join(f"{looks}\n" for _ in range(rounds + 1) for looks in (14, 28))
    done = subprocess.run(
        [str(peers_python()), str(worker)], input=lines, capture_output=True, text=True, check=True
    )
    ms = [1000 * float(line) for line in done.stdout.split()][2:]
    return {"design_14_ms": median(ms[::2]), "design_28_ms": median(ms[1::2])}


def main() -> None:
    plan, log = ten_metrics()
    works: dict[str, Callable[[], object]] = {
        "design_14_ms": lambda: design(14),
        "design_28_ms": lambda: design(28),
        "futility_design_ms": giving_up,
        "stagewise_ms": stopped,
        "verdict_10_cold_ms": lambda: cold(plan, log),
        "verdict_10_cached_ms": cached(plan, log),
    }
    calls = {"design_14_ms": 5, "design_28_ms": 3, "verdict_10_cached_ms": 20}
    ms = {name: 1000 * s for name, s in side_by_side(works, calls=calls).items()}
    peer = theirs()
    publish(
        "sequential",
        [
            Measure(name, value, "ms", "spotify-confidence" if name in peer else "", peer.get(name))
            for name, value in ms.items()
        ],
    )


if __name__ == "__main__":
    main()
