"""Findings as the contract's Report."""

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from fairlift.engine.campaign import Campaign
from fairlift.engine.metric import OrderMeasure
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import UNITS
from fairlift.wire.values import time_to
from fairlift_stats.effects import CannotSay
from fairlift_stats.messages import Message, Number, Verbatim
from fairlift_stats.report.decomposition import Decomposition
from fairlift_stats.report.segment_report import SegmentLift
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import Comparison, Guardrail

from fairlift_server.api.language import Tongue
from fairlift_server.api.metric_messages import (
    MetricWriter,
    interval_to,
    sequential_intervals,
    why_not,
)
from fairlift_server.results import data_quality as health
from fairlift_server.results.analysis_plan import TOTALS, Study
from fairlift_server.results.campaign_results import Finding
from fairlift_server.results.kept_look import LookContent
from fairlift_server.results.look import Vital
from fairlift_server.results.segments import SegmentCut

_MICROS = 1_000_000
_FACTORS = {
    "conversion": "conversion_rate",
    "orders per buyer": "orders_per_buyer",
    "average ticket": "average_ticket",
}
_STATUSES = {
    health.Status.OK: pb.HEALTH_STATUS_OK,
    health.Status.WARNING: pb.HEALTH_STATUS_WARNING,
    health.Status.BROKEN: pb.HEALTH_STATUS_BROKEN,
}


def report_to(finding: Finding, *, currency: str, language: str) -> pb.Report:
    """The whole report."""
    found, study, campaign = finding.found, finding.study, finding.campaign
    tongue = Tongue.of(campaign, language)
    report = pb.Report(
        campaign=campaign.name,
        display_name=campaign.title,
        epoch=study.epoch,
        create_time=time_to(finding.time),
        plan_hash=campaign.lifecycle.plan_hash,
        currency_code=currency,
        verdict=_nobody(tongue),
        totals=_totals(finding),
        health=health_to(study, found.vital, tongue),
        notes=map(tongue.text, _notes(finding)),
        unit=UNITS.to(campaign.unit),
    )
    if found.verdict is None:
        return report
    last = found.looks[-1]
    report.verdict.CopyFrom(_verdict(finding, found.verdict))
    _put_words(report.verdict, found.verdict, tongue)
    report.metrics.extend(_metrics(finding, found.verdict, tongue))
    report.decompositions.extend(
        _decomposition(
            variant, each, tongue.text(each.message(currency)), study.analysis.confidence
        )
        for variant, each in (found.decompositions or {}).items()
    )
    for cut in found.segments:
        report.segments.extend(_segments(cut, tongue, study.analysis.confidence))
    report.look.CopyFrom(_look(finding, -1))
    _put_next_look(report, finding, last)
    return report


def health_to(study: Study, vital: Vital, tongue: Tongue) -> pb.Health:
    """The checks."""
    return pb.Health(
        checks=(
            pb.HealthCheck(
                name=check.name,
                status=_STATUSES[check.status],
                sentence=tongue.text(check.message),
                value=check.value,
                evidence=check.evidence,
            )
            for check in health.checks(study, vital)
        )
    )


def look_to(
    number: int, time: datetime, content: LookContent, *, epoch: int, plan_hash: str
) -> pb.Look:
    """One look."""
    look = content.look
    line = look.line
    primaries = {metric.name for metric in content.plan.primaries}
    return pb.Look(
        number=number,
        look_time=time_to(time),
        epoch=epoch,
        information=look.information or 0.0,
        units=look.units,
        comparisons=(
            pb.Look.LookComparison(
                metric=evidence.metric,
                variant=evidence.arm,
                z=evidence.z,
                boundary=line.success if line and evidence.metric in primaries else None,
                lift=evidence.estimate / evidence.control if evidence.control else None,
            )
            for evidence in look.evidence
        ),
        verdict=_kind(content.verdict),
        plan_hash=plan_hash,
    )


