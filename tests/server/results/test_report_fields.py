"""Every field of the contract's results is set by some report: none stays empty for ever."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event
from fairlift.wire.values import time_to
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tests.server import shop
from tests.server.client import Caller, running
from tests.server.crowds import NAME, START, send

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# Fields that no report of a sound campaign sets.
EXCEPTIONS = {
    # A server has no name yet: a request that names an environment is refused.
    "Report.environment",
    # What fails must be made to fail; test_metric_messages.py does.
    "MetricResult.error",
    # A campaign is advised to give up or ships; test_verdict_messages.py has both in turn.
    "Verdict.advised_time",
    # What cannot be said; test_worth_and_forecast.py has reasons of each.
    "Forecast.no_forecast_reason",
    "Worth.no_worth_reason",
    # A split that is off; test_quality_signs.py has one.
    "HealthCheck.causes",
    *(f"ImbalanceCause.{field.name}" for field in pb.ImbalanceCause.DESCRIPTOR.fields),
    # Of streams that were asked for it; test_leaving_callers.py has one.
    "Report.progress",
    *(f"ReportProgress.{field.name}" for field in pb.ReportProgress.DESCRIPTOR.fields),
    # GetHealth lists them, a report does not; tests of the ledger have them.
    "Health.amendments",
    *(f"IdleAmendment.{field.name}" for field in pb.IdleAmendment.DESCRIPTOR.fields),
}


def rich() -> Campaign:
    """A guardrail of each kind, a funnel, segments, a covariate, and coupons."""
    campaign = shop.campaign(
        metric="conversion_rate",
        planned_units=8_400,
        maximum_days=21,
        segments=["country"],
        covariate_days=14,
    )
    campaign.display_name = "Free shipping"
    campaign.plan.secondary.add(metric="checkout")
    for name in ("revenue_per_visitor", "retention_d7_14", "micro_value(view)"):
        campaign.plan.secondary.add(metric=name)
    campaign.plan.guardrails.add(metric="average_ticket", margin=0.2)
    campaign.plan.guardrails.add(metric="cost", absolute_margin=5.0)
    campaign.plan.micro_values.add(action="view").calibrated.SetInParent()
    funnel = campaign.plan.metrics.add(name="checkout")
    funnel.funnel.steps.add().action.name = "view"
    funnel.funnel.steps.add().order = plan_pb2.ORDER_MEASURE_ORDERS
    cost = campaign.plan.metrics.add(name="cost", direction="DIRECTION_LOWER")
    cost.mean.of.order = plan_pb2.ORDER_MEASURE_DISCOUNT
    return campaign


def day_of(day: int, *, each: int = 200) -> Iterator[Event]:
    """One campaign day: more of the treatment's units buy, with a coupon; some refund."""
    for arm, buyers in (("control", 30), ("free", 60)):
        for number in range(each):
            unit, country = f"{arm}-{day}-{number}", ("ES", "RO")[number % 2]
            at = START + (day - 1) * DAY + DAY * ((number + 0.5) / each)
            yield shop.exposure(unit, arm, at=at, country=country)
            if number % 2 == 0:
                yield shop.action(unit, "view", at=at)
            if number < buyers:
                price, later = 20.0 + number % 7, at + timedelta(minutes=1)
                goods = shop.line(price)
                coupon = {"coupon": "Ten", "discount": 1.0} if number % 3 == 0 else {}
                order = shop.order(unit, f"o-{unit}", goods, at=later, **coupon)  # type: ignore[arg-type]
                order.order.channel = "email"
                yield order
            if number == 0:
                yield shop.refund(f"o-{unit}", 5.0, at=at + timedelta(minutes=2))
    # One that met both variants.
    yield shop.exposure(f"both-{day}", "control", at=START + (day - 1) * DAY)
    yield shop.exposure(f"both-{day}", "free", at=START + (day - 1) * DAY + HOUR)


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with running(tmp_path) as caller:
        yield caller


async def start_in_the_past(caller: Caller, campaign: Campaign) -> None:
    caller.clock.set(START + HOUR)
    create = service.CreateCampaignRequest(campaign=campaign)
    await caller.campaigns.CreateCampaign(create)
    begin = service.StartCampaignRequest(name=NAME, start_time=time_to(START))
    await caller.campaigns.StartCampaign(begin)


async def read(caller: Caller) -> pb.Report:
    return await caller.results.GetResults(pb.GetResultsRequest(name=NAME), timeout=300)


