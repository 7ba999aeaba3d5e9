"""A look as the contract's Look."""

from datetime import datetime

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.verdict.look_figures import LookFigures

from fairlift_server.api.metric_messages import interval_to
from fairlift_server.results.report_input import CampaignLook, ReportInput
from fairlift_server.store.campaigns import moment


def look_to(campaign_look: CampaignLook) -> pb.Look:
    """The look with its number, counted from 1."""
    listed = campaign_look.listed
    record, look = listed.record, listed.record.look
    day = datetime.fromisoformat(look.at).date()
    return pb.Look(
        number=listed.number,
        look_time=time_to(campaign_look.time),
        epoch=campaign_look.epoch,
        information=record.plan.information(look.units),
        units=look.units,
        comparisons=map(_comparison, listed.figures),
        verdict=verdict_kind_to(record.verdict),
        plan_hash=campaign_look.plan_hash,
        day=look.day,
        as_of_time=time_to(moment(campaign_look.days.end_of_date_us(day))),
        judges_success=listed.judges_success,
        closing=pb.Closing.Value(f"CLOSING_{(look.closing or 'unspecified').upper()}"),
        hash=listed.hash,
        arms=(
            pb.Look.LookArm(
                variant=count.arm,
                units=count.units,
                entered_units=record.entered.get(count.arm, 0),
            )
            for count in look.counts
        ),
        decides=listed.decides,
    )


def numbered_look_to(reading: ReportInput, number: int) -> pb.Look:
    """The look with this number, counted from 1."""
    return look_to(reading.look(number))


def verdict_cause_to(cause: str) -> pb.VerdictCause.ValueType:
    """The contract's enum value of a cause such as guardrail_harm."""
    return pb.VerdictCause.Value(f"VERDICT_CAUSE_{cause.upper()}")


def verdict_kind_to(kind: str) -> pb.VerdictKind.ValueType:
    """The contract's enum value of a kind such as keep_going."""
    return pb.VerdictKind.Value(f"VERDICT_KIND_{kind.upper() or 'UNSPECIFIED'}")


def _comparison(figures: LookFigures) -> pb.Look.LookComparison:
    """The figures; an interval only where the look drew a line that it holds with."""
    estimate, confidence = figures.estimate, figures.confidence
    lift = None if confidence is None else estimate.lift_interval
    return pb.Look.LookComparison(
        metric=figures.metric,
        variant=figures.arm,
        z=figures.z,
        boundary=figures.line.success,
        harm_boundary=figures.line.harm,
        futility_boundary=figures.line.give_up,
        lift=estimate.lift,
        lift_interval=None if lift is None else interval_to(lift, confidence or 0),
        difference=estimate.value,
        difference_interval=(
            None if confidence is None else interval_to(estimate.interval, confidence)
        ),
    )