def _look(finding: Finding, index: int) -> pb.Look:
    looks, epoch = finding.found.looks, finding.study.epoch
    return look_to(
        range(1, len(looks) + 1)[index],
        finding.look_times[index],
        looks[index],
        epoch=epoch,
        plan_hash=finding.campaign.lifecycle.plan_hash,
    )


def _kind(kind: str) -> pb.VerdictKind.ValueType:
    return pb.VerdictKind.Value(f"VERDICT_KIND_{kind.upper()}")


def _nobody(tongue: Tongue) -> pb.Verdict:
    return pb.Verdict(
        kind=pb.VERDICT_KIND_KEEP_GOING,
        sentence=tongue.text(Message.of("verdict.nobody")),
        action=tongue.text(Message.of("action.check_exposures")),
        reason_codes=["no_units"],
    )


def _verdict(finding: Finding, verdict: Verdict) -> pb.Verdict:
    facts, looks = verdict.facts, finding.found.looks
    message = pb.Verdict(
        kind=_kind(verdict.kind),
        variant=verdict.variant or "",
        metric=verdict.metric or "",
        evidence=max(c.meter for c in facts.comparisons if verdict.variant in (None, c.arm)),
        reason_codes=[verdict.cause, *(_code(reason) for reason in verdict.reasons)],
        decision_days=_decision_days(verdict, looks[-1]),
    )
    told = _told(verdict)
    if told is not None:
        _put_lift(message, told, facts.confidence)
    if isinstance(told, Comparison) and told.crossed_look is not None:
        message.deciding_look.CopyFrom(_look(finding, told.crossed_look - 1))
    return message


def _told(verdict: Verdict) -> Comparison | Guardrail | None:
    """What the verdict rests on, where it speaks of one variant."""
    asked = (verdict.variant, verdict.metric)
    found: list[Comparison | Guardrail] = [*verdict.facts.comparisons, *verdict.facts.guardrails]
    return next((each for each in found if (each.arm, each.metric) == asked), None)


def _put_words(message: pb.Verdict, verdict: Verdict, tongue: Tongue) -> None:
    message.sentence = tongue.text(verdict.headline)
    message.action = tongue.text(verdict.action)
    message.reasons.extend(map(tongue.text, verdict.reasons))


def _put_lift(message: pb.Verdict, told: Comparison | Guardrail, confidence: float) -> None:
    corrected = told.corrected if isinstance(told, Comparison) else None
    best = corrected or told.raw
    if best is not None and best.lift is not None:
        message.lift = best.lift
        if best.lift_interval is not None:
            message.lift_interval.CopyFrom(interval_to(best.lift_interval, confidence))
    if told.raw is not None and told.raw.lift is not None:
        message.raw_lift = told.raw.lift


def _code(message: Message) -> str:
    return message.key.rpartition(".")[2]


def _decision_days(verdict: Verdict, last: LookContent) -> list[float]:
    outlook = verdict.facts.outlook
    if outlook is None:
        return []
    looked = datetime.fromisoformat(last.look.at).date()
    days = []
    for day in outlook.days:
        if day is None:  # beyond the end of the plan, and so are the later ones
            break
        days.append(float((date.fromisoformat(day) - looked).days))
    return days


def _totals(finding: Finding) -> list[pb.VariantTotals]:
    study, found = finding.study, finding.found
    titles = {variant.id: variant.display_name for variant in finding.campaign.variants}
    totals = []
    for arm, summary in found.live.items():
        total = {measure: summary.sum(study.column(measure)) for measure in TOTALS}
        totals.append(
            pb.VariantTotals(
                variant=arm,
                display_name=titles[arm] or arm,
                control=arm == study.control,
                units=summary.n,
                buyers=int(total[OrderMeasure.BUYERS]),
                orders=int(total[OrderMeasure.ORDERS]),
                revenue_micros=round(total[OrderMeasure.REVENUE] * _MICROS),
                net_revenue_micros=round(total[OrderMeasure.NET_REVENUE] * _MICROS),
                refunded_orders=int(total[OrderMeasure.REFUNDED_ORDERS]),
                contaminated_units=found.vital.contaminated.get(arm, 0),
            )
        )
    return totals


