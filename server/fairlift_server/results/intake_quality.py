"""What the server took in and cannot count yet, and whose clock is wrong, as health checks."""

from dataclasses import dataclass

from fairlift_stats.messages import Message, Number

from fairlift_server.events.caller_clocks import ClockState
from fairlift_server.events.ledger import RefusalReason
from fairlift_server.events.parking import ParkedSummary
from fairlift_server.results.data_quality import HealthCheck, HealthStatus


@dataclass(frozen=True, slots=True)
class IntakeQuality:
    """The state of the intake of events, of all campaigns together.

    Attributes:
        parked: events that wait, or were refused after they had waited.
        corrected: accepted events whose time was corrected for the clock of their sender.
        clocks: what the senders' clocks say about the server's.
    """

    parked: ParkedSummary
    corrected: int
    clocks: ClockState


def intake_checks(intake: IntakeQuality) -> tuple[HealthCheck, ...]:
    """The checks, each with its count."""
    return (_parked(intake.parked), _corrected(intake.corrected), _clocks(intake.clocks))


def _parked(parked: ParkedSummary) -> HealthCheck:
    total = parked.waiting_total
    if not total and not parked.refused:
        message = Message.of("health.parked_none")
        return HealthCheck("parked_events", HealthStatus.OK, message, 0.0)

    def waiting(*reasons: RefusalReason) -> Number:
        return Number(sum(n for (reason, _), n in parked.waiting.items() if reason in reasons))

    for_clock = waiting(RefusalReason.IN_THE_FUTURE)
    for_rate = waiting(RefusalReason.CURRENCY)
    message = Message.counted(
        "health.parked",
        "parked",
        parked=Number(total),
        clock=for_clock,
        rate=for_rate,
        campaign=Number(total - for_clock.value - for_rate.value),
        refused=Number(parked.refused),
    )
    return HealthCheck("parked_events", HealthStatus.WARNING, message, float(total))


def _corrected(corrected: int) -> HealthCheck:
    if corrected:
        message = Message.counted("health.corrected", "corrected", corrected=Number(corrected))
    else:
        message = Message.of("health.corrected_none")
    return HealthCheck("corrected_times", HealthStatus.OK, message, float(corrected))


def _clocks(clocks: ClockState) -> HealthCheck:
    off = clocks.callers - clocks.agreeing
    ahead_s = Number(clocks.ahead_us // 1_000_000, signed=True)
    if clocks.suspects_server:
        message = Message.of(
            "health.clock_server", callers=Number(clocks.same_way), seconds=ahead_s
        )
    elif off:
        message = Message.counted(
            "health.clock_callers",
            "off",
            off=Number(off),
            callers=Number(clocks.callers),
            seconds=ahead_s,
        )
    else:
        message = Message.of("health.clock_ok")
    status = HealthStatus.WARNING if off else HealthStatus.OK
    return HealthCheck("clock", status, message, float(off))
