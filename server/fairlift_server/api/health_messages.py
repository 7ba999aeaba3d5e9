"""Data quality checks as the contract's Health."""

from collections.abc import Iterable
from uuid import UUID

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.messages import Message

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.results.data_quality import HealthCheck, HealthStatus
from fairlift_server.store.amendments import IdleAmendment

STATUSES = {
    HealthStatus.OK: pb.HEALTH_STATUS_OK,
    HealthStatus.WARNING: pb.HEALTH_STATUS_WARNING,
    HealthStatus.BROKEN: pb.HEALTH_STATUS_BROKEN,
}


def health_to(checks: Iterable[HealthCheck], reader: ReaderLanguage) -> pb.Health:
    """All checks, with their sentences in the reader's language."""
    return pb.Health(
        checks=(
            pb.HealthCheck(
                name=check.name,
                status=STATUSES[check.status],
                sentence=reader.text(check.message),
                value=check.value,
                evidence=check.evidence,
            )
            for check in checks
        )
    )


def idle_amendment_to(amendment: IdleAmendment, reader: ReaderLanguage) -> pb.IdleAmendment:
    """An amendment that changes nothing, and why; what contradicts is told as when it came in."""
    return pb.IdleAmendment(
        order_id=amendment.order_id,
        kind=amendment.kind,
        event_time=time_to(amendment.time),
        event_id=str(UUID(amendment.event_id)),
        sentence=amendment.problem or reader.text(Message.of("health.amendment_waits")),
    )
