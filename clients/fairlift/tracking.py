"""What OpenFeature's `track("order", …)` carries, as what `Client.order` takes.

Only what makes an order is required. Anything else that cannot be read is left out and named in the
log: a wrong coupon must not cost an order.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal

from fairlift.events import LineKind, OrderLine, micros

_log = logging.getLogger("fairlift")

_REQUIRED = ("order_id", "currency")
_KINDS: Mapping[str, type] = {
    "discount_micros": int,
    "shipping_cost_micros": int,
    "coupon": str,
    "first_purchase": bool,
    "channel": str,
}
_KNOWN = (*_REQUIRED, "lines", *_KINDS)
_LINE_KEYS = tuple(each.name for each in fields(OrderLine))
# Kinds of mistake told; the rest would only fill the log.
_TOLD = 50


@dataclass(frozen=True, slots=True)
class TrackedOrder:
    """The arguments of `Client.order`, but for the unit. Money is in micros of the currency."""

    order_id: str
    currency: str
    lines: Sequence[OrderLine]
    discount_micros: int = 0
    shipping_cost_micros: int = 0
    coupon: str = ""
    first_purchase: bool | None = None
    channel: str = ""


@dataclass(slots=True)
class OrderReader:
    """Reads orders from tracking details, and says each kind of mistake once in the log."""

    _told: set[tuple[str, str]] = field(default_factory=set)

    def order(self, given: Mapping[str, object], value: float | None) -> TrackedOrder:
        """The order that the attributes describe, or the value as the amount of its only line.

        Raises:
            ValueError: what makes an order is absent or cannot be read.
        """
        order_id, currency = (_required(given, name) for name in _REQUIRED)
        for name in sorted(given.keys() - set(_KNOWN), key=str):
            self._leave_out(name, f"is not known and is ignored; known are {', '.join(_KNOWN)}")
        read = {name: self._optional(given, name, kind) for name, kind in _KINDS.items()}
        kept = {name: found for name, found in read.items() if found is not None}
        lines = self._lines(given.get("lines"), value)
        # Each has the kind that stands in _KINDS.
        return TrackedOrder(order_id, currency, lines, **kept)  # type: ignore[arg-type]

    def _optional(self, given: Mapping[str, object], name: str, kind: type) -> object:
        found = given.get(name)
        if kind is int and isinstance(found, float) and found.is_integer():
            return int(found)  # what came by JSON
        if found is None or type(found) is kind:  # True is no amount, though Python says so
            return found
        self._leave_out(name, f"is {found!r} and is ignored; it must be of type {kind.__name__}")
        return None

    def _lines(self, given: object, value: float | None) -> list[OrderLine]:
        if isinstance(given, Sequence) and not isinstance(given, str) and given:
            return [self._line(each) for each in given]
        if given:
            raise ValueError(f"lines is {given!r}, must be a list of OrderLine or of their fields")
        if value is None:
            self._leave_out(
                "lines", "is missing, and so is the value: the order counts with amount 0"
            )
        return [OrderLine("order", 1, micros(Decimal(str(value or 0))))]

    def _line(self, given: object) -> OrderLine:
        if isinstance(given, OrderLine):
            return given
        if not isinstance(given, Mapping):
            raise ValueError(f"a line is {given!r}, must be an OrderLine or its fields")
        for name in sorted(given.keys() - set(_LINE_KEYS), key=str):
            known_keys = ", ".join(_LINE_KEYS)
            self._leave_out(
                f"lines: {name}", f"is not known and is ignored; known are {known_keys}"
            )
        known = {name: given[name] for name in _LINE_KEYS if name in given}
        return OrderLine(**{**known, "kind": LineKind(known.get("kind", LineKind.REGULAR))})

    def _leave_out(self, name: str, why: str) -> None:
        mistake = (name, why)
        if mistake not in self._told and len(self._told) < _TOLD:
            self._told.add(mistake)
            _log.warning('track("order"): %s %s', name, why)


def _required(given: Mapping[str, object], name: str) -> str:
    found = given.get(name)
    if found is None or found == "":
        raise ValueError(f"{name} is missing; add it to the attributes of the tracking details")
    return str(found)
