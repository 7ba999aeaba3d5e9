"""The results of a campaign as the contract's Report."""

from collections.abc import Iterator

from fairlift.engine.metric import OrderMeasure
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import UNITS
from fairlift.wire.values import time_to
from fairlift_stats.messages import Day, Message, Number, Verbatim
from fairlift_stats.report.decomposition import Decomposition

from fairlift_server.api.amounts import exceeds_micros, sum_micros
from fairlift_server.api.health_messages import health_to
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.look_messages import numbered_look_to
from fairlift_server.api.metric_messages import (
    WaitingArms,
    guardrail_states,
    interval_to,
    metrics_to,
    sequential_intervals,
)
from fairlift_server.api.segment_messages import segments_to
from fairlift_server.api.verdict_messages import verdict_to
from fairlift_server.events.ledger import MICROS
from fairlift_server.results.analysis_plan import TOTALS, AnalysisPlan
from fairlift_server.results.campaign_results import ReportInput
from fairlift_server.results.data_quality import checks
from fairlift_server.results.kept_look import KeptLook

_FACTORS = {
    "conversion": "conversion_rate",
    "orders per buyer": "orders_per_buyer",
    "average ticket": "average_ticket",
}


def report_to(reading: ReportInput, *, currency: str, language: str) -> pb.Report:
    """The report, with its sentences in the language; before the first look it has no metrics."""
    result, plan, campaign = reading.result, reading.plan, reading.campaign
    reader = ReaderLanguage.of(campaign, language)
    report, confidence = result.report, plan.analysis.confidence
    next_look = reading.next_look_time
    return pb.Report(
        campaign=campaign.name,
        display_name=campaign.title,
        epoch=plan.epoch,
        create_time=time_to(reading.time),
        plan_hash=campaign.lifecycle.plan_hash,
        currency_code=currency,
        verdict=verdict_to(reading, reader),
        totals=_totals(reading),
        metrics=_metrics(reading, reader),
        decompositions=(
            _decomposition(variant, factors, reader.text(factors.message(currency)), confidence)
            for variant, factors in (report.decompositions.items() if report else ())
        ),
        health=health_to(checks(plan, result.quality), reader),
        segments=(
            segment
            for cut in (report.segments if report else ())
            for segment in segments_to(cut, reader, confidence)
        ),
        look=numbered_look_to(reading, len(result.looks)) if result.looks else None,
        next_look_time=None if next_look is None else time_to(next_look),
        notes=map(reader.text, _notes(reading)),
        unit=UNITS.to(campaign.unit),
        late=_late(reading),
    )


def _late(reading: ReportInput) -> pb.LateEvents | None:
    """What came after the newest look; None before the first."""
    result = reading.result
    if not result.looks:
        return None
    return pb.LateEvents(
        look_time=time_to(reading.look_times[-1]),
        exposures=result.late_exposures,
        orders=result.late_orders,
    )


def _totals(reading: ReportInput) -> Iterator[pb.VariantTotals]:
    plan, result = reading.plan, reading.result
    display_names = {variant.id: variant.display_name for variant in reading.campaign.variants}
    for variant, summary in result.live.items():
        total = {measure: summary.sum(plan.column(measure)) for measure in TOTALS}
        yield pb.VariantTotals(
            variant=variant,
            display_name=display_names[variant] or variant,
            control=variant == plan.control,
            units=summary.n,
            buyers=int(total[OrderMeasure.BUYERS]),
            orders=int(total[OrderMeasure.ORDERS]),
            revenue_micros=sum_micros(total[OrderMeasure.REVENUE] * MICROS),
            net_revenue_micros=sum_micros(total[OrderMeasure.NET_REVENUE] * MICROS),
            refunded_orders=int(total[OrderMeasure.REFUNDED_ORDERS]),
            contaminated_units=result.quality.contaminated.get(variant, 0),
        )


def _metrics(reading: ReportInput, reader: ReaderLanguage) -> Iterator[pb.MetricResult]:
    """The planned metrics, and after them the descriptive ones."""
    plan, report, verdict = reading.plan, reading.result.report, reading.result.verdict
    if report is None or verdict is None:
        return
    waiting = _waiting_arms(plan, reading.result.looks[-1])
    if report.tested is not None:
        intervals = sequential_intervals(verdict, reading.result.looks[-1].look.at)
        states = guardrail_states(verdict)
        yield from metrics_to(plan.analysis, report.tested, reader, intervals, states, waiting)
    if plan.descriptive is not None and report.descriptive is not None:
        yield from metrics_to(
            plan.descriptive, report.descriptive, reader, {}, {}, waiting, descriptive=True
        )


def _waiting_arms(plan: AnalysisPlan, last: KeptLook) -> WaitingArms:
    return {
        (arm, metric)
        for metric, window in plan.maturity.items()
        for arm, summary in last.summaries[window].items()
        if last.entered[arm] > 0 and summary.n == 0
    }


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


def _exceed(reading: ReportInput) -> bool:
    """Whether some total of money does not fit into its field."""
    columns = [reading.plan.column(m) for m in (OrderMeasure.REVENUE, OrderMeasure.NET_REVENUE)]
    return any(
        exceeds_micros(summary.sum(column) * MICROS)
        for summary in reading.result.live.values()
        for column in columns
    )


def _notes(reading: ReportInput) -> Iterator[Message]:
    result = reading.result
    for name in result.failures:
        yield Message.of("note.failed", part=Verbatim(name))
    if _exceed(reading):
        yield Message.of("note.beyond_range")
    if not result.looks:
        return
    last = result.looks[-1]
    later = sum(result.quality.units.values()) - sum(last.entered.values())
    if later > 0 and last.look.closing is not None:
        units = {"units": Number(last.look.units), "later": Number(later)}
        yield Message.counted("note.after_end", "later", **units)
    open_units = sum(last.entered.values()) - last.look.units
    if open_units > 0:
        days = Number(last.plan.window_days)
        yield Message.counted("note.left_out", "units", units=Number(open_units), days=days)
    day = Day(last.look.at)
    if result.late_orders:
        orders = Number(result.late_orders)
        yield Message.counted("note.late_orders", "orders", orders=orders, day=day)
    if result.late_exposures:
        exposures = Number(result.late_exposures)
        yield Message.counted("note.late_exposures", "exposures", exposures=exposures, day=day)
