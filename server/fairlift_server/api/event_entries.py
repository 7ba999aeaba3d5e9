"""Builds ledger entries from event messages, with every check that needs no database.

The checks are written by hand because they run for every event: about 10 µs each.
"""

import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from fairlift.engine.errors import FairliftError
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import time_from, value_from

from fairlift_server.api.event_fields import (
    EventRefusal,
    campaign_id_from,
    checked_amount,
    checked_currency,
    checked_text,
    event_id_from,
    invalid,
    shortened,
)
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    CostEntry,
    Event,
    ExposureEntry,
    IdentityEntry,
    LedgerEntry,
    LineEntry,
    OrderEntry,
    RateEntry,
    RefusalReason,
    RefusedEvent,
)

_MAX_LINES = 1_000
_MAX_QUANTITY = 1_000_000
_MAX_LABEL_TEXT = 256
_MAX_CLOCK_SKEW_US = 5 * 60 * 1_000_000
_DAY_US = 86_400 * 1_000_000

_ACTION = re.compile("[a-z][a-z0-9_]{0,62}")
_LINE_KINDS = {
    pb.LINE_KIND_UNSPECIFIED: "regular",
    pb.LINE_KIND_REGULAR: "regular",
    pb.LINE_KIND_UPSELL: "upsell",
    pb.LINE_KIND_CROSS_SELL: "cross_sell",
}


