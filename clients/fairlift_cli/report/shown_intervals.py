"""Which interval stands beside a lift: the verdict's, one that holds at every look, or neither."""

from dataclasses import dataclass

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_report.table import Tone

from fairlift_cli.report.report_context import ReportContext

_TONES: dict[int, Tone] = {pb.VERDICT_KIND_SHIP: "good", pb.VERDICT_KIND_STOP_HARM: "bad"}
# No lift is lower: everything is lost.
_LOWEST = -1.0


@dataclass(frozen=True, slots=True)
class ShownInterval:
    """An interval, and what it proves.

    Attributes:
        interval: of the lift, or of the difference.
        is_one_look: it holds for one look only, not however often somebody looks.
        tone: of the verdict that it decided; None where it decided nothing.
    """

    interval: Interval
    is_one_look: bool
    tone: Tone | None = None


def lift_interval(
    context: ReportContext, metric: str, comparison: pb.MetricResult.Comparison
) -> ShownInterval | None:
    """The verdict's where it is of the same lift, else that of every look, else of one look."""
    own = verdict_interval(context, metric, comparison)
    if own is not None and _is_same_lift(context, comparison):
        return own
    if comparison.HasField("sequential_lift_interval"):
        every_look = comparison.sequential_lift_interval
        if not says_nothing(every_look):
            return ShownInterval(every_look, is_one_look=False)
    if not comparison.HasField("lift_interval"):
        return None
    return ShownInterval(comparison.lift_interval, is_one_look=True)


def difference_interval(comparison: pb.MetricResult.Comparison) -> ShownInterval | None:
    """The same of the difference, for a comparison that has no lift."""
    if comparison.HasField("sequential_difference_interval"):
        return ShownInterval(comparison.sequential_difference_interval, is_one_look=False)
    if not comparison.HasField("difference_interval"):
        return None
    return ShownInterval(comparison.difference_interval, is_one_look=True)


def verdict_interval(
    context: ReportContext, metric: str, comparison: pb.MetricResult.Comparison
) -> ShownInterval | None:
    """The verdict's own interval, where it is of this metric and variant."""
    verdict = context.report.verdict
    is_it = (verdict.metric, verdict.variant) == (metric, comparison.variant)
    has_both = verdict.HasField("lift") and verdict.HasField("lift_interval")
    if not is_it or not has_both or says_nothing(verdict.lift_interval):
        return None
    return ShownInterval(verdict.lift_interval, is_one_look=False, tone=_TONES.get(verdict.kind))


def differs_from_verdict(
    context: ReportContext, metric: str, comparison: pb.MetricResult.Comparison
) -> bool:
    """Whether the verdict has a figure of its own for the same metric and variant."""
    own = verdict_interval(context, metric, comparison)
    return own is not None and not _is_same_lift(context, comparison)


def says_nothing(interval: Interval) -> bool:
    """Whether every lift is within it: no look has drawn a line yet."""
    has_low = interval.HasField("lower") and interval.lower > _LOWEST
    return not has_low and not interval.HasField("upper")


def verdict_look(context: ReportContext) -> pb.Look | None:
    """The look of which the verdict's lift is; None where it is not known."""
    verdict = context.report.verdict
    if verdict.HasField("deciding_look"):
        return verdict.deciding_look
    judged = (
        look
        for look in reversed(context.looks)
        for each in look.comparisons
        if (each.metric, each.variant) == (verdict.metric, verdict.variant)
        and each.HasField("lift_interval")
    )
    return next(judged, None)


def _is_same_lift(context: ReportContext, comparison: pb.MetricResult.Comparison) -> bool:
    """Whether the verdict's figure is of the newest look, and printed as the figure of all data."""
    verdict, figures = context.report.verdict, context.figures
    look = verdict.deciding_look if verdict.HasField("deciding_look") else context.report.look
    is_newest = look.number == context.report.look.number
    return is_newest and figures.lift(verdict.lift) == figures.lift(comparison.lift)
