"""The order in which a report is told: verdict, picture, figures, reasons to trust, counts."""

import math
from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift.wire.campaign import campaign_id
from fairlift_stats.messages import Names, Number, Percent
from rich.text import Text

from fairlift_cli.figures import Figures, unit_of
from fairlift_cli.report.chart import Bar, draw
from fairlift_cli.report.result_tables import (
    counts_table,
    details_table,
    methods,
    metrics_table,
    remarks,
    segments_table,
)
from fairlift_cli.report.scene import Scene, scene, shown_interval
from fairlift_cli.screen import Screen

_STYLES = {
    pb.VERDICT_KIND_SHIP: "bold white on green",
    pb.VERDICT_KIND_STOP_HARM: "bold white on red",
    pb.VERDICT_KIND_STOP_FUTILE: "bold black on yellow",
    pb.VERDICT_KIND_KEEP_GOING: "bold white on blue",
    pb.VERDICT_KIND_DO_NOT_TRUST: "bold white on red",
}
_METER = 30
_BEYOND_DOUBT = 1e9


def show_report(
    screen: Screen, report: pb.Report, *, language: str = "en", details: bool = False
) -> None:
    """Prints a report: first what to do, then why, then every figure."""
    figures = Figures(language, report.currency_code, Names(unit=unit_of(report.unit)))
    told = scene(report, figures=figures, screen=screen)
    _title(told)
    _verdict(told)
    _pictures(told)
    _tables(told)
    _decompositions(told)
    _segments(told)
    _health(told)
    _counts(told)
    if details:
        _details(told)


def _title(told: Scene) -> None:
    report, screen = told.report, told.screen
    name = campaign_id(report.campaign)
    number = told.say("report.epoch", number=Number(report.epoch))
    epoch = f", {number}" if report.epoch > 1 else ""
    shown = report.display_name if report.display_name not in ("", name) else ""
    screen.line(f"{shown} ({name}{epoch})" if shown else f"{name}{epoch}", style="bold")


def _verdict(told: Scene) -> None:
    verdict, screen = told.report.verdict, told.screen
    screen.line()
    if verdict.kind not in _STYLES:
        screen.line(verdict.sentence or told.say("report.no_verdict"))
        return
    kind = pb.VerdictKind.Name(verdict.kind).removeprefix("VERDICT_KIND_").lower()
    is_stopped = verdict.cause == pb.VERDICT_CAUSE_STOPPED
    screen.badge(told.say(f"kind.{'undecided' if is_stopped else kind}"), _STYLES[verdict.kind])
    screen.line(verdict.sentence, style="bold")
    if told.two_figures:
        screen.line(told.two_figures)
    if verdict.action:
        screen.line(told.say("report.action", action=verdict.action))
    for reason in told.reasons():
        screen.line(reason, indent=2, mark=screen.glyphs.bullet)
    if verdict.kind == pb.VERDICT_KIND_KEEP_GOING and verdict.HasField("evidence"):
        done = min(max(verdict.evidence, 0.0), 1.0)
        full = round(done * _METER)
        meter = screen.glyphs.full * full + screen.glyphs.empty * (_METER - full)
        words = told.say("report.evidence", bar=meter, share=told.figures.share(done, 0))
        screen.lines([Text(screen.safe(words))])


def _pictures(told: Scene) -> None:
    if told.report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST and told.report.metrics:
        told.screen.line()
        told.screen.line(told.say("report.figures_not_reliable"), style="bold")
    for metric in told.primary():
        shown = [bar for each in metric.comparisons for bar in _bars(told, metric, each)]
        if not shown:
            continue
        name, control = told.figures.metric(metric), told.name(told.control)
        told.screen.line()
        heading = told.say("report.lift_over", metric=name, control=control)
        told.screen.line(heading, style="bold")
        rows = draw(
            shown,
            width=told.screen.width,
            glyphs=told.screen.glyphs,
            label=lambda value, digits: told.screen.safe(told.figures.lift(value, digits)),
        )
        told.screen.lines([Text(row) for row in rows])
        if any(bar.is_verdict for bar in shown):
            _legend(told)