def _metrics(finding: Finding, verdict: Verdict, tongue: Tongue) -> list[pb.MetricResult]:
    study, found = finding.study, finding.found
    assert found.report is not None, "there is a verdict, so there is a report"
    writer = MetricWriter(study.plan, tongue)
    metrics = writer.written(study.analysis, found.report, sequential_intervals(verdict))
    if study.described is not None and found.described is not None:
        metrics += writer.written(study.described, found.described, {}, described=True)
    return metrics


def _decomposition(
    variant: str, decomposition: Decomposition, sentence: str, confidence: float
) -> pb.Decomposition:
    return pb.Decomposition(
        variant=variant,
        difference=decomposition.change,
        sentence=sentence,
        factors=(
            pb.Decomposition.Factor(
                metric=_FACTORS[factor.name],
                lift=factor.lift,
                lift_interval=interval_to(factor.interval, confidence),
                contribution=factor.money,
            )
            for factor in decomposition.factors
        ),
    )


def _segments(cut: SegmentCut, tongue: Tongue, confidence: float) -> Iterator[pb.SegmentResult]:
    """One result for each treatment."""
    for family in cut.families:
        heterogeneity = family.heterogeneity
        yield pb.SegmentResult(
            attribute=cut.attribute,
            metric=family.metric,
            heterogeneity_p_value=None if heterogeneity is None else heterogeneity.p_value,
            segments=(
                *(
                    _segment(family.variant, lift, tongue.text(lift.message), confidence)
                    for lift in family.segments
                ),
                *(
                    pb.SegmentResult.Segment(
                        value=label,
                        variant=family.variant,
                        units=cut.units[label, family.variant],
                        sentence=tongue.text(_left_out(label, why)),
                    )
                    for label, why in family.left_out.items()
                ),
            ),
        )


def _left_out(segment: str, why: CannotSay) -> Message:
    return Message.of("segment.left_out", segment=Verbatim(segment), why=why_not(why.reason))


def _segment(
    variant: str, lift: SegmentLift, sentence: str, confidence: float
) -> pb.SegmentResult.Segment:
    return pb.SegmentResult.Segment(
        value=lift.segment,
        variant=variant,
        units=lift.n,
        raw_lift=lift.raw,
        raw_lift_interval=interval_to(lift.raw_interval, confidence),
        lift=lift.lift,
        lift_interval=interval_to(lift.interval, confidence),
        sentence=sentence,
    )


def _notes(finding: Finding) -> list[Message]:
    found = finding.found
    notes: list[Message] = []
    if found.looks:
        last = found.looks[-1]
        ahead = sum(found.vital.units.values()) - last.look.units
        if ahead > 0 and last.plan.is_last(last.look.information or 0, last.look.day):
            figures = {"units": Number(last.look.units), "later": Number(ahead)}
            notes.append(Message.counted("note.after_end", "later", **figures))
    return notes


def _put_next_look(report: pb.Report, finding: Finding, last: LookContent) -> None:
    plan, information = last.plan, last.look.information or 0.0
    vital = finding.found.vital
    if plan.is_last(information, max(last.look.day, vital.day)):
        return
    due = math.ceil((information + plan.minimum_step) * plan.n_max)
    due = min(due, plan.n_max) if plan.ends else due
    report.next_look_units = due
    units = sum(vital.units.values())
    if vital.day and units and _is_running(finding.campaign):
        days = (due - units) * vital.day / units
        if plan.maximum_days is not None:
            days = min(days, plan.maximum_days - vital.day)
        if days < 3_650:
            at = finding.time + timedelta(days=max(0.0, days))
            report.next_look_time.CopyFrom(time_to(at))


def _is_running(campaign: Campaign) -> bool:
    return campaign.lifecycle.stop_time is None
