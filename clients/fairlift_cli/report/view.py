"""The order in which a report is told: verdict, picture, figures, reasons to trust, counts."""

import math

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_id
from rich.text import Text

from fairlift_cli.report.chart import Bar, draw
from fairlift_cli.report.figures import Figures
from fairlift_cli.report.scene import Scene, scene, shown_interval
from fairlift_cli.report.tables import (
    counts_table,
    details_table,
    methods,
    metrics_table,
    remarks,
    segments_table,
)
from fairlift_cli.report.words import LANGUAGES
from fairlift_cli.screen import Screen

_STYLES = {
    pb.VERDICT_KIND_SHIP: "bold white on green",
    pb.VERDICT_KIND_STOP_HARM: "bold white on red",
    pb.VERDICT_KIND_STOP_FUTILE: "bold black on yellow",
    pb.VERDICT_KIND_KEEP_GOING: "bold white on blue",
    pb.VERDICT_KIND_DO_NOT_TRUST: "bold white on red",
}
_METER = 30


def show_report(
    screen: Screen, report: pb.Report, *, language: str = "en", details: bool = False
) -> None:
    """Prints a report: first what to do, then why, then every figure."""
    figures = Figures(language, report.currency_code)
    told = scene(report, words=LANGUAGES[language], figures=figures, screen=screen)
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
    number = told.words.epoch.format(number=report.epoch)
    epoch = f", {number}" if report.epoch > 1 else ""
    shown = report.display_name if report.display_name not in ("", name) else ""
    screen.line(f"{shown} ({name}{epoch})" if shown else f"{name}{epoch}", style="bold")


def _verdict(told: Scene) -> None:
    verdict, words, screen = told.report.verdict, told.words, told.screen
    screen.line()
    kind = words.verdicts.get(verdict.kind)
    if kind is None:
        screen.line(verdict.sentence or words.no_verdict)
        return
    screen.badge(kind, _STYLES[verdict.kind])
    screen.line(verdict.sentence, style="bold")
    if verdict.action:
        screen.line(f"{words.action} {verdict.action}")
    for reason in _told_reasons(verdict):
        screen.line(reason, indent=2, mark=screen.glyphs.bullet)
    if verdict.kind == pb.VERDICT_KIND_KEEP_GOING and verdict.HasField("evidence"):
        done = min(max(verdict.evidence, 0.0), 1.0)
        full = round(done * _METER)
        meter = screen.glyphs.full * full + screen.glyphs.empty * (_METER - full)
        share = told.figures.share(done, 0)
        screen.lines([Text(f"{screen.safe(words.evidence)} {meter} {screen.safe(share)}")])


def _told_reasons(verdict: pb.Verdict) -> list[str]:
    """The reasons, less the one that the meter draws; the first code is the ruling's own."""
    codes = dict(enumerate(verdict.reason_codes[1:]))
    return [reason for i, reason in enumerate(verdict.reasons) if codes.get(i) != "meter"]


def _pictures(told: Scene) -> None:
    if told.report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST and told.report.metrics:
        told.screen.line()
        told.screen.line(told.words.no_answers, style="bold")
    for metric in told.primary():
        shown = [bar for each in metric.comparisons if (bar := _bar(told, each))]
        if not shown:
            continue
        name, control = told.figures.metric(metric), told.name(told.control)
        heading = told.words.lift_over.format(metric=name, control=control)
        told.screen.line()
        told.screen.line(heading, style="bold")
        rows = draw(
            shown,
            width=told.screen.width,
            glyphs=told.screen.glyphs,
            label=lambda value, digits: told.screen.safe(told.figures.lift(value, digits)),
        )
        told.screen.lines([Text(row) for row in rows])


def _bar(told: Scene, comparison: pb.MetricResult.Comparison) -> Bar | None:
    interval = shown_interval(comparison)
    if interval is None or not comparison.HasField("lift"):
        return None
    lower = interval.lower if interval.HasField("lower") else -math.inf
    upper = interval.upper if interval.HasField("upper") else math.inf
    return Bar(told.name(comparison.variant), lower, comparison.lift, upper)


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
        told.screen.line(told.words.anytime, style="dim")
    for remark in remarks(told):
        told.screen.line(remark, style="dim")


def _decompositions(told: Scene) -> None:
    found = [each for each in told.report.decompositions if each.factors]
    if not found:
        return
    told.screen.line()
    told.screen.line(told.words.why_revenue, style="bold")
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
        words, figures, screen = told.words, told.figures, told.screen
        variants = dict.fromkeys(told.name(segment.variant) for segment in found.segments)
        screen.line()
        heading = words.segments.format(
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
            screen.line(words.same_lift.format(p=chance), indent=2, style="dim")


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
    screen.line(told.words.health, style="bold")
    for check in checks:
        mark, style = marks.get(check.status, ("?", ""))
        sentence = check.sentence or check.name.replace("_", " ")
        screen.marked(Text(mark, style=style), sentence, indent=2)


def _counts(told: Scene) -> None:
    report, words, figures, screen = told.report, told.words, told.figures, told.screen
    screen.line()
    screen.line(words.counts, style="bold")
    screen.table(counts_table(told))
    for note in report.notes:
        screen.line(note, indent=2, mark=screen.glyphs.bullet)
    if report.HasField("look"):
        look = report.look
        share, time = figures.share(look.information, 0), figures.moment(look.look_time)
        text = words.look.format(number=look.number, time=time, share=share)
        screen.line(text, style="dim")
    goes_on = report.verdict.kind in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST)
    if goes_on and report.next_look_units and report.HasField("next_look_time"):
        units, time = figures.count(report.next_look_units), figures.moment(report.next_look_time)
        screen.line(words.next_look.format(units=units, time=time), style="dim")


def _details(told: Scene) -> None:
    told.screen.line()
    told.screen.line(told.words.details, style="bold")
    told.screen.table(*details_table(told))
    for method in methods(told):
        told.screen.line(method)
    verdict = told.report.verdict
    if verdict.HasField("lift") and verdict.HasField("raw_lift"):
        figures = told.figures
        interval = figures.interval(verdict.lift_interval)
        lift, raw = figures.lift(verdict.lift), figures.lift(verdict.raw_lift)
        told.screen.line(told.words.corrected.format(lift=lift, interval=interval, raw=raw))
    if told.report.plan_hash:
        told.screen.line(f"{told.words.plan} {told.report.plan_hash}", style="dim")
