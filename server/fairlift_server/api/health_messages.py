"""Data quality checks as the contract's Health."""

from fairlift.v1 import results_service_pb2 as pb

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.data_quality import DataQuality, HealthStatus, checks

STATUSES = {
    HealthStatus.OK: pb.HEALTH_STATUS_OK,
    HealthStatus.WARNING: pb.HEALTH_STATUS_WARNING,
    HealthStatus.BROKEN: pb.HEALTH_STATUS_BROKEN,
}


def health_to(plan: AnalysisPlan, quality: DataQuality, reader: ReaderLanguage) -> pb.Health:
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
            for check in checks(plan, quality)
        )
    )
