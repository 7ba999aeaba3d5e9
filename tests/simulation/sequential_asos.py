"""Every ASOS stream through the default plan: what it would have decided, and when."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import Decide, SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.stats.sequential.asos import Point

_START = date(2020, 1, 6)


@dataclass(frozen=True, slots=True)
class Decided:
    """The first verdict that ends a stream, and the share of its visitors by then."""

    kind: str
    information: float
    day: float


def replayed(points: list[Point], *, decide_on: Decide = "daily") -> Decided:
    """One stream through the default plan, with as many visitors as it really had."""
    total = points[-1].count_c + points[-1].count_t
    shares = (points[-1].count_c / total, points[-1].count_t / total)
    plan = with_drift(
        SequentialPlan(
            ("control", "treatment"),
            (SequentialMetric("metric", unit="count", needs="nothing"),),
            n_max=round(total),
            shares=(shares[0], 1 - shares[0]),
            decide=decide_on,
        )
    )
    log, verdict = LookLog.begin(plan), None
    for point in _day_ends(points):
        log = log.add(plan, _look(point))
        verdict = decide(plan, log)
        if verdict.kind.startswith("st") or verdict.kind == "ship":
            return Decided(verdict.kind, plan.information(log.looks[-1].units), point.day)
        if log.is_closed:
            break
    return Decided(_left(verdict), 1.0, points[-1].day)


def _left(verdict: Verdict | None) -> str:
    return "no look" if verdict is None else f"{verdict.kind} ({verdict.cause})"


def _day_ends(points: list[Point]) -> Iterable[Point]:
    """The last point of each day."""
    last = {max(1, int(point.day)): point for point in points}
    yield from last.values()


def _look(point: Point) -> Look:
    contrast = Contrast(
        point.mean_c,
        point.mean_t,
        point.variance_c / point.count_c,
        point.variance_t / point.count_t,
    )
    units = round(point.count_c), round(point.count_t)
    evidence = Evidence(
        "metric", "treatment", contrast.difference / contrast.se, contrast, sum(units)
    )
    counts = (ArmCount("control", units[0]), ArmCount("treatment", units[1]))
    day = max(1, int(point.day))
    return Look((_START + timedelta(days=day)).isoformat(), day, counts, (evidence,))


def tally(decisions: Iterable[Decided]) -> tuple[Counter[str], dict[str, float]]:
    """How often each verdict came, and the mean share of visitors by then."""
    kept = list(decisions)
    counts = Counter(d.kind for d in kept)
    means = {
        kind: sum(d.information for d in kept if d.kind == kind) / n for kind, n in counts.items()
    }
    return counts, means
