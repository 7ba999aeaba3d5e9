"""A look as the contract's Look."""

from datetime import datetime

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to

from fairlift_server.results.campaign_results import ReportInput
from fairlift_server.results.kept_look import KeptLook

# A success that waits for its week, and is not judged before.
_CAUSES = {"hold": "not_yet_judged"}


def look_to(
    number: int, time: datetime, kept_look: KeptLook, *, epoch: int, plan_hash: str
) -> pb.Look:
    """The look with its number, counted from 1."""
    look = kept_look.look
    line = look.line
    primaries = {metric.name for metric in kept_look.plan.primaries}
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
        verdict=verdict_kind_to(kept_look.verdict),
        plan_hash=plan_hash,
    )


def numbered_look_to(reading: ReportInput, number: int) -> pb.Look:
    """The look with this number, counted from 1."""
    return look_to(
        number,
        reading.look_times[number - 1],
        reading.result.looks[number - 1],
        epoch=reading.plan.epoch,
        plan_hash=reading.campaign.lifecycle.plan_hash,
    )


def verdict_cause_to(cause: str) -> pb.VerdictCause.ValueType:
    """The contract's enum value of a cause such as guardrail_harm."""
    return pb.VerdictCause.Value(f"VERDICT_CAUSE_{_CAUSES.get(cause, cause).upper()}")


def verdict_kind_to(kind: str) -> pb.VerdictKind.ValueType:
    """The contract's enum value of a kind such as keep_going."""
    return pb.VerdictKind.Value(f"VERDICT_KIND_{kind.upper()}")
