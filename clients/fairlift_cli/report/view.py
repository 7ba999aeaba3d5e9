"""Prints a report in order: verdict, chart, figures, data quality, counts."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_id
from fairlift_stats.messages import Names, Number, Percent
from fairlift_stats.report.decomposition import rounded_parts
from rich.text import Text

from fairlift_cli.figures import Figures, is_too_early, unit_of
from fairlift_cli.report.live_tables import coupons_table, funnel_tables, provisional_table
from fairlift_cli.report.picture import show_pictures
from fairlift_cli.report.report_context import ReportContext, report_context
from fairlift_cli.report.result_tables import (
    counts_table,
    details_table,
    methods,
    metrics_table,
    remarks,
    segments_table,
)
from fairlift_cli.screen import Screen
from fairlift_cli.trust import show_checks

_STYLES = {
    pb.VERDICT_KIND_SHIP: "bold white on green",
    pb.VERDICT_KIND_STOP_HARM: "bold white on red",
    pb.VERDICT_KIND_STOP_FUTILE: "bold black on yellow",
    pb.VERDICT_KIND_KEEP_GOING: "bold white on blue",
    pb.VERDICT_KIND_DO_NOT_TRUST: "bold white on red",
    pb.VERDICT_KIND_INCONCLUSIVE: "bold black on yellow",
}
_TOO_EARLY = _STYLES[pb.VERDICT_KIND_KEEP_GOING]
_METER = 30
_BEYOND_DOUBT = 1e9


def show_report(
    screen: Screen, report: pb.Report, *, language: str = "en", details: bool = False
) -> None:
    """Prints a report: first the verdict and its reasons, then all figures."""
    figures = Figures(
        language,
        report.currency_code,
        Names(unit=unit_of(report.unit)),
        report.time_zone or "UTC",
    )
    context = report_context(report, figures=figures, screen=screen)
    _title(context)
    _verdict(context)
    show_pictures(context)
    _tables(context)
    _funnels(context)
    _decompositions(context)
    _segments(context)
    _health(context)
    _provisional(context)
    _counts(context)
    if details:
        _coupons(context)
        _details(context)


def _title(context: ReportContext) -> None:
    report, screen = context.report, context.screen
    name = campaign_id(report.campaign)
    number = context.say("report.epoch", number=Number(report.epoch))
    epoch = f", {number}" if report.epoch > 1 else ""
    display_name = report.display_name if report.display_name not in ("", name) else ""
    screen.line(
        f"{display_name} ({name}{epoch})" if display_name else f"{name}{epoch}", style="bold"
    )


def _verdict(context: ReportContext) -> None:
    verdict, screen = context.report.verdict, context.screen
    screen.line()
    if verdict.kind not in _STYLES:
        screen.line(verdict.sentence or context.say("report.no_verdict"))
        return
    heading = context.figures.verdict_kind(verdict.kind, verdict.cause)
    style = _TOO_EARLY if is_too_early(verdict.kind, verdict.cause) else _STYLES[verdict.kind]
    screen.badge(heading, style)
    screen.line(verdict.sentence, style="bold")
    if context.adjustment_reason:
        screen.line(context.adjustment_reason)
    if verdict.action:
        screen.line(context.say("report.action", action=verdict.action))
    if verdict.HasField("decided_time"):
        day = context.figures.day_ended(verdict.decided_time)
        screen.line(context.say("report.decided", day=day))
    for reason in context.reasons():
        screen.line(reason, indent=2, mark=screen.glyphs.bullet)
    if verdict.kind == pb.VERDICT_KIND_KEEP_GOING and verdict.HasField("evidence"):
        evidence = min(max(verdict.evidence, 0.0), 1.0)
        filled = round(evidence * _METER)
        meter = screen.glyphs.full * filled + screen.glyphs.empty * (_METER - filled)
        sentence = context.say(
            "report.evidence", bar=meter, share=context.figures.share(evidence, 0)
        )
        screen.lines([Text(screen.safe(sentence))])


def _tables(context: ReportContext) -> None:
    # Before the first look there is nothing but what is provisional.
    if not context.report.metrics or not context.report.HasField("look"):
        return
    context.screen.line()
    context.screen.table(*metrics_table(context))
    is_anytime = any(
        comparison.HasField("sequential_lift_interval")
        for metric in context.report.metrics
        for comparison in metric.comparisons
    )
    if is_anytime:
        context.screen.line(context.say("report.always_valid"), style="dim")
    for remark in remarks(context):
        context.screen.line(remark, style="dim")


def _decompositions(context: ReportContext) -> None:
    decompositions = [
        decomposition for decomposition in context.report.decompositions if decomposition.factors
    ]
    if not decompositions:
        return
    context.screen.line()
    context.screen.line(context.say("report.why_revenue"), style="bold")
    for decomposition in decompositions:
        context.screen.line(context.name(decomposition.variant), indent=2, style="bold")
        context.screen.line(
            decomposition.sentence or context.figures.signed_money(decomposition.difference),
            indent=4,
        )
        amounts = rounded_parts(
            [factor.contribution for factor in decomposition.factors],
            decomposition.difference,
            context.figures.currency,
        )
        parts = (
            f"{context.figures.metric_name(factor.metric)} {context.figures.lift(factor.lift)} "
            f"({context.figures.signed_money(amount)})"
            for factor, amount in zip(decomposition.factors, amounts, strict=True)
        )
        context.screen.line(", ".join(parts), indent=4)


def _segments(context: ReportContext) -> None:
    for segment_result in context.report.segments:
        figures, screen = context.figures, context.screen
        variants = dict.fromkeys(
            context.name(segment.variant) for segment in segment_result.segments
        )
        screen.line()
        heading = context.say(
            "report.segments",
            attribute=segment_result.attribute,
            metric=figures.metric_name(segment_result.metric),
            variants=", ".join(variants),
        )
        screen.line(heading, style="bold")
        screen.table(segments_table(context, segment_result, with_variant=len(variants) > 1))
        for sentence in dict.fromkeys(segment.sentence for segment in segment_result.segments):
            if sentence:
                screen.line(sentence, indent=2, mark=screen.glyphs.bullet)
        if segment_result.HasField("heterogeneity_p_value"):
            chance = figures.chance(segment_result.heterogeneity_p_value)
            screen.line(context.say("report.same_lift", p=chance), indent=2, style="dim")


def _health(context: ReportContext) -> None:
    if context.report.health.checks:
        context.screen.line()
        show_checks(context.screen, context.figures, context.report.health, every=False)


def _counts(context: ReportContext) -> None:
    report, screen = context.report, context.screen
    screen.line()
    screen.line(context.say("report.counts"), style="bold")
    screen.table(counts_table(context))
    for note in report.notes:
        screen.line(note, indent=2, mark=screen.glyphs.bullet)
    if report.HasField("look"):
        look, day = report.look, context.day_of(report.look)
        share, number = Percent(look.information, 0), Number(look.number)
        sentence = context.say("report.look", number=number, day=day, share=share)
        screen.line(sentence, style="dim")
    goes_on = report.verdict.kind in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST)
    if goes_on and report.verdict.HasField("next_decision_time"):
        day = context.figures.day_ended(report.verdict.next_decision_time)
        screen.line(context.say("report.next_decision", day=day), style="dim")
    elif goes_on and report.HasField("next_look_time"):
        time = context.figures.moment(report.next_look_time)
        screen.line(context.say("report.next_look", time=time), style="dim")


def _provisional(context: ReportContext) -> None:
    """What all units show: apart from what is judged."""
    table = provisional_table(context)
    if table is not None:
        context.screen.line()
        context.screen.line(context.say("report.provisional"), style="bold")
        context.screen.table(table)


def _funnels(context: ReportContext) -> None:
    for heading, table in funnel_tables(context):
        context.screen.line()
        context.screen.line(heading, style="bold")
        context.screen.table(*table)


def _coupons(context: ReportContext) -> None:
    table = coupons_table(context)
    if table is not None:
        context.screen.line()
        context.screen.line(context.say("report.coupons"), style="bold")
        context.screen.table(table)


def _details(context: ReportContext) -> None:
    context.screen.line()
    context.screen.line(context.say("report.details"), style="bold")
    context.screen.table(*details_table(context))
    for method in methods(context):
        context.screen.line(method)
    for check in context.report.health.checks:
        if check.HasField("evidence"):
            evidence = _e_value(context.figures, check.evidence)
            context.screen.line(context.say("report.split_evidence", evidence=evidence))
    if context.report.plan_hash:
        context.screen.line(f"{context.say('report.plan')} {context.report.plan_hash}", style="dim")


def _e_value(figures: Figures, value: float) -> str:
    if value > _BEYOND_DOUBT:
        return f">{figures.count(_BEYOND_DOUBT)}"
    return figures.number(value, 0 if value >= 10 else 2)
