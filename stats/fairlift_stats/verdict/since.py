"""What came after the look that a verdict is of: told beside it, never instead of it."""

from datetime import datetime

from fairlift_stats.messages import Day, Message, MetricName, VariantName
from fairlift_stats.sequential.anytime.counts import BLOCK_AT, SequentialSampleRatio
from fairlift_stats.verdict.facts import Estimate, oriented, table_k
from fairlift_stats.verdict.facts import estimate_between as figures_between
from fairlift_stats.verdict.figures import sizes
from fairlift_stats.verdict.ruling import FINAL, Course, Ruling

__all__ = ["since_then"]


def since_then(course: Course, ruling: Ruling) -> tuple[Message, ...]:
    """The news, the gravest first."""
    if ruling.kind == "stop_futile":
        return _advice(course, ruling)
    if ruling.kind not in FINAL or ruling.look == len(course.looks) - 1:
        return ()
    news: list[Message] = []
    if _is_blocked(course.log_e) and not _is_blocked(course.log_e[: ruling.look + 1]):
        news.append(Message.of("since.split"))
    if ruling.kind == "ship":
        news += _of_the_winner(course, ruling)
    return tuple(news)


def _is_blocked(log_e: tuple[float, ...]) -> bool:
    return SequentialSampleRatio.after(log_e).largest >= BLOCK_AT


def _advice(course: Course, ruling: Ruling) -> tuple[Message, ...]:
    """The advice to give up keeps the day on which it was first given."""
    if ruling.look == len(course.looks) - 1:
        return ()
    given, last = course.looks[ruling.look], course.looks[-1]
    key = "since.advised" if last.closing is None else "since.advised_ended"
    return (Message.of(key, day=_day(given.at), last=_day(last.at)),)


def _of_the_winner(course: Course, ruling: Ruling) -> list[Message]:
    """Harm that showed after the decision, and what all data show now."""
    pair = ruling.arm, ruling.metric
    news = []
    for (arm, metric), standings in course.arms.items():
        later = standings[ruling.look + 1 :]
        harm = next((s for s in later if s.crossing == "harm"), None)
        if arm == ruling.arm and harm is not None:
            news.append(_harmed(arm, metric, harm.look.at))
    for (arm, metric), history in course.guardrails.items():
        at = next((g for g in history[ruling.look + 1 :] if g.is_harmed), None)
        if arm == ruling.arm and at is not None:
            news.append(_harmed(arm, metric, at.look.at))
    last = course.arms[pair][-1]
    if last.evidence is not None:
        plan = course.plan
        k = table_k(plan)
        estimate: Estimate = figures_between(
            last.evidence.contrast, (0.0, k, -k), at=last.look.at, largest_k=k
        )
        figures = sizes(plan, ruling.metric, estimate)
        worse = oriented(plan.metric(ruling.metric), estimate.value) < 0
        key = "since.turned" if worse else "since.figure"
        news.append(
            Message.of(
                key,
                metric=MetricName(ruling.metric),
                day=_day(last.look.at),
                lift=figures["lift"],
            )
        )
    return news


def _harmed(arm: str, metric: str, at: str) -> Message:
    return Message.of(
        "since.harm", variant=VariantName(arm), metric=MetricName(metric), day=_day(at)
    )


def _day(at: str) -> Day:
    return Day(datetime.fromisoformat(at).date().isoformat())
