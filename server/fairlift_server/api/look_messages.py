"""A look as the contract's Look."""

from datetime import datetime

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to

from fairlift_server.results.campaign_results import ReportInput
from fairlift_server.results.kept_look import KeptLook


def look_to(
    number: int, time: datetime, kept_look: KeptLook, *, epoch: int, plan_hash: str
) -> pb.Look:
    """The look with its number, counted from 1."""
    look = kept_look.look
    return pb.Look(
        number=number,
        look_time=time_to(time),
        epoch=epoch,
        information=kept_look.plan.information(look.units),
        units=look.units,
        comparisons=(
            pb.Look.LookComparison(
                metric=evidence.metric,
                variant=evidence.arm,
                z=evidence.z,
                boundary=kept_look.boundaries.get((evidence.metric, evidence.arm)),
                lift=evidence.contrast.lift if evidence.contrast.control else None,
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


def verdict_kind_to(kind: str) -> pb.VerdictKind.ValueType:
    """The contract's enum value of a kind such as keep_going."""
    # The contract has no word yet for an end without a decision.
    kind = "stop_futile" if kind == "inconclusive" else kind
    return pb.VerdictKind.Value(f"VERDICT_KIND_{kind.upper()}")
