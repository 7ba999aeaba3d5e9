"""Converts the details of OpenFeature's `track("order", …)` to the arguments of `Client.order`.

Only the order id and the currency are required. Other entries that cannot be read are left out and
logged: a wrong coupon must not lose an order.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal

from fairlift.engine.measure import LineKind
from fairlift.engine.untrusted import plain
from fairlift.event_messages import OrderLine
from fairlift.event_values import micros

_log = logging.getLogger("fairlift")

_REQUIRED = ("order_id", "currency")
_KINDS: Mapping[str, type] = {
    "discount_micros": int,
    "shipping_cost_micros": int,
    "first_purchase": bool,
    "channel": str,
    "test": bool,
}
_KNOWN = (*_REQUIRED, "lines", "coupon", *_KINDS)
_LINE_KEYS = tuple(item.name for item in fields(OrderLine))
# A limit, so that mistakes cannot fill the log.
_MAX_LOGGED = 50


@dataclass(frozen=True, slots=True)
class TrackedOrder:
    """The arguments of `Client.order` except the unit. Money is in micros of the currency."""

    order_id: str
    currency: str
    lines: Sequence[OrderLine]
    discount_micros: int = 0
    shipping_cost_micros: int = 0
    coupon: Sequence[str] = ()
    first_purchase: bool | None = None
    channel: str = ""
    test: bool = False


@dataclass(slots=True)
class OrderReader:
    """Reads orders from tracking details, and logs each kind of mistake once."""

    _logged: set[tuple[str, str]] = field(default_factory=set)

    def order(self, attributes: Mapping[str, object], value: float | None) -> TrackedOrder:
        """The order that the attributes describe, or the value as the amount of its only line.

        Raises:
            ValueError: the order id, the currency or the lines are absent or cannot be read.
        """
        order_id, currency = (_required(attributes, name) for name in _REQUIRED)
        for name in sorted(attributes.keys() - set(_KNOWN), key=str):
            self._leave_out(name, f"is not known and is ignored; known are {', '.join(_KNOWN)}")
        read = {name: self._optional(attributes, name, kind) for name, kind in _KINDS.items()}
        present = {name: entry for name, entry in read.items() if entry is not None}
        lines = self._lines(attributes.get("lines"), value)
        coupons = self._coupons(attributes.get("coupon"))
        # The types are those of _KINDS.
        return TrackedOrder(order_id, currency, lines, coupon=coupons, **present)  # type: ignore[arg-type]

    def _coupons(self, entry: object) -> Sequence[str]:
        """The code, or the list of codes."""
        if entry is None:
            return ()
        codes = [entry] if isinstance(entry, str) else entry
        if isinstance(codes, Sequence) and all(isinstance(code, str) for code in codes):
            return codes
        self._leave_out("coupon", f"is {entry!r} and is ignored; it must be text or a list of text")
        return ()

    def _optional(self, attributes: Mapping[str, object], name: str, kind: type) -> object:
        entry = attributes.get(name)
        if kind is int and isinstance(entry, float) and entry.is_integer():
            return int(entry)  # what came by JSON
        if entry is None or type(entry) is kind:  # True is no amount, though Python says so
            return entry
        self._leave_out(name, f"is {entry!r} and is ignored; it must be of type {kind.__name__}")
        return None

    def _lines(self, attributes: object, value: float | None) -> list[OrderLine]:
        if isinstance(attributes, Sequence) and not isinstance(attributes, str) and attributes:
            return [self._line(item) for item in attributes]
        if attributes:
            raise ValueError(
                f"lines is {attributes!r}, must be a list of OrderLine or of their fields"
            )
        if value is None:
            self._leave_out(
                "lines", "is missing, and so is the value: the order counts with amount 0"
            )
        return [OrderLine("order", 1, micros(Decimal(str(value or 0))))]

    def _line(self, attributes: object) -> OrderLine:
        if isinstance(attributes, OrderLine):
            return attributes
        if not isinstance(attributes, Mapping):
            raise ValueError(f"a line is {attributes!r}, must be an OrderLine or its fields")
        for name in sorted(attributes.keys() - set(_LINE_KEYS), key=str):
            self._leave_out(
                f"lines: {name}", f"is not known and is ignored; known are {', '.join(_LINE_KEYS)}"
            )
        known = {name: attributes[name] for name in _LINE_KEYS if name in attributes}
        return OrderLine(**{**known, "kind": LineKind(known.get("kind", LineKind.REGULAR))})

    def _leave_out(self, name: str, reason: str) -> None:
        mistake = (name, reason)
        if mistake not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(mistake)
            _log.warning('track("order"): %s %s', name, reason)


def _required(attributes: Mapping[str, object], name: str) -> str:
    entry = attributes.get(name)
    if entry is None or entry == "":
        raise ValueError(f"{name} is missing; add it to the attributes of the tracking details")
    try:
        return plain(entry)  # type: ignore[arg-type]  # that is the question
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None
