"""The figure to read first, and how sure the verdict is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_report.parts import LiftPicture
from fairlift_report.table import IntervalView
from fairlift_report.view import KeyFigure

from fairlift_cli.figures import capital
from fairlift_cli.report.lift_pictures import interval_view
from fairlift_cli.report.report_context import ReportContext
from fairlift_cli.report.shown_intervals import lift_interval, says_nothing, verdict_look

_DECIDED = (pb.VERDICT_KIND_SHIP, pb.VERDICT_KIND_STOP_HARM)
_WAITS_FOR_A_GUARDRAIL = (pb.VERDICT_CAUSE_UNSAFE, pb.VERDICT_CAUSE_MARGIN)
# Verdicts of which nothing but their name says how sure they are.
_PLAIN = {
    "stop_futile": "sure.no_gain",
    "inconclusive": "sure.open",
    "undecided": "sure.open",
    "too_early": "sure.too_early",
    "do_not_trust": "sure.nothing",
}


def key_figure_of(context: ReportContext, pictures: Sequence[LiftPicture]) -> KeyFigure | None:
    """The verdict's own figure, or that of its variant, or that of the only treatment.

    The verdict's figure is what lists show, too, and its interval holds at every look. Harm is told
    by the metric that showed it. Of several treatments none is told where the verdict names none.
    """
    verdict = context.report.verdict
    has_own = verdict.kind in _DECIDED or _own_lift(verdict) is not None
    if has_own and verdict.metric and verdict.variant:
        return _deciding(context, pictures)
    named = context.name(verdict.variant)
    for picture in pictures:
        if not picture.is_primary:
            continue
        rows = [row for row in picture.rows if row.label == named] or list(picture.rows)
        own = [row for row in picture.rows if row.is_verdict]
        if own or len(rows) == 1:
            row = (own or rows)[0]
            treatments = sum(not each.is_verdict for each in picture.rows)
            label = picture.metric if treatments == 1 else f"{picture.metric}, {named}"
            others = _others(context, picture, named) if treatments > 1 else ()
            return KeyFigure(label, row.figure, _detail(context, row), tuple(others))
    return None


def _deciding(context: ReportContext, pictures: Sequence[LiftPicture]) -> KeyFigure | None:
    """The lift that decided; of an alarm, which has none, that of its metric in all data."""
    report, figures = context.report, context.figures
    verdict = report.verdict
    metrics = [each for each in report.metrics if each.metric == verdict.metric]
    lift, others = _own_lift(verdict), list[str]()
    detail = "" if lift is None else _interval(context, verdict.lift_interval)
    look = verdict_look(context)
    if verdict.kind not in _DECIDED and look is not None and look.number != report.look.number:
        others.append(context.say("report.all_data_to", day=context.day_of(look)))
    for metric in metrics:
        for comparison in metric.comparisons:
            shown = lift_interval(context, metric.metric, comparison)
            is_it = comparison.variant == verdict.variant and comparison.HasField("lift")
            if not is_it or shown is None:
                continue
            if lift is None:
                lift = comparison.lift
                name = context.name(comparison.variant)
                row = interval_view(figures, name, lift, shown.interval)
                detail = _detail(context, replace(row, is_one_look=shown.is_one_look))
                others.append(_alarm(context, metric))
            elif verdict.kind not in _DECIDED and _differs(context, comparison.lift, lift):
                # Since the last analysis that judged; decided ones say it in their own sentence.
                all_data = _all_data(context).removesuffix(".")
                others.append(f"{all_data}: {figures.lift(comparison.lift)}")
    if lift is None:
        return None
    name = figures.metric(metrics[0]) if metrics else figures.metric_name(verdict.metric)
    named = context.name(verdict.variant)
    several = sum(not totals.control for totals in context.report.totals) > 1
    for picture in pictures:
        if several and picture.metric == name:
            others += _others(context, picture, named)
    return KeyFigure(
        f"{name}, {named}" if several else name,
        figures.lift(lift),
        detail,
        tuple(others),
    )


def _all_data(context: ReportContext) -> str:
    return context.say("report.all_data_to", day=context.day_of(context.report.look))


def _alarm(context: ReportContext, metric: pb.MetricResult) -> str:
    """Of which data the alarm's own figures are, and of which the lift is that stands here."""
    verdict, figures = context.report.verdict, context.figures
    if not verdict.HasField("decided_time"):
        return _all_data(context)
    return context.say(
        "report.alarm_figure",
        decided=figures.day_ended(verdict.decided_time),
        metric=metric.display_name or figures.metric_name(metric.metric),
        day=context.day_of(context.report.look),
    )


def _differs(context: ReportContext, one: float, other: float) -> bool:
    return context.figures.lift(one) != context.figures.lift(other)


def _own_lift(verdict: pb.Verdict) -> float | None:
    has_both = verdict.HasField("lift") and verdict.HasField("lift_interval")
    return verdict.lift if has_both else None


def _interval(context: ReportContext, interval: Interval) -> str:
    if says_nothing(interval):
        return capital(context.say("report.no_interval"))
    level = context.say("report.interval", level=context.figures.confidence(interval.confidence))
    return f"{level}: {context.figures.interval(interval)}"


def _detail(context: ReportContext, row: IntervalView) -> str:
    """The interval with its level, and whether it holds for one look only."""
    key = "report.interval_one_look" if row.is_one_look else "report.interval"
    return f"{context.say(key, level=row.level)}: {row.interval}"


def _others(context: ReportContext, picture: LiftPicture, named: str) -> Iterator[str]:
    """The other treatments, so that one figure is not taken for all."""
    for row in picture.rows:
        if row.label != named and not row.is_verdict:
            lift, day = f"{row.label}: {row.figure}", context.day_of(context.report.look)
            interval = _detail(context, row)
            yield context.say("report.other_treatment", lift=lift, interval=interval, day=day)


def sureness(context: ReportContext, name: str, proof: str, key_figure: KeyFigure | None) -> str:
    """How sure the verdict is, in plain words.

    Args:
        context: of the report.
        name: of the verdict, as in `VerdictView`.
        proof: what the plan promises of such a decision; may be empty.
        key_figure: of the verdict; None where there is none.
    """
    if proof:
        return context.say("sure.proof", proof=proof)
    if name in _PLAIN:
        return context.say(_PLAIN[name])
    cause = context.report.verdict.cause
    if cause in _WAITS_FOR_A_GUARDRAIL:
        return context.say("sure.guardrail")
    if name in ("ship", "stop_harm"):
        return context.say("sure.alarm" if cause == pb.VERDICT_CAUSE_ALARM else "sure.decided")
    if key_figure is None:
        return context.say("sure.nothing")
    return context.say("sure.not_yet", metric=key_figure.label, lift=key_figure.figure)
