"""A look as the contract's Look."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to

from fairlift_server.results.campaign_results import ListedLook, ReportInput


def look_to(listed: ListedLook) -> pb.Look:
    """The look with its number, counted from 1."""
    kept_look = listed.kept_look
    look = kept_look.look
    return pb.Look(
        number=listed.number,
        look_time=time_to(listed.time),
        epoch=listed.epoch,
        information=kept_look.plan.information(look.units),
        units=look.units,
        comparisons=(
            pb.Look.LookComparison(
                metric=evidence.metric,
                variant=evidence.arm,
                z=evidence.z,
                boundary=listed.boundaries.get((evidence.metric, evidence.arm)),
                lift=evidence.contrast.lift if evidence.contrast.control > 0 else None,
            )
            for evidence in look.evidence
        ),
        verdict=verdict_kind_to(kept_look.verdict),
        plan_hash=listed.plan_hash,
        day=look.day,
        closing=pb.Closing.Value(f"CLOSING_{(look.closing or 'unspecified').upper()}"),
        arms=(
            pb.Look.LookArm(
                variant=count.arm,
                units=count.units,
                entered_units=kept_look.entered.get(count.arm, 0),
            )
            for count in look.counts
        ),
    )


def numbered_look_to(reading: ReportInput, number: int) -> pb.Look:
    """The look with this number, counted from 1."""
    return look_to(reading.listed_look(number))


def verdict_cause_to(cause: str) -> pb.VerdictCause.ValueType:
    """The contract's enum value of a cause such as guardrail_harm."""
    return pb.VerdictCause.Value(f"VERDICT_CAUSE_{cause.upper()}")


def verdict_kind_to(kind: str) -> pb.VerdictKind.ValueType:
    """The contract's enum value of a kind such as keep_going."""
    return pb.VerdictKind.Value(f"VERDICT_KIND_{kind.upper() or 'UNSPECIFIED'}")
