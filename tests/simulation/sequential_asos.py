"""Every ASOS stream through the default plan: what it would have decided, and when."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times
from fairlift_stats.sequential.lines import sealed
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.stats.sequential.asos import Point

_START = date(2020, 1, 6)


@dataclass(frozen=True, slots=True)
class Decided:
    """The first verdict that ends a stream, and the share of its visitors by then."""

    kind: str
    information: float
    day: float


def replayed(points: list[Point], *, whole_weeks: bool = False) -> Decided:
    """One stream through the default plan, with as many visitors as it really had."""
    total = points[-1].count_c + points[-1].count_t
    shares = (points[-1].count_c / total, points[-1].count_t / total)
    plan = sealed(
        SequentialPlan(
            ("control", "treatment"),
            (SequentialMetric("metric", unit="count", needs="nothing"),),
            n_max=round(total),
            shares=(shares[0], 1 - shares[0]),
            looks=equal_times(14),
            whole_weeks=whole_weeks,
        )
    )
    log, verdict = LookLog.begin(plan), None
    for look, point in enumerate(_apart(points, plan)):
        log = log.add(plan, _look(look, point))
        verdict = decide(plan, log)
        if verdict.kind.startswith("st") or verdict.kind == "ship":
            return Decided(verdict.kind, log.times[-1], point.day)
    return Decided(_left(verdict), 1.0, points[-1].day)


def _left(verdict: Verdict | None) -> str:
    return "no look" if verdict is None else f"{verdict.kind} ({verdict.cause})"


def _apart(points: list[Point], plan: SequentialPlan) -> Iterable[Point]:
    """Looks at least one hundredth of the information apart."""
    seen = 0.0
    for point in points:
        now = plan.information(round(point.count_c) + round(point.count_t))
        if now - seen >= plan.minimum_step or now >= 1 > seen:
            seen = now
            yield point


def _look(number: int, point: Point) -> Look:
    se = point.variance**0.5
    evidence = Evidence(
        "metric",
        "treatment",
        point.difference / se,
        point.difference,
        se,
        point.mean_c,
    )
    counts = (
        ArmCount("control", round(point.count_c)),
        ArmCount("treatment", round(point.count_t)),
    )
    at = (_START + timedelta(days=number)).isoformat()
    return Look(at, int(point.day), counts, (evidence,))


def tally(decisions: Iterable[Decided]) -> tuple[Counter[str], dict[str, float]]:
    """How often each verdict came, and the mean share of visitors by then."""
    kept = list(decisions)
    counts = Counter(d.kind for d in kept)
    means = {
        kind: sum(d.information for d in kept if d.kind == kind) / n for kind, n in counts.items()
    }
    return counts, means