class EventReader:
    """Reads the events of one call, checked against the campaigns as they are at its start."""

    def __init__(
        self, live: LiveCampaigns, *, now_us: int, history_days: int, currency: str
    ) -> None:
        self._live = live
        self._now_us = now_us
        self._oldest_us = now_us - history_days * _DAY_US
        self._history_days = history_days
        self._currency = currency

    def read(self, message: pb.Event) -> Event | RefusedEvent:
        """The event, ready to store, or the first rule that it breaks."""
        try:
            kind = message.WhichOneof("kind")
            if kind is None:
                kinds = ", ".join(_READ_BY_KIND)
                raise EventRefusal(RefusalReason.INVALID, "", f"holds no event; set one of {kinds}")
            event_id = event_id_from(message.event_id)
            time_us = self._time_us(message)
            entry = _READ_BY_KIND[kind](self, event_id, time_us, getattr(message, kind))
        except EventRefusal as refusal:
            return refusal.event
        return Event(event_id, _digest(message), entry)

    def _time_us(self, message: pb.Event) -> int:
        if not message.HasField("event_time"):
            raise EventRefusal(
                RefusalReason.INVALID, "event_time", "is absent; say when it happened"
            )
        time = message.event_time
        time_us = time.seconds * 1_000_000 + time.nanos // 1_000
        if time_us > self._now_us:
            if time_us > self._now_us + _MAX_CLOCK_SKEW_US:
                ahead_s = (time_us - self._now_us) // 1_000_000
                raise EventRefusal(
                    RefusalReason.IN_THE_FUTURE,
                    "event_time",
                    f"is {ahead_s} s ahead of the server's clock, must be at most "
                    f"{_MAX_CLOCK_SKEW_US // 1_000_000} s ahead; set the sender's clock right",
                )
            return self._now_us
        if time_us < self._oldest_us:
            age_days = (self._now_us - time_us) // _DAY_US
            raise EventRefusal(
                RefusalReason.TOO_OLD,
                "event_time",
                f"is {age_days} days ago, must be at most {self._history_days}; "
                "FAIRLIFT_HISTORY_DAYS says how far back the server takes events",
            )
        return time_us

    def _exposure(self, event_id: bytes, time_us: int, message: pb.Exposure) -> ExposureEntry:
        campaign = campaign_id_from("exposure.campaign", message.campaign)
        unit = checked_text("exposure.unit_id", message.unit_id)
        rules = self._live.exposure_rules.get(campaign)
        if rules is None:
            text = f"campaign {campaign!r} does not exist; create and start it first"
            raise EventRefusal(RefusalReason.UNKNOWN_CAMPAIGN, "exposure.campaign", text)
        if not rules.ran_at(time_us):
            text = f"campaign {campaign} is {rules.state}; exposures count only for when it ran"
            raise EventRefusal(RefusalReason.NOT_RUNNING, "exposure.campaign", text)
        variants = rules.variants_by_epoch.get(message.epoch)
        if variants is None:
            text = f"is {message.epoch}, campaign {campaign} has the epochs 1 to {rules.epoch}"
            raise EventRefusal(RefusalReason.UNKNOWN_EPOCH, "exposure.epoch", text)
        if message.variant not in variants:
            text = f"{message.variant!r} is no variant of {campaign}; it has {', '.join(variants)}"
            raise EventRefusal(RefusalReason.UNKNOWN_VARIANT, "exposure.variant", text)
        segments = _segments(message, rules.segments) if rules.segments else None
        return ExposureEntry(
            event_id,
            time_us,
            self._now_us,
            unit,
            campaign,
            message.epoch,
            message.variant,
            segments,
        )

    def _action(self, event_id: bytes, time_us: int, message: pb.Action) -> ActionEntry:
        if not _ACTION.fullmatch(message.name):
            rule = "must be lower-case letters, digits and _, a letter first, 63 at most"
            raise invalid("action.name", f"is {shortened(message.name)}, {rule}")
        unit = checked_text("action.unit_id", message.unit_id)
        value = message.value if message.HasField("value") else None
        if value is not None and not abs(value) <= 1e15:  # a NaN fails this too
            raise invalid("action.value", f"is {value}, must be a number within ±1e15")
        return ActionEntry(event_id, time_us, self._now_us, unit, message.name, value)

    def _order(self, event_id: bytes, time_us: int, message: pb.Order) -> OrderEntry:
        order_id = checked_text("order.order_id", message.order_id)
        unit = checked_text("order.unit_id", message.unit_id)
        currency = checked_currency("order.currency_code", message.currency_code)
        if not 1 <= len(message.lines) <= _MAX_LINES:
            text = f"has {len(message.lines)}, must have 1 to {_MAX_LINES}"
            raise invalid("order.lines", text)
        lines = tuple(
            _line(order_id, f"order.lines[{index}]", line)
            for index, line in enumerate(message.lines)
        )
        goods = sum(line.quantity * line.unit_price_micros for line in lines)
        cost = sum(line.quantity * line.unit_cost_micros for line in lines)
        checked_amount("order.lines", goods)
        checked_amount("order.lines", cost)
        if not 0 <= message.discount_micros <= goods:
            text = f"is {message.discount_micros}, must be 0 to the sum of the lines, {goods}"
            raise invalid("order.discount_micros", text)
        kinds = {line.kind for line in lines}
        return OrderEntry(
            event_id,
            order_id,
            # Without the event's id and time: they are new when a shop sends an order again.
            _digest(message),
            time_us,
            self._now_us,
            unit,
            currency,
            sum(line.quantity for line in lines),
            goods,
            message.discount_micros,
            cost,
            checked_amount("order.shipping_cost_micros", message.shipping_cost_micros),
            "upsell" in kinds,
            "cross_sell" in kinds,
            checked_text("order.coupon", message.coupon, min_length=0),
            checked_text("order.channel", message.channel, min_length=0),
            message.first_purchase if message.HasField("first_purchase") else None,
            lines,
        )

    def _amendment(self, event_id: bytes, time_us: int, message: pb.Amendment) -> AmendmentEntry:
        order_id = checked_text("amendment.order_id", message.order_id)
        when = (event_id, time_us, self._now_us)
        match message.WhichOneof("kind"):
            case None:
                raise invalid("amendment", "says nothing; set refund or cancellation")
            case "cancellation":
                return AmendmentEntry(*when, order_id, True, "", 0, 0, 0)
        refund, where = message.refund, "amendment.refund"
        if refund.items < 0:
            raise invalid(f"{where}.items", f"is {refund.items}, must be 0 or more")
        return AmendmentEntry(
            *when,
            order_id,
            False,
            checked_currency(f"{where}.currency_code", refund.currency_code),
            checked_amount(f"{where}.amount_micros", refund.amount_micros),
            checked_amount(f"{where}.recovered_cost_micros", refund.recovered_cost_micros),
            refund.items,
        )

    def _identity(self, event_id: bytes, time_us: int, message: pb.IdentityLink) -> IdentityEntry:
        visitor = checked_text("identity.visitor_id", message.visitor_id)
        customer = checked_text("identity.customer_id", message.customer_id)
        if visitor == customer:
            text = f"is {shortened(customer)}, the visitor's own id; a link needs two different ids"
            raise invalid("identity.customer_id", text)
        return IdentityEntry(event_id, time_us, self._now_us, visitor, customer)

    def _cost(self, event_id: bytes, time_us: int, message: pb.Cost) -> CostEntry:
        campaign = ""
        if message.campaign:
            campaign = campaign_id_from("cost.campaign", message.campaign)
            if campaign not in self._live.exposure_rules:
                text = f"campaign {campaign!r} does not exist"
                raise EventRefusal(RefusalReason.UNKNOWN_CAMPAIGN, "cost.campaign", text)
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
            text = f"is {currency}, the shop's own currency, which is worth 1 of itself"
            raise invalid("exchange_rate.currency_code", text)
        rate, where = message.shop_micros_per_unit, "exchange_rate.shop_micros_per_unit"
        if not 0 < rate <= 10**12:
            text = f"is {rate}, must be above 0 and at most 10^12 (a million to one)"
            raise invalid(where, text)
        return RateEntry(event_id, time_us, self._now_us, currency, rate)


