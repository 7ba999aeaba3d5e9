"""Builds ledger entries from event messages, with every check that needs no database.

The checks are written by hand because they run for every event: about 10 µs each.
"""

import re
from collections.abc import Callable
from typing import Any

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import (
    EventRefusal,
    campaign_id_from,
    checked_amount,
    checked_currency,
    checked_text,
    digest,
    event_content,
    event_id_from,
    invalid,
    microseconds_of,
    shortened,
    unknown_campaign,
)
from fairlift_server.api.exposure_entries import ExposureReader
from fairlift_server.api.order_entries import amendment_entry, order_entry
from fairlift_server.api.unit_fields import hide_in_attributes, order_in, units_in
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    CostEntry,
    Event,
    IdentityEntry,
    LedgerEntry,
    OrderEntry,
    RateEntry,
    RefusalReason,
    RefusedEvent,
    new_tuple,
)
from fairlift_server.events.parking import DAY_US, MAX_AHEAD_US, THE_CLOCK, WaitingEvent

_ACTION = re.compile("[a-z][a-z0-9_]{0,62}")
# Answers to "how likely are you to recommend us?", of which the metric of that name is made.
_NPS = "nps"
_SCORES = frozenset(range(11))


class EventReader:
    """Reads the events of one call, checked against the campaigns as they are at its start.

    Args:
        live: the campaigns.
        now_us: the server's clock.
        history_days: how far back events are taken.
        parked_days: how far ahead they are taken, to wait.
        currency: the shop's.
        shift_us: what is added to the events' times, for the caller's clock.
        sent_us: when the call was sent, corrected; None where the caller did not say.
        is_relayed: the sender passes on what browsers say.
    """

    def __init__(
        self,
        live: LiveCampaigns,
        *,
        now_us: int,
        history_days: int,
        parked_days: int,
        currency: str,
        shift_us: int = 0,
        sent_us: int | None = None,
        is_relayed: bool = False,
    ) -> None:
        self._live = live
        self._now_us = now_us
        self._oldest_us = now_us - history_days * DAY_US
        self._history_days = history_days
        self._parked_days = parked_days
        self._currency = currency
        self._shift_us = shift_us
        self._sent_us = sent_us
        self._is_relayed = is_relayed
        self._exposures = ExposureReader(live, now_us)
        # Of the exposure that is being read.
        self._raw = ""

    def read(
        self, message: pb.Event, raw_unit: str = "", content: bytes = b""
    ) -> Event | WaitingEvent | RefusedEvent:
        """The event, ready to store or to wait, or the first rule that it breaks.

        Args:
            message: with its ids as they are stored.
            raw_unit: the raw id of an exposure's unit, which attributes may repeat.
            content: of `contents_of`, where it was made for all events of the call.
        """
        self._raw = raw_unit
        try:
            kind = message.WhichOneof("kind")
            if kind is None:
                kinds = ", ".join(("exposure", *_READ_BY_KIND))
                raise EventRefusal(
                    RefusalReason.INVALID, "", f"contains no event; set one of {kinds}"
                )
            id_text = message.event_id
            event_id = event_id_from(id_text)
            time_us = self._time_us(message)
        except EventRefusal as refusal:
            return refusal.event
        ahead = None if time_us <= self._now_us else self._ahead(time_us)
        try:
            counted_us = time_us if time_us <= self._now_us else self._now_us
            entry: LedgerEntry
            if kind == "exposure":  # as most are
                entry = self._exposures.entry(event_id, counted_us, message.exposure, raw_unit)
            else:
                entry = _READ_BY_KIND[kind](self, event_id, counted_us, getattr(message, kind))
        except EventRefusal as refusal:
            return self._waiting(message, event_id, time_us, refusal.event, ahead)
        if ahead is not None:
            return self._waiting(message, event_id, time_us, ahead, None)
        if not content or id_text.lower() != id_text:
            content = event_content(message)
        if raw_unit and raw_unit.encode() in content:
            content = self._content(message)
        fields = (event_id, digest(content), entry, content, self._shift_us, self._is_relayed)
        return new_tuple(Event, fields)

    def _time_us(self, message: pb.Event) -> int:
        time_us = microseconds_of("event_time", message.event_time) + self._shift_us
        # Whoever gives no time, gives that of 1970.
        if time_us == self._shift_us and not message.HasField("event_time"):
            raise EventRefusal(
                RefusalReason.INVALID, "event_time", "is missing; give the time of the event"
            )
        if time_us < self._oldest_us:
            age_days = (self._now_us - time_us) // DAY_US
            raise EventRefusal(
                RefusalReason.TOO_OLD,
                "event_time",
                f"is {age_days} days ago, must be at most {self._history_days}; "
                "FAIRLIFT_HISTORY_DAYS sets how far back the server accepts events",
            )
        return time_us

    def _ahead(self, time_us: int) -> RefusedEvent | None:
        """Why an event from the future has to wait, or is refused; None for any other."""
        if time_us <= self._now_us + MAX_AHEAD_US:
            return None
        ahead_s = (time_us - self._now_us) // 1_000_000
        text = (
            f"is {ahead_s} s ahead of the server's clock, more than {MAX_AHEAD_US // 1_000_000} s"
        )
        latest_us = max(self._now_us, self._sent_us or 0) + self._parked_days * DAY_US
        if time_us > latest_us:
            whose = "" if self._sent_us is None else " and of the sender's"
            text = f"{text}, and more than {self._parked_days} days ahead{whose}"
            return RefusedEvent(
                RefusalReason.IN_THE_FUTURE,
                f"{text}; correct the event's time",
                "event_time",
                # Without the sender's time nobody knows whose clock is wrong.
                is_retryable=self._sent_us is None,
            )
        return RefusedEvent(
            RefusalReason.IN_THE_FUTURE,
            f"{text}; check both clocks",
            "event_time",
            waits_for=THE_CLOCK,
        )

    def _waiting(
        self,
        message: pb.Event,
        event_id: bytes,
        time_us: int,
        refusal: RefusedEvent,
        ahead: RefusedEvent | None,
    ) -> WaitingEvent | RefusedEvent:
        """The event, waiting for what would heal the refusal; the refusal where nothing would."""
        if ahead is not None and refusal.reason is not RefusalReason.INVALID:
            refusal = ahead  # the clock comes first: at another time another rule may hold
        if not refusal.waits_for:
            return refusal
        content = self._content(message)
        return WaitingEvent(
            event_id,
            digest(content),
            content,
            time_us,
            self._now_us,
            self._shift_us,
            refusal,
            units_in(message),
            order_in(message),
            self._is_relayed,
        )

    def _content(self, message: pb.Event) -> bytes:
        """The event in one form; no attribute in it repeats the unit's id."""
        content = event_content(message)
        if self._raw and self._raw.encode() in content:
            hide_in_attributes(message.exposure, self._raw)
            content = event_content(message)
        return content

    def _action(self, event_id: bytes, time_us: int, message: pb.Action) -> ActionEntry:
        if not _ACTION.fullmatch(message.name):
            rule = "must be lower-case letters, digits and _, a letter first, 63 at most"
            raise invalid("action.name", f"is {shortened(message.name)}, {rule}")
        unit = checked_text("action.unit_id", message.unit_id)
        value = message.value if message.HasField("value") else None
        if value is not None and not abs(value) <= 1e15:  # a NaN fails this too
            raise invalid("action.value", f"is {value}, must be a number within ±1e15")
        if message.name == _NPS and value not in _SCORES:
            shown = "missing" if value is None else f"{value:g}"
            text = f"is {shown}; the score of {_NPS} must be a whole number from 0 to 10"
            raise invalid("action.value", text)
        return ActionEntry(event_id, time_us, self._now_us, unit, message.name, value)

    def _order(self, event_id: bytes, time_us: int, message: pb.Order) -> OrderEntry:
        return order_entry(message, event_id, time_us, self._now_us)

    def _amendment(self, event_id: bytes, time_us: int, message: pb.Amendment) -> AmendmentEntry:
        return amendment_entry(message, event_id, time_us, self._now_us)

    def _identity(self, event_id: bytes, time_us: int, message: pb.IdentityLink) -> IdentityEntry:
        visitor = checked_text("identity.visitor_id", message.visitor_id)
        customer = checked_text("identity.customer_id", message.customer_id)
        if visitor == customer:
            text = "is the visitor's own id; a link needs two different ids"
            raise invalid("identity.customer_id", text)
        return IdentityEntry(event_id, time_us, self._now_us, visitor, customer)

    def _cost(self, event_id: bytes, time_us: int, message: pb.Cost) -> CostEntry:
        campaign = ""
        if message.campaign:
            campaign = campaign_id_from("cost.campaign", message.campaign)
            if campaign not in self._live.exposure_rules:
                raise unknown_campaign("cost.campaign", campaign)
        elif not message.channel:
            raise invalid("cost", "names neither a campaign nor a channel; name at least one")
        return CostEntry(
            event_id,
            time_us,
            self._now_us,
            campaign,
            checked_text("cost.channel", message.channel, min_length=0),
            checked_currency("cost.currency_code", message.currency_code),
            checked_amount("cost.amount_micros", message.amount_micros),
        )

    def _exchange_rate(self, event_id: bytes, time_us: int, message: pb.ExchangeRate) -> RateEntry:
        currency = checked_currency("exchange_rate.currency_code", message.currency_code)
        if currency == self._currency:
            text = f"is {currency}, the shop's own currency, which needs no rate"
            raise invalid("exchange_rate.currency_code", text)
        rate, where = message.shop_picos_per_unit, "exchange_rate.shop_picos_per_unit"
        if not 0 < rate <= 10**18:
            text = f"is {rate}, must be above 0 and at most 10^18 (a million to one)"
            raise invalid(where, text)
        return RateEntry(event_id, time_us, self._now_us, currency, rate)


# Any: each method takes the message of its own kind.
_READ_BY_KIND: dict[str, Callable[[EventReader, bytes, int, Any], LedgerEntry]] = {
    "action": EventReader._action,
    "order": EventReader._order,
    "amendment": EventReader._amendment,
    "identity": EventReader._identity,
    "cost": EventReader._cost,
    "exchange_rate": EventReader._exchange_rate,
}
