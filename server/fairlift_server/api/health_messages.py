"""Data quality checks as the contract's Health."""

from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.messages import Amount, Day, Figure, Message, Number, Percent, Verbatim
from fairlift_stats.methods.imbalance import ImbalanceCause

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.events.ledger import MICROS, AmendmentConflict
from fairlift_server.results.health_check import HealthCheck, HealthStatus
from fairlift_server.store.amendments import IdleAmendment

STATUSES = {
    HealthStatus.NOT_CHECKED: pb.HEALTH_STATUS_NOT_CHECKED,
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
                shop_wide=check.is_of_shop,
                causes=(_cause(cause, reader) for cause in check.causes),
            )
            for check in checks
        )
    )


def _cause(cause: ImbalanceCause, reader: ReaderLanguage) -> pb.ImbalanceCause:
    is_time = cause.attribute in ("day", "hour")
    attribute: Figure = Verbatim(cause.attribute)
    if is_time:
        attribute = Message.of(f"health.cause_{cause.attribute}")
    value = Day(cause.value) if cause.attribute == "day" else Verbatim(cause.value)
    sentence = Message.of(
        "health.cause",
        attribute=attribute,
        value=value,
        units=Number(cause.units),
        explained=Percent(cause.explained, 0),
    )
    return pb.ImbalanceCause(
        attribute=cause.attribute,
        value=cause.value,
        units=cause.units,
        explained=cause.explained,
        sentence=reader.text(sentence),
    )


def idle_amendment_to(
    amendment: IdleAmendment, reader: ReaderLanguage, *, some_wait: bool
) -> pb.IdleAmendment:
    """An amendment that changes nothing, and why; `some_wait`: there are parked events."""
    return pb.IdleAmendment(
        order_id=amendment.order_id,
        kind=amendment.kind,
        event_time=time_to(amendment.time),
        event_id=str(UUID(amendment.event_id)),
        sentence=reader.text(_why_idle(amendment.conflict, some_wait=some_wait)),
    )


def _why_idle(conflict: AmendmentConflict | None, *, some_wait: bool) -> Message:
    if conflict is None:
        # Its order may be parked itself: what is parked has no order id of its own.
        return Message.of(f"health.amendment_{'waits_or_parked' if some_wait else 'waits'}")
    kind, found, allowed, currency, order_currency = conflict
    key = f"health.amendment_{kind}"
    match kind:
        case "ticket" | "cost":
            total, limit = Amount(found / MICROS, currency), Amount(allowed / MICROS, currency)
            return Message.of(key, found=total, allowed=limit)
        case "items":
            return Message.of(key, found=Number(found), allowed=Number(allowed))
        case "currency":
            return Message.of(key, found=Verbatim(currency), allowed=Verbatim(order_currency))
        case "no_rate" | "too_large":
            return Message.of(key, found=Verbatim(currency))
        case _:
            assert_never(kind)
