"""The OpenFeature provider of Fairlift; it uses the client's engine and outbox.

A flag key such as `free-shipping` is a campaign. As a string the flag is the variant's id, as a
boolean it tells whether the variant is not the control, as an object it is the payload.
`free-shipping.threshold` is one entry of the payload, of any type.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.flag_evaluation import Reason as FlagReason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from fairlift.client import Client
from fairlift.engine.assignment import Assignment, Reason
from fairlift.engine.untrusted import plain
from fairlift.event_queue import EventKind
from fairlift.openfeature_orders import OrderReader
from fairlift.snapshot_change import SnapshotChange

_log = logging.getLogger("fairlift")

T = TypeVar("T")
_Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_REASONS = {
    # Some clients cache a STATIC value for all visitors; none caches SPLIT.
    Reason.ASSIGNED: FlagReason.SPLIT,
    Reason.STALE: FlagReason.STALE,
    Reason.OVERRIDE: FlagReason.TARGETING_MATCH,
    Reason.NOT_IN_AUDIENCE: FlagReason.DEFAULT,
    Reason.NOT_IN_TRAFFIC: FlagReason.DEFAULT,
    Reason.OTHER_LAYER: FlagReason.DEFAULT,
    Reason.HOLDOUT: FlagReason.DEFAULT,
    Reason.PREREQUISITE: FlagReason.DEFAULT,
    Reason.BOT: FlagReason.DEFAULT,
    Reason.PAUSED: FlagReason.DISABLED,
    Reason.NOT_STARTED: FlagReason.DISABLED,
    Reason.ENDED: FlagReason.DISABLED,
}
# Pairs of visitor and customer to remember, so that none is sent twice: about 10 MB at most.
_REMEMBERED = 32_768
_ERRORS = {
    Reason.UNKNOWN_CAMPAIGN: ErrorCode.FLAG_NOT_FOUND,
    Reason.NOT_READY: ErrorCode.PROVIDER_NOT_READY,
    Reason.NO_UNIT: ErrorCode.TARGETING_KEY_MISSING,
    Reason.ERROR: ErrorCode.GENERAL,
}


class FairliftProvider(AbstractProvider):
    """Resolves flags from a client's campaigns; `shutdown` closes the client.

    It emits events when it is ready, when campaigns changed (with their ids), when the server was
    silent for the client's `stale_after_s`, and when the server refuses the client.

    Args:
        client: Decides the flags. The targeting key is the visitor; `customer_id` in the evaluation
            context is the customer. When both are known they are linked (`Client.identify`), so
            that a customer's orders count for the variant that the visitor saw.
        expose: Whether an evaluation counts as an exposure, as most users of OpenFeature expect;
            with False, call `client.expose` when the variant is shown.
        ready_s: How long `initialize` waits for the first snapshot.
    """

    def __init__(self, client: Client, *, expose: bool = True, ready_s: float = 5.0) -> None:
        super().__init__()
        self._client = client
        self._expose = expose
        self._ready_s = ready_s
        self._orders = OrderReader()
        self._has_refused_customer = False
        self._linked: dict[tuple[str, str], tuple[str, str]] = {}
        self._emitting = threading.Lock()
        # None until `initialize` returns: the OpenFeature SDK emits its outcome.
        self._last_event: ProviderEvent | None = None
        # The etag of the snapshot in the last event; empty before the first.
        self._etag = ""
        client.on_change(self._tell)

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="fairlift")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Waits for the first snapshot.

        Raises:
            ProviderNotReadyError: none arrived in time. Flags have their defaults until one
                arrives, which emits an event.
        """
        del evaluation_context
        self._client.wait_ready(self._ready_s)
        with self._emitting:
            if self._client.wait_ready(0):
                self._last_event = ProviderEvent.PROVIDER_READY
                self._etag = self._client.stats().etag
                return
            self._last_event = ProviderEvent.PROVIDER_ERROR
        problem = self._client.stats().problem or "the server has not answered"
        raise ProviderNotReadyError(f"no snapshot in {self._ready_s} s: {problem}")

    def shutdown(self) -> None:
        """Sends the waiting events and closes the client."""
        self._client.close()

    def _tell(self, change: SnapshotChange) -> None:
        with self._emitting:
            if self._last_event is None or not self._client.wait_ready(0):
                return
            event, message = _standing(change)
            if event is not self._last_event:
                self._last_event = event
                code = ErrorCode.GENERAL if event is ProviderEvent.PROVIDER_ERROR else None
                self.emit(event, ProviderEventDetails(message=message, error_code=code))
            if change.campaigns and self._etag not in ("", change.etag):
                flags = sorted(change.campaigns)
                self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=flags))
            self._etag = change.etag

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Whether the variant is not the control, or a payload entry."""
        return self._resolve(flag_key, default_value, bool, evaluation_context)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """The variant's id, or a payload entry."""
        return self._resolve(flag_key, default_value, str, evaluation_context)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """A payload entry that is a whole number."""
        return self._resolve(flag_key, default_value, int, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """A payload entry that is a number."""
        return self._resolve(flag_key, default_value, float, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: _Object,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[_Object]:
        """The payload, or an entry of it that is an object or a list."""
        return self._resolve(flag_key, default_value, dict, evaluation_context)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Records an action with this name and value; the name `order` records an order.

        An order's attributes are `order_id`, `currency` and `lines` (of `OrderLine`, or of
        mappings with its fields), or in place of `lines` the details' value as the amount of one
        line; and `discount_micros`, `shipping_cost_micros`, `coupon`, `first_purchase`, `channel`.
        Mistakes are logged.
        """
        visitor, customer, _ = self._who(evaluation_context)
        unit = customer or visitor
        details = tracking_event_details or TrackingEventDetails()
        if tracking_event_name != "order":
            self._client.action(unit, tracking_event_name, details.value)
            return
        try:
            order = self._orders.order(details.attributes or {}, details.value)
        except Exception as error:  # a checkout is never broken by us
            self._client.give_up(EventKind.ORDER, error)
            return
        self._client.order(
            unit,
            order.order_id,
            order.lines,
            currency=order.currency,
            discount_micros=order.discount_micros,
            shipping_cost_micros=order.shipping_cost_micros,
            coupon=order.coupon,
            first_purchase=order.first_purchase,
            channel=order.channel,
            test=order.test,
        )

    def _who(self, context: EvaluationContext | None) -> tuple[str, str, Mapping[str, object]]:
        """Visitor, customer and attributes; links the two ids when both are known."""
        if context is None:
            return "", "", {}
        visitor = context.targeting_key or ""
        customer = self._customer(context.attributes.get("customer_id"))
        if visitor and customer and visitor != customer:
            self._link((visitor, customer))
        return visitor, customer, context.attributes

    def _customer(self, customer_id: object) -> str:
        """The customer's id as text; empty, and logged once, when it is not an id."""
        if customer_id is None:
            return ""
        try:
            return plain(customer_id)  # type: ignore[arg-type]  # that is the question
        except Exception as error:  # a class of the caller's own may raise what it likes
            level = logging.DEBUG if self._has_refused_customer else logging.WARNING
            self._has_refused_customer = True
            _log.log(level, "customer_id: %s; the visitor alone is used", error)
            return ""

    def _link(self, pair: tuple[str, str]) -> None:
        # When several threads come at once, only the one whose pair was stored records it.
        if self._linked.setdefault(pair, pair) is not pair:
            return
        if len(self._linked) > _REMEMBERED:
            self._linked = {pair: pair}
        self._client.identify(*pair)

    def _resolve(
        self, flag_key: str, default: T, kind: type, context: EvaluationContext | None
    ) -> FlagResolutionDetails[T]:
        campaign, _, entry = flag_key.partition(".")
        visitor, customer, attributes = self._who(context)
        assigned = self._client.assign(campaign, visitor, attributes, customer=customer)
        code = _ERRORS.get(assigned.reason)
        if code is not None:
            return _failed(default, code, f"campaign {campaign}: {assigned.reason}")
        if self._expose:
            self._client.expose(assigned)
        metadata: dict[str, bool | int | float | str] = {
            "campaign": campaign,
            "epoch": assigned.epoch,
            "reason": assigned.reason.value,
        }
        raw = _flag_value(assigned, entry, kind)
        reason = _REASONS[assigned.reason]
        if raw is None:
            if not entry and kind is not dict:
                rule = "is a text, boolean or object; for a number, name an entry of its payload"
                return _failed(default, ErrorCode.TYPE_MISMATCH, f"campaign {campaign} {rule}")
            # A variant without a payload, often the control, keeps the caller's default.
            return FlagResolutionDetails(
                default, reason=reason, variant=assigned.variant, flag_metadata=metadata
            )
        value = _of_kind(raw, kind)
        if value is None:
            return _failed(
                default, ErrorCode.TYPE_MISMATCH, f"{flag_key} is {raw!r}, not a {kind.__name__}"
            )
        return FlagResolutionDetails(
            cast("T", value), reason=reason, variant=assigned.variant, flag_metadata=metadata
        )


def _standing(change: SnapshotChange) -> tuple[ProviderEvent, str | None]:
    if change.refusal:
        return ProviderEvent.PROVIDER_ERROR, change.refusal
    if change.is_stale:
        return ProviderEvent.PROVIDER_STALE, "the server does not answer; variants stay the same"
    return ProviderEvent.PROVIDER_READY, None


def _flag_value(assigned: Assignment, entry: str, kind: type) -> object:
    if entry:
        return assigned.payload.get(entry)
    by_kind: dict[type, object] = {
        str: assigned.variant,
        bool: not assigned.is_control,
        dict: assigned.payload or None,
    }
    return by_kind.get(kind)


def _of_kind(raw: object, kind: type) -> object:
    if kind is dict:
        return raw if isinstance(raw, dict | list) else None
    if isinstance(raw, bool) or kind in (bool, str):
        return raw if isinstance(raw, kind) and type(raw) is kind else None
    if isinstance(raw, float) and kind is int:
        return int(raw) if raw.is_integer() else None
    return kind(raw) if isinstance(raw, int | float) else None


def _failed(default: T, code: ErrorCode, message: str) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(
        default, reason=FlagReason.ERROR, error_code=code, error_message=message
    )
