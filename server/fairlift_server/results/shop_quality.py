"""What the server took in and cannot count, of all campaigns together, as health checks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fairlift_stats.messages import Listed, Message, Number, Verbatim

from fairlift_server.events.caller_clocks import ClockState
from fairlift_server.events.journaled_store import JournalState
from fairlift_server.events.ledger import RefusalReason
from fairlift_server.events.parking import ParkedSummary
from fairlift_server.events.personal_ids import PersonalIds
from fairlift_server.results.health_check import HealthCheck, HealthStatus

_GAPS = "currency_gaps"
_ABOVE = RefusalReason.ABOVE_LIMIT


@dataclass(frozen=True, slots=True)
class IntakeQuality:
    """The state of the intake of events.

    Attributes:
        events: that were accepted so far.
        parked: events that wait, or were refused after they had waited.
        corrected: accepted events whose time was corrected for the clock of their sender.
        clocks: what the senders' clocks say about the server's.
        personal: how many ids look as if they named a person, since the server started.
        journal: what waits in the journal of the server that is asked; None: it has no journal.
    """

    events: int
    parked: ParkedSummary
    corrected: int
    clocks: ClockState
    personal: PersonalIds
    journal: JournalState | None = None


@dataclass(frozen=True, slots=True)
class AmendmentQuality:
    """Refunds and changes of orders.

    Attributes:
        any_came: whether there is one at all.
        contradicting: how many since an epoch began contradict their order, and change nothing.
    """

    any_came: bool
    contradicting: int


def shop_checks(intake: IntakeQuality, amendments: AmendmentQuality) -> tuple[HealthCheck, ...]:
    """The checks that concern the shop as a whole, each with its count."""
    checks = [
        _amendments(amendments),
        _parked(intake),
        *currency_gaps(intake),
        *_above_limits(intake),
        _corrected(intake),
        _clocks(intake.clocks),
        _ids(intake),
    ]
    if intake.journal is not None:
        checks.append(_journal(intake.journal))
    return tuple(replace(check, is_of_shop=True) for check in checks)


def _amendments(amendments: AmendmentQuality) -> HealthCheck:
    contradicting = amendments.contradicting
    if contradicting:
        message = Message.counted(
            "health.amendments", "contradicting", contradicting=Number(contradicting)
        )
        return HealthCheck("amendments", HealthStatus.WARNING, message, float(contradicting))
    if not amendments.any_came:
        message = Message.of("health.amendments_none")
        return HealthCheck("amendments", HealthStatus.NOT_CHECKED, message, 0.0)
    return HealthCheck("amendments", HealthStatus.OK, Message.of("health.amendments_fit"), 0.0)


def _parked(intake: IntakeQuality) -> HealthCheck:
    parked = intake.parked
    # What is above a limit has a check of its own.
    total = parked.waiting_total - _waiting_above(parked)
    if not total and not parked.refused:
        if not intake.events:
            message = Message.of("health.no_events")
            return HealthCheck("parked_events", HealthStatus.NOT_CHECKED, message, 0.0)
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


def _waiting_above(parked: ParkedSummary) -> int:
    return sum(number for (reason, _), number in parked.waiting.items() if reason is _ABOVE)


def _above_limits(intake: IntakeQuality) -> tuple[HealthCheck, ...]:
    above = _waiting_above(intake.parked)
    if not above:
        return ()
    message = Message.counted("health.above_limit", "above", above=Number(above))
    return (HealthCheck("above_limit", HealthStatus.WARNING, message, float(above)),)


def has_currency_gaps(checks: Iterable[HealthCheck]) -> bool:
    """Whether orders wait for an exchange rate, so that sums of money lack them."""
    return any(check.name == _GAPS for check in checks)


def currency_gaps(intake: IntakeQuality) -> tuple[HealthCheck, ...]:
    """Currencies whose orders wait because no rate of their time is known."""
    waiting = {
        currency: number
        for (reason, currency), number in sorted(intake.parked.waiting.items(), key=str)
        if reason is RefusalReason.CURRENCY
    }
    total = sum(waiting.values())
    if not total:
        return ()
    message = Message.counted(
        "health.currency_gaps",
        "gaps",
        gaps=Number(total),
        currencies=Listed(tuple(map(Verbatim, waiting))),
    )
    return (HealthCheck(_GAPS, HealthStatus.WARNING, message, float(total)),)


def _corrected(intake: IntakeQuality) -> HealthCheck:
    status = HealthStatus.OK
    if intake.corrected:
        figures = {"corrected": Number(intake.corrected)}
        message = Message.counted("health.corrected", "corrected", **figures)
    elif intake.events:
        message = Message.of("health.corrected_none")
    else:
        status, message = HealthStatus.NOT_CHECKED, Message.of("health.corrected_unchecked")
    return HealthCheck("corrected_times", status, message, float(intake.corrected))


def _clocks(clocks: ClockState) -> HealthCheck:
    if not clocks.callers:
        message = Message.of("health.clock_unchecked")
        return HealthCheck("clock", HealthStatus.NOT_CHECKED, message, 0.0)
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


def _ids(intake: IntakeQuality) -> HealthCheck:
    personal = intake.personal
    addresses = personal.like_addresses
    if not addresses:
        status = HealthStatus.OK if intake.events else HealthStatus.NOT_CHECKED
        message = Message.of("health.ids_ok" if intake.events else "health.ids_unchecked")
        return HealthCheck("ids", status, message, 0.0)
    key = "health.ids_keyed" if personal.is_keyed else "health.ids_raw"
    message = Message.counted(key, "ids", ids=Number(addresses))
    # A keyed id tells nobody anything: it is only a hint.
    status = HealthStatus.OK if personal.is_keyed else HealthStatus.WARNING
    return HealthCheck("ids", status, message, float(addresses))


def _journal(journal: JournalState) -> HealthCheck:
    if not journal.events:
        return HealthCheck("journal", HealthStatus.OK, Message.of("health.journal_none"), 0.0)
    message = Message.counted(
        "health.journal",
        "journaled",
        journaled=Number(journal.events),
        minutes=Number(journal.age_s // 60),
    )
    return HealthCheck("journal", HealthStatus.WARNING, message, float(journal.events))
