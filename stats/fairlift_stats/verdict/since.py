"""What came after the look that a verdict is of: told beside it, never instead of it."""

from fairlift_stats.messages import Figure, Message, MetricName, Percent, VariantName
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.verdict.facts import oriented, table_k
from fairlift_stats.verdict.figures import day_of, in_unit
from fairlift_stats.verdict.guardrails import harmed_at
from fairlift_stats.verdict.ruling import FINAL, Course, Ruling, is_split_broken
from fairlift_stats.verdict.standings import first_crossing

__all__ = ["since_then"]


def since_then(course: Course, ruling: Ruling) -> tuple[Message, ...]:
    """The news, the gravest first."""
    if ruling.kind == "stop_futile":
        return _advice(course, ruling)
    if ruling.kind not in FINAL or ruling.look == len(course.looks) - 1:
        return ()
    news: list[Message] = []
    # By the look of a decision the split held, or nothing would have been decided.
    if is_split_broken(course.log_e):
        news.append(Message.of("since.split"))
    if ruling.kind == "ship":
        news += _of_the_winner(course, ruling)
    else:  # harm: after an inconclusive end there are no looks
        news += _of_all_data(course, ruling, was_worse=True)
    return tuple(news)


def _advice(course: Course, ruling: Ruling) -> tuple[Message, ...]:
    """The advice to give up keeps the day on which it was first given."""
    given, last = course.looks[ruling.look], course.looks[-1]
    if given is last or last.closing is not None:
        return ()  # the headline says how it ended
    return (Message.of("since.advised", day=day_of(given.at), last=day_of(last.at)),)


def _of_the_winner(course: Course, ruling: Ruling) -> list[Message]:
    """Harm that showed after the decision, and what all data show now.

    What was harmed before is no winner, so all harm of the winner came later.
    """
    news = []
    for (arm, metric), standings in course.arms.items():
        at = first_crossing(standings, "harm")
        if arm == ruling.arm and at is not None:
            news.append(_harmed(arm, metric, standings[at].look.at))
    for (arm, metric), history in course.guardrails.items():
        at = harmed_at(history)
        if arm == ruling.arm and at is not None:
            news.append(_harmed(arm, metric, history[at].look.at))
    return [*news, *_of_all_data(course, ruling, was_worse=False)]


def _of_all_data(course: Course, ruling: Ruling, *, was_worse: bool) -> list[Message]:
    """What all data show now of the comparison that decided, and whether its sign is another.

    Nothing of the daily alarm, which compares first days and draws no evidence.
    """
    last = course.looks[-1]
    evidence = last.of(ruling.metric, ruling.arm)
    if evidence is None:
        return []
    contrast = evidence.contrast
    is_worse = oriented(course.plan.metric(ruling.metric), contrast.difference) < 0
    return [
        Message.of(
            "since.figure" if is_worse == was_worse else "since.turned",
            metric=MetricName(ruling.metric),
            day=day_of(last.at),
            lift=_size(course, ruling.metric, contrast),
        )
    ]


def _size(course: Course, metric: str, contrast: Contrast) -> Figure:
    if contrast.no_lift(table_k(course.plan)) is None:
        return Percent(contrast.lift, 1, signed=True)
    return in_unit(course.plan, metric, contrast.difference)


def _harmed(arm: str, metric: str, at: str) -> Message:
    return Message.of(
        "since.harm", variant=VariantName(arm), metric=MetricName(metric), day=day_of(at)
    )