# Any: each method takes the message of its own kind.
_READ_BY_KIND: dict[str, Callable[[EventReader, bytes, int, Any], LedgerEntry]] = {
    "exposure": EventReader._exposure,
    "action": EventReader._action,
    "order": EventReader._order,
    "amendment": EventReader._amendment,
    "identity": EventReader._identity,
    "cost": EventReader._cost,
    "exchange_rate": EventReader._exchange_rate,
}


def _digest(message: pb.Event | pb.Order) -> bytes:
    content = message.SerializeToString(deterministic=True)
    return blake2b(content, digest_size=8).digest()


def _line(order_id: str, where: str, line: pb.OrderLine) -> LineEntry:
    if not 1 <= line.quantity <= _MAX_QUANTITY:
        text = f"is {line.quantity}, must be 1 to {_MAX_QUANTITY}"
        raise invalid(f"{where}.quantity", text)
    kind = _LINE_KINDS.get(line.kind)
    if kind is None:
        raise invalid(f"{where}.kind", f"is {line.kind}, must be one of {sorted(_LINE_KINDS)}")
    return LineEntry(
        order_id,
        checked_text(f"{where}.product_id", line.product_id),
        line.quantity,
        checked_amount(f"{where}.unit_price_micros", line.unit_price_micros),
        checked_amount(f"{where}.unit_cost_micros", line.unit_cost_micros),
        kind,
        checked_text(f"{where}.category", line.category, min_length=0),
    )


def _segments(message: pb.Exposure, attributes: tuple[str, ...]) -> str:
    """The attributes that the plan names, as labels, in JSON; missing ones are left out."""
    labels = {}
    for name in attributes:
        # `in` first: message_map[name] inserts the name.
        if name in message.attributes:
            label = _label(name, message.attributes[name])
            if label is not None:
                labels[name] = label
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def _label(name: str, value: Any) -> str | None:  # a Value of the contract
    where = f"exposure.attributes.{name}"
    if value.WhichOneof("kind") == "time_value":
        try:
            return time_from(value.time_value).isoformat()
        except FairliftError as error:
            raise invalid(where, str(error)) from None
    attribute = value_from(value)
    match attribute:
        case None:
            return None
        case bool():
            text = "true" if attribute else "false"
        case tuple():
            text = ", ".join(sorted(attribute))
        case _:
            text = str(attribute)
    if len(text) > _MAX_LABEL_TEXT:
        rule = f"must have at most {_MAX_LABEL_TEXT} as the plan makes segments of it"
        raise invalid(where, f"has {len(text)} characters, {rule}")
    return text
