"""The results of a campaign as the contract's Report."""

from collections.abc import Collection, Iterable, Iterator

from fairlift.engine.metric import OrderMeasure
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import UNITS
from fairlift.wire.values import time_to
from fairlift_stats.messages import (
    Day,
    Figure,
    Message,
    Number,
    Percent,
    VariantName,
    Verbatim,
)
from fairlift_stats.report.decomposition import Decomposition
from fairlift_stats.verdict.facts import AlarmStanding

from fairlift_server.analysis.ledger_query import CouponCount, LateCounts
from fairlift_server.api.amounts import exceeds_micros, sum_micros
from fairlift_server.api.channel_messages import channels_to
from fairlift_server.api.forecast_messages import forecast_to
from fairlift_server.api.funnel_messages import funnel_steps
from fairlift_server.api.health_messages import health_to
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.look_messages import numbered_look_to
from fairlift_server.api.metric_messages import (
    MetricState,
    WaitingArms,
    guardrail_states,
    interval_to,
    metrics_to,
    sequential_intervals,
)
from fairlift_server.api.segment_messages import segments_to
from fairlift_server.api.verdict_messages import verdict_input, verdict_to
from fairlift_server.api.weekly_worth_messages import weekly_worth_to
from fairlift_server.events.ledger import MICROS
from fairlift_server.results.analysis_plan import TOTALS, AnalysisPlan
from fairlift_server.results.current_verdict import current_verdict
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.health_check import HealthCheck
from fairlift_server.results.live_figures import DayCount
from fairlift_server.results.report_input import ReportInput
from fairlift_server.results.report_line import forecast_of
from fairlift_server.results.shop_quality import has_currency_gaps

_FACTORS = {
    "conversion": "conversion_rate",
    "orders per buyer": "orders_per_buyer",
    "average ticket": "average_ticket",
}


def report_to(
    reading: ReportInput, checks: Collection[HealthCheck], *, currency: str, language: str
) -> pb.Report:
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
        health=health_to(checks, reader),
        segments=(
            segment
            for cut in (report.segments if report else ())
            for segment in segments_to(cut, reader, confidence)
        ),
        look=numbered_look_to(reading, len(result.looks)) if result.looks else None,
        next_look_time=None if next_look is None else time_to(next_look),
        notes=map(reader.text, _notes(reading)),
        unit=UNITS.to(campaign.unit),
        replayed=reading.days.is_replayed,
        days=map(_day, result.live.days),
        late=_late(reading),
        coupons=map(_coupon, result.live.coupons),
        time_zone=campaign.time_zone,
        channels=channels_to(result.live.channels, campaign, reader),
        worths=(
            weekly_worth_to(
                worth,
                campaign,
                reading.days,
                reader,
                currency=currency,
                has_currency_gaps=has_currency_gaps(checks),
            )
            for worth in result.worths
        ),
        forecast=_forecast(reading, reader),
    )


def _forecast(reading: ReportInput, reader: ReaderLanguage) -> pb.Forecast | None:
    verdict = reading.result.verdict
    forecast = None if verdict is None else forecast_of(verdict)
    if forecast is None or not current_verdict(verdict_input(reading)).is_open:
        return None
    return forecast_to(forecast, reader)


def _late(reading: ReportInput) -> pb.LateEvents | None:
    """What came after the newest look; None before the first."""
    result = reading.result
    if not result.looks:
        return None
    return pb.LateEvents(
        look_time=time_to(reading.look_times[-1]),
        exposures=result.late.exposures,
        orders=result.late.orders,
        amendments=result.late.amendments,
        actions=result.late.actions,
    )


def _totals(reading: ReportInput) -> Iterator[pb.VariantTotals]:
    plan, result = reading.plan, reading.result
    display_names = {variant.id: variant.display_name for variant in reading.campaign.variants}
    for variant, summary in result.live.totals.items():
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
            mature_units=result.live.mature[variant],
        )


def _day(count: DayCount) -> pb.DailyCounts:
    return pb.DailyCounts(
        date=count.date.isoformat(),
        variant=count.variant,
        entered_units=count.entered,
        orders=count.orders,
        revenue_micros=sum_micros(count.revenue_micros),
    )


def _coupon(count: CouponCount) -> pb.CouponUse:
    return pb.CouponUse(
        variant=count.variant,
        coupon=count.coupon,
        orders=count.orders,
        discount_micros=sum_micros(count.discount_micros),
    )


