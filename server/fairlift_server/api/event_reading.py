"""Events from the wire to the ledger's entries; every check that needs no database.

Written by hand: this runs for every event of the shop, 10 µs each are 100 events a millisecond.
"""

import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from fairlift.engine.errors import FairliftError
from fairlift.v1 import event_service_pb2 as pb
from fairlift.wire.values import time_from, value_from

from fairlift_server.ledger import (
    MAX_AMOUNT_MICROS,
    ActionEntry,
    AmendmentEntry,
    CostEntry,
    Entry,
    Event,
    ExposureEntry,
    IdentityEntry,
    LineEntry,
    OrderEntry,
    RateEntry,
    Refusal,
    Refused,
)
from fairlift_server.running import Running

MAX_TEXT = 256
MAX_LINES = 1_000
MAX_QUANTITY = 1_000_000
MAX_LABEL = 256
AHEAD_US = 5 * 60 * 1_000_000
_DAY_US = 86_400 * 1_000_000

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CURRENCY = re.compile("[A-Z]{3}")
_ACTION = re.compile("[a-z][a-z0-9_]{0,62}")
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COLLECTION = "campaigns/"
_KINDS = {
    pb.LINE_KIND_UNSPECIFIED: "regular",
    pb.LINE_KIND_REGULAR: "regular",
    pb.LINE_KIND_UPSELL: "upsell",
    pb.LINE_KIND_CROSS_SELL: "cross_sell",
}


class _Refuse(Exception):  # never leaves this module: it is how a check ends
    def __init__(self, reason: Refusal, field: str, message: str) -> None:
        self.refused = Refused(reason, message, field)


