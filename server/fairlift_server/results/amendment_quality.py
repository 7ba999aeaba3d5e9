"""Whether what became of orders fits the orders, as a health check."""

from fairlift_stats.messages import Message, Number

from fairlift_server.results.data_quality import HealthCheck, HealthStatus


def amendment_check(contradicting: int) -> HealthCheck:
    """How many amendments contradict their order, and so change nothing."""
    if not contradicting:
        message = Message.of("health.amendments_fit")
        return HealthCheck("amendments", HealthStatus.OK, message, 0.0)
    message = Message.counted(
        "health.amendments", "contradicting", contradicting=Number(contradicting)
    )
    return HealthCheck("amendments", HealthStatus.WARNING, message, float(contradicting))