def _metrics(reading: ReportInput, reader: ReaderLanguage) -> Iterator[pb.MetricResult]:
    """The planned metrics, and after them the descriptive ones."""
    plan, result, report = reading.plan, reading.result, reading.result.report
    last, verdict = (result.looks[-1] if result.looks else None), result.verdict
    state = MetricState(
        live=None if last is not None and last.look.closing is not None else result.live,
        failures=result.failures,
        intervals={}
        if verdict is None or last is None
        else sequential_intervals(verdict, last.look.at),
        guardrails={} if verdict is None else guardrail_states(verdict),
        waiting=set() if last is None else _waiting_arms(plan, last),
        steps={} if last is None else funnel_steps(plan, last),
        worths={} if report is None else report.worths,
        unknown_worths={}
        if report is None
        else {
            metric: columns.action
            for metric, columns in plan.worths.items()
            if metric not in report.worths
        },
        unseen=result.live.unseen,
        currency=plan.sequential.currency,
    )
    tested = None if report is None else report.tested
    yield from metrics_to(plan.analysis, tested, plan.arms, reader, state)
    if plan.descriptive is not None:
        described = None if report is None else report.descriptive
        yield from metrics_to(
            plan.descriptive, described, plan.arms, reader, state, descriptive=True
        )


def _waiting_arms(plan: AnalysisPlan, last: FrozenLook) -> WaitingArms:
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
        for summary in reading.result.live.totals.values()
        for column in columns
    )


def _notes(reading: ReportInput) -> Iterator[Message]:
    result, plan = reading.result, reading.plan
    if reading.days.is_replayed:
        yield Message.of("note.replayed")
    for name in result.failures:
        # A metric that failed says so in its own row.
        if name not in plan.maturity:
            yield Message.of("note.failed", part=Verbatim(name))
    if _exceed(reading):
        yield Message.of("note.beyond_range")
    if result.looks:
        yield from _entry_over(reading)
        yield from _uncounted(reading)
        yield from _late_notes(result.late, Day(result.looks[-1].look.at))
    if result.verdict is not None:
        yield from _alarm_notes(plan.control, result.verdict.facts.alarms)


def _entry_over(reading: ReportInput) -> Iterator[Message]:
    """That new units are not analysed any more, while the windows of the last ones are open."""
    last, line = reading.result.looks[-1].look, reading.result.line
    if last.closing is not None or line is None or not line.last_day:
        return
    day = reading.days.nth(line.last_day)
    if day is not None:
        yield Message.of("note.entry_over", day=Day(day.date.isoformat()))


def _alarm_notes(control: str, alarms: Iterable[AlarmStanding]) -> Iterator[Message]:
    """How the built-in conversion alarm stands, by treatment; nothing before it can say."""
    for alarm in alarms:
        if min(alarm.units) == 0:
            continue
        usual, rate = (
            Percent(buyers / units, 2)
            for buyers, units in zip(alarm.converters, alarm.units, strict=True)
        )
        figures: dict[str, Figure] = {
            "variant": VariantName(alarm.arm),
            "control": VariantName(control),
            "rate": rate,
            "usual": usual,
        }
        if alarm.raised_at is None:
            yield Message.of("note.alarm_quiet", **figures)
        else:
            yield Message.of("note.alarm_raised", day=Day(alarm.raised_at), **figures)


def _uncounted(reading: ReportInput) -> Iterator[Message]:
    """Who is in the totals and not in the newest look."""
    last = reading.result.looks[-1]
    units = Number(last.look.units)
    if last.look.closing is not None:
        later = sum(reading.result.quality.units.values()) - last.look.units
        if later > 0:
            yield Message.counted("note.after_end", "later", units=units, later=Number(later))
        return
    open_units = sum(last.entered.values()) - last.look.units
    days = last.plan.window_days
    if open_units > 0:
        window = Message.of("note.visit")
        if days:
            window = Message.counted("note.days", "days", days=Number(days))
        yield Message.counted("note.left_out", "units", units=Number(open_units), window=window)
    # What is left of the totals, so that the account adds up.
    totals = reading.result.live.totals.values()
    later = sum(summary.n for summary in totals) - sum(last.entered.values())
    if later > 0:
        yield Message.counted(
            "note.came_after", "later", later=Number(later), day=Day(last.look.at)
        )


def _late_notes(late: LateCounts, day: Day) -> Iterator[Message]:
    for kind, count in (
        ("orders", late.orders),
        ("exposures", late.exposures),
        ("amendments", late.amendments),
        ("actions", late.actions),
    ):
        if count:
            figures: dict[str, Figure] = {kind: Number(count), "day": day}
            yield Message.counted(f"note.late_{kind}", kind, **figures)