def _bars(
    told: Scene, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> Iterator[Bar]:
    """What all data show, and below it what the verdict says where that is another figure."""
    interval = shown_interval(comparison)
    if interval is None or not comparison.HasField("lift"):
        return
    yield Bar(told.name(comparison.variant), *_around(comparison.lift, interval))
    verdict = told.report.verdict
    is_told = (verdict.metric, verdict.variant) == (metric.metric, comparison.variant)
    if told.two_figures and is_told and verdict.HasField("lift_interval"):
        label = f"  {told.screen.safe(told.say('report.verdict_bar'))}"
        yield Bar(label, *_around(verdict.lift, verdict.lift_interval), is_verdict=True)


def _around(lift: float, interval: value_pb2.Interval) -> tuple[float, float, float]:
    lower = interval.lower if interval.HasField("lower") else -math.inf
    upper = interval.upper if interval.HasField("upper") else math.inf
    return lower, lift, upper


def _legend(told: Scene) -> None:
    """Which look each of two figures is of."""
    verdict, last, glyphs = told.report.verdict, told.report.look, told.screen.glyphs
    decided = verdict.deciding_look if verdict.HasField("deciding_look") else last
    for mark, key, lift, look in (
        (glyphs.verdict, "report.verdict_figure", verdict.lift, decided),
        (glyphs.point, "report.all_data", verdict.raw_lift, last),
    ):
        day = told.figures.day(look.look_time)
        figure, number = told.figures.lift(lift), Number(look.number)
        told.screen.line(told.say(key, lift=figure, number=number, time=day), mark=mark)


def _tables(told: Scene) -> None:
    if not told.report.metrics:
        return
    told.screen.line()
    told.screen.table(*metrics_table(told))
    is_anytime = any(
        each.HasField("sequential_lift_interval")
        for metric in told.report.metrics
        for each in metric.comparisons
    )
    if is_anytime:
        told.screen.line(told.say("report.always_valid"), style="dim")
    for remark in remarks(told):
        told.screen.line(remark, style="dim")


def _decompositions(told: Scene) -> None:
    found = [each for each in told.report.decompositions if each.factors]
    if not found:
        return
    told.screen.line()
    told.screen.line(told.say("report.why_revenue"), style="bold")
    for each in found:
        told.screen.line(told.name(each.variant), indent=2, style="bold")
        told.screen.line(each.sentence or told.figures.signed_money(each.difference), indent=4)
        parts = (
            f"{told.figures.metric_name(factor.metric)} {told.figures.lift(factor.lift)} "
            f"({told.figures.signed_money(factor.contribution)})"
            for factor in each.factors
        )
        told.screen.line(", ".join(parts), indent=4)


def _segments(told: Scene) -> None:
    for found in told.report.segments:
        figures, screen = told.figures, told.screen
        variants = dict.fromkeys(told.name(segment.variant) for segment in found.segments)
        screen.line()
        heading = told.say(
            "report.segments",
            attribute=found.attribute,
            metric=figures.metric_name(found.metric),
            variants=", ".join(variants),
        )
        screen.line(heading, style="bold")
        screen.table(segments_table(told, found, with_variant=len(variants) > 1))
        for sentence in dict.fromkeys(segment.sentence for segment in found.segments):
            if sentence:
                screen.line(sentence, indent=2, mark=screen.glyphs.bullet)
        if found.HasField("heterogeneity_p_value"):
            chance = figures.chance(found.heterogeneity_p_value)
            screen.line(told.say("report.same_lift", p=chance), indent=2, style="dim")


def _health(told: Scene) -> None:
    checks, screen, glyphs = told.report.health.checks, told.screen, told.screen.glyphs
    if not checks:
        return
    marks = {
        pb.HEALTH_STATUS_OK: (glyphs.ok, "green"),
        pb.HEALTH_STATUS_WARNING: (glyphs.warning, "yellow"),
        pb.HEALTH_STATUS_BROKEN: (glyphs.broken, "red"),
    }
    screen.line()
    screen.line(told.say("report.health"), style="bold")
    for check in checks:
        mark, style = marks.get(check.status, ("?", ""))
        sentence = check.sentence or check.name.replace("_", " ")
        screen.marked(Text(mark, style=style), sentence, indent=2)


def _counts(told: Scene) -> None:
    report, screen = told.report, told.screen
    screen.line()
    screen.line(told.say("report.counts"), style="bold")
    screen.table(counts_table(told))
    for note in report.notes:
        screen.line(note, indent=2, mark=screen.glyphs.bullet)
    if report.HasField("look"):
        look, time = report.look, told.figures.moment(report.look.look_time)
        share, number = Percent(look.information, 0), Number(look.number)
        words = told.say("report.look", number=number, time=time, share=share)
        screen.line(words, style="dim")
    goes_on = report.verdict.kind in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST)
    if goes_on and report.next_look_units and report.HasField("next_look_time"):
        time, units = told.figures.moment(report.next_look_time), Number(report.next_look_units)
        screen.line(told.say("report.next_look", by="units", units=units, time=time), style="dim")


def _details(told: Scene) -> None:
    told.screen.line()
    told.screen.line(told.say("report.details"), style="bold")
    told.screen.table(*details_table(told))
    for method in methods(told):
        told.screen.line(method)
    for check in told.report.health.checks:
        if check.HasField("evidence"):
            evidence = _e_value(told.figures, check.evidence)
            told.screen.line(told.say("report.split_evidence", evidence=evidence))
    if told.report.plan_hash:
        told.screen.line(f"{told.say('report.plan')} {told.report.plan_hash}", style="dim")


def _e_value(figures: Figures, value: float) -> str:
    if value > _BEYOND_DOUBT:
        return f">{figures.count(_BEYOND_DOUBT)}"
    return figures.number(value, 0 if value >= 10 else 2)