class EventReader:
    """Reads events as of one moment, against the campaigns that are known at it."""

    def __init__(self, running: Running, *, now_us: int, history_days: int, currency: str) -> None:
        self._running = running
        self._now_us = now_us
        self._oldest_us = now_us - history_days * _DAY_US
        self._history_days = history_days
        self._currency = currency

    def read(self, message: pb.Event) -> Event | Refused:
        """The event, ready for the ledger, or the first rule that it breaks."""
        try:
            kind = message.WhichOneof("kind")
            if kind is None:
                known = ", ".join(_READ)
                raise _Refuse(Refusal.INVALID, "", f"contains no event; set one of {known}")
            event_id = _event_id(message.event_id)
            time_us = self._time_us(message)
            entry = _READ[kind](self, event_id, time_us, getattr(message, kind))
        except _Refuse as refuse:
            return refuse.refused
        return Event(event_id, _digest(message), entry)

    def _time_us(self, message: pb.Event) -> int:
        if not message.HasField("event_time"):
            raise _Refuse(Refusal.INVALID, "event_time", "is missing; give the time of the event")
        time = message.event_time
        time_us = time.seconds * 1_000_000 + time.nanos // 1_000
        if time_us > self._now_us:
            if time_us > self._now_us + AHEAD_US:
                ahead_s = (time_us - self._now_us) // 1_000_000
                raise _Refuse(
                    Refusal.IN_THE_FUTURE,
                    "event_time",
                    f"is {ahead_s} s ahead of the server's clock, must be at most "
                    f"{AHEAD_US // 1_000_000} s ahead; correct the sender's clock",
                )
            return self._now_us
        if time_us < self._oldest_us:
            age_days = (self._now_us - time_us) // _DAY_US
            raise _Refuse(
                Refusal.TOO_OLD,
                "event_time",
                f"is {age_days} days ago, must be at most {self._history_days}; "
                "FAIRLIFT_HISTORY_DAYS sets how far back the server accepts events",
            )
        return time_us

    def _exposure(self, event_id: bytes, time_us: int, message: pb.Exposure) -> ExposureEntry:
        campaign = _campaign_id("exposure.campaign", message.campaign)
        unit = _text("exposure.unit_id", message.unit_id)
        known = self._running.known.get(campaign)
        if known is None:
            text = f"campaign {campaign!r} does not exist; create and start it first"
            raise _Refuse(Refusal.UNKNOWN_CAMPAIGN, "exposure.campaign", text)
        if not known.ran_at(time_us):
            text = f"campaign {campaign} is {known.state}; only exposures from its run are accepted"
            raise _Refuse(Refusal.NOT_RUNNING, "exposure.campaign", text)
        variants = known.variants_by_epoch.get(message.epoch)
        if variants is None:
            text = f"is {message.epoch}, campaign {campaign} has epochs 1 to {known.epoch}"
            raise _Refuse(Refusal.UNKNOWN_EPOCH, "exposure.epoch", text)
        if message.variant not in variants:
            names = ", ".join(variants)
            text = f"{message.variant!r} is not a variant of {campaign}; its variants are {names}"
            raise _Refuse(Refusal.UNKNOWN_VARIANT, "exposure.variant", text)
        segments = _segments(message, known.segments) if known.segments else None
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
            raise _invalid("action.name", f"is {_short(message.name)}, {rule}")
        unit = _text("action.unit_id", message.unit_id)
        value = message.value if message.HasField("value") else None
        if value is not None and not abs(value) <= 1e15:  # a NaN fails this too
            raise _invalid("action.value", f"is {value}, must be a number within ±1e15")
        return ActionEntry(event_id, time_us, self._now_us, unit, message.name, value)

    def _order(self, event_id: bytes, time_us: int, message: pb.Order) -> OrderEntry:
        order_id = _text("order.order_id", message.order_id)
        unit = _text("order.unit_id", message.unit_id)
        currency = _currency("order.currency_code", message.currency_code)
        if not 1 <= len(message.lines) <= MAX_LINES:
            text = f"has {len(message.lines)}, must have 1 to {MAX_LINES}"
            raise _invalid("order.lines", text)
        lines = tuple(
            _line(order_id, f"order.lines[{index}]", line)
            for index, line in enumerate(message.lines)
        )
        goods = sum(line.quantity * line.unit_price_micros for line in lines)
        cost = sum(line.quantity * line.unit_cost_micros for line in lines)
        _amount("order.lines", goods)
        _amount("order.lines", cost)
        if not 0 <= message.discount_micros <= goods:
            text = f"is {message.discount_micros}, must be 0 to the sum of the lines, {goods}"
            raise _invalid("order.discount_micros", text)
        kinds = {line.kind for line in lines}
        return OrderEntry(
            event_id,
            order_id,
            # Without the event's id and time: a shop that sends an order twice takes new ones.
            _digest(message),
            time_us,
            self._now_us,
            unit,
            currency,
            sum(line.quantity for line in lines),
            goods,
            message.discount_micros,
            cost,
            _amount("order.shipping_cost_micros", message.shipping_cost_micros),
            "upsell" in kinds,
            "cross_sell" in kinds,
            _text("order.coupon", message.coupon, least=0),
            _text("order.channel", message.channel, least=0),
            message.first_purchase if message.HasField("first_purchase") else None,
            lines,
        )

    def _amendment(self, event_id: bytes, time_us: int, message: pb.Amendment) -> AmendmentEntry:
        order_id = _text("amendment.order_id", message.order_id)
        when = (event_id, time_us, self._now_us)
        match message.WhichOneof("kind"):
            case None:
                raise _invalid("amendment", "is empty; set refund or cancellation")
            case "cancellation":
                return AmendmentEntry(*when, order_id, True, "", 0, 0, 0)
        refund, where = message.refund, "amendment.refund"
        if refund.items < 0:
            raise _invalid(f"{where}.items", f"is {refund.items}, must be 0 or more")
        return AmendmentEntry(
            *when,
            order_id,
            False,
            _currency(f"{where}.currency_code", refund.currency_code),
            _amount(f"{where}.amount_micros", refund.amount_micros),
            _amount(f"{where}.recovered_cost_micros", refund.recovered_cost_micros),
            refund.items,
        )

    def _identity(self, event_id: bytes, time_us: int, message: pb.IdentityLink) -> IdentityEntry:
        visitor = _text("identity.visitor_id", message.visitor_id)
        customer = _text("identity.customer_id", message.customer_id)
        if visitor == customer:
            text = f"is {_short(customer)}, the visitor's own id; a link needs two different ids"
            raise _invalid("identity.customer_id", text)
        return IdentityEntry(event_id, time_us, self._now_us, visitor, customer)

    def _cost(self, event_id: bytes, time_us: int, message: pb.Cost) -> CostEntry:
        campaign = ""
        if message.campaign:
            campaign = _campaign_id("cost.campaign", message.campaign)
            if campaign not in self._running.known:
                text = f"campaign {campaign!r} does not exist"
                raise _Refuse(Refusal.UNKNOWN_CAMPAIGN, "cost.campaign", text)
        elif not message.channel:
            raise _invalid("cost", "names neither a campaign nor a channel; name at least one")
        return CostEntry(
            event_id,
            time_us,
            self._now_us,
            campaign,
            _text("cost.channel", message.channel, least=0),
            _currency("cost.currency_code", message.currency_code),
            _amount("cost.amount_micros", message.amount_micros),
        )

    def _exchange_rate(self, event_id: bytes, time_us: int, message: pb.ExchangeRate) -> RateEntry:
        currency = _currency("exchange_rate.currency_code", message.currency_code)
        if currency == self._currency:
            text = f"is {currency}, the shop's own currency, which needs no rate"
            raise _invalid("exchange_rate.currency_code", text)
        rate, where = message.shop_micros_per_unit, "exchange_rate.shop_micros_per_unit"
        if not 0 < rate <= 10**12:
            text = f"is {rate}, must be above 0 and at most 10^12 (a million to one)"
            raise _invalid(where, text)
        return RateEntry(event_id, time_us, self._now_us, currency, rate)