def fields_of(descriptor: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """Every field below a message, each once."""
    if descriptor.full_name in seen or not descriptor.full_name.startswith("fairlift."):
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        yield field
        if field.message_type is not None:
            yield from fields_of(field.message_type, seen)


def set_fields(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        yield field.full_name
        if field.message_type is None or not field.message_type.full_name.startswith("fairlift."):
            continue
        for part in value if field.is_repeated else [value]:
            yield from set_fields(part)


def short(full_name: str) -> str:
    return full_name.removeprefix("fairlift.v1.")


async def test_every_field_of_a_report_is_set_by_a_rich_campaign(caller: Caller) -> None:
    await start_in_the_past(caller, rich())
    caller.clock.set(START + DAY)
    cost = shop.cost(100, campaign=NAME, channel="email")
    cost.event_time.FromDatetime(START + HOUR)
    await send(caller, iter([*day_of(1), cost]))
    first = await read(caller)
    for day in range(2, 10):
        caller.clock.set(START + day * DAY)
        await send(caller, day_of(day))
    caller.clock.set(START + 9 * DAY + 3 * HOUR)
    going = await read(caller)
    caller.clock.set(START + 10 * DAY)
    await send(caller, day_of(10))
    caller.clock.set(START + 10 * DAY + 3 * HOUR)
    judged = await read(caller)
    for day in (11, 12):
        caller.clock.set(START + day * DAY)
        await send(caller, day_of(day))
    caller.clock.set(START + 12 * DAY + 3 * HOUR)
    decided = await read(caller)
    late = [
        shop.action("control-3-1", "view", at=START + 3 * DAY),
        shop.order("control-3-151", "late", at=START + 3 * DAY),
        shop.refund("o-control-4-1", 5, at=START + 4 * DAY),
        shop.exposure("late", "free", at=START + 5 * DAY, country="ES"),
    ]
    await send(caller, iter(late))
    after = await read(caller)
    await caller.campaigns.StopCampaign(service.StopCampaignRequest(name=NAME))
    caller.clock.set(START + 20 * DAY)
    ended = await read(caller)

    assert first.metrics[0].arms[0].provisional_estimate > 0
    assert not first.HasField("look")
    reports = (first, going, judged, decided, after, ended)
    found = {short(name) for report in reports for name in set_fields(report)}
    known = {short(field.full_name) for field in fields_of(pb.Report.DESCRIPTOR, set())}
    assert sorted(known - found) == sorted(EXCEPTIONS)
    check_counts(decided)
    check_looks(decided)
    assert decided.replayed
    assert "Replayed: the plan was sealed after the data." in decided.notes
    assert (after.late.orders, after.late.exposures) == (1, 1)
    assert (after.late.amendments, after.late.actions) == (1, 1)


def check_counts(report: pb.Report) -> None:
    """Twelve days with 200 units an arm, worked out by hand."""
    control, free = report.totals
    # Three hours after the end of day 12 the units of the first nine days are mature, with those
    # of the first three hours of day 10: 25 of 200 a day.
    assert (control.units, control.mature_units) == (2_400, 1_825)
    by_variant = {"control": control, "free": free}
    assert len(report.days) == 2 * 12
    assert report.days[0].date == START.date().isoformat()
    for variant, totals in by_variant.items():
        days = [day for day in report.days if day.variant == variant]
        assert [day.entered_units for day in days] == [200] * 12
        assert sum(day.orders for day in days) == totals.orders
        assert sum(day.revenue_micros for day in days) == totals.revenue_micros
    # Every third of the buyers of a day: 10 and 20, with 1.00 off each.
    assert [(use.variant, use.coupon, use.orders) for use in report.coupons] == [
        ("control", "TEN", 120), ("free", "TEN", 240),
    ]  # fmt: skip
    assert [use.discount_micros // shop.EURO for use in report.coupons] == [120, 240]
    conversion = next(m for m in report.metrics if m.metric == "conversion_rate")
    arm = conversion.arms[0]
    assert (arm.units, arm.immature_units) == (1_800, 575)
    assert arm.provisional_estimate == pytest.approx(0.15)


def check_looks(report: pb.Report) -> None:
    """The look that decided, beside its lines."""
    deciding = report.verdict.deciding_look
    assert (deciding.day, deciding.judges_success) == (10, True)
    assert report.look.as_of_time.ToDatetime(START.tzinfo) == START + 12 * DAY
    assert report.verdict.decided_time == deciding.as_of_time
    assert len(deciding.hash) == 64
    primary = deciding.comparisons[0]
    assert primary.z > primary.boundary > primary.futility_boundary
    assert primary.harm_boundary < 0
    assert primary.lift == report.verdict.raw_lift
    assert primary.lift_interval.lower < primary.lift < primary.lift_interval.upper
    assert primary.difference == pytest.approx(0.15)
    assert not report.look.judges_success
    assert not report.look.comparisons[0].HasField("lift_interval")