# Any: each reader takes the message of its own kind.
_READ: dict[str, Callable[[EventReader, bytes, int, Any], Entry]] = {
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


def _event_id(text: str) -> bytes:
    if not _UUID.fullmatch(text):
        rule = "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057, best of version 7"
        raise _invalid("event_id", f"is {_short(text)}, {rule}")
    return bytes.fromhex(text.replace("-", ""))


def _campaign_id(field: str, name: str) -> str:
    if not name.startswith(_COLLECTION):
        raise _invalid(field, f"is {_short(name)}, must be campaigns/ and the campaign's id")
    return name[len(_COLLECTION) :]


def _text(field: str, text: str, *, least: int = 1) -> str:
    if not least <= len(text) <= MAX_TEXT:
        raise _invalid(
            field, f"has {len(text)} characters, must have {least} to {MAX_TEXT}; hash longer ids"
        )
    if not text.isprintable() and (found := _CONTROL.search(text)):
        raise _invalid(field, f"contains the control character {found[0]!r}; remove it")
    return text


def _currency(field: str, code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise _invalid(field, f"is {_short(code)}, must be an ISO 4217 code such as EUR")
    return code


def _amount(field: str, micros: int) -> int:
    if not 0 <= micros <= MAX_AMOUNT_MICROS:
        text = f"is {micros} micros, must be 0 to {MAX_AMOUNT_MICROS}"
        if micros < 0:
            text += "; record a refund or a discount, not a negative amount"
        raise _invalid(field, text)
    return micros


def _line(order_id: str, where: str, line: pb.OrderLine) -> LineEntry:
    if not 1 <= line.quantity <= MAX_QUANTITY:
        text = f"is {line.quantity}, must be 1 to {MAX_QUANTITY}"
        raise _invalid(f"{where}.quantity", text)
    kind = _KINDS.get(line.kind)
    if kind is None:
        raise _invalid(f"{where}.kind", f"is {line.kind}, must be one of {sorted(_KINDS)}")
    return LineEntry(
        order_id,
        _text(f"{where}.product_id", line.product_id),
        line.quantity,
        _amount(f"{where}.unit_price_micros", line.unit_price_micros),
        _amount(f"{where}.unit_cost_micros", line.unit_cost_micros),
        kind,
        _text(f"{where}.category", line.category, least=0),
    )


def _segments(message: pb.Exposure, wanted: tuple[str, ...]) -> str:
    """The attributes that the plan names, as labels, in JSON; absent ones are left out."""
    labels = {}
    for name in wanted:
        # `in` first: asking a message map for a name inserts it.
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
            raise _invalid(where, str(error)) from None
    found = value_from(value)
    match found:
        case None:
            return None
        case bool():
            text = "true" if found else "false"
        case tuple():
            text = ", ".join(sorted(found))
        case _:
            text = str(found)
    if len(text) > MAX_LABEL:
        rule = f"must have at most {MAX_LABEL} because the plan uses it as a segment"
        raise _invalid(where, f"has {len(text)} characters, {rule}")
    return text


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _invalid(field: str, message: str) -> _Refuse:
    return _Refuse(Refusal.INVALID, field, message)
