"""Rows as event messages, the same as a storefront sends."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.kinds import Kind
from fairlift_server.importing.mapping import ATTRIBUTE
from fairlift_server.importing.row_reader import Refused, RowReader, RowRefusal, RowValues
from fairlift_server.importing.values import PICOS_DIGITS, Values, scaled_number

_PREFIX = "campaigns/"
_OWN = frozenset({"unit", "time", "id"})
_MAX_TEMPLATES = 4_096
_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1


class CustomerAttribute(NamedTuple):
    """What a row says of a customer, with the id as the file has it; valid from `time_us`."""

    event_id: str
    time_us: int
    customer: str
    name: str
    label: str


class Prepared(NamedTuple):
    """The events of some rows; the first is the one that the others belong to."""

    lines: Sequence[int]
    events: Sequence[pb.Event | CustomerAttribute]


# Any: rows as DuckDB gives them.
Rows = Iterable[Sequence[Any]]


class Messages(Protocol):
    """Makes events of rows."""

    def of(self, rows: Rows) -> Iterator[Prepared | Refused]:
        """What each of the rows becomes; some may wait for the next ones."""

    def rest(self) -> Iterator[Prepared | Refused]:
        """What still waits, after the last rows."""


class RowMessages:
    """One event for each row."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        fields: Sequence[str],
        values: Values,
        currency: str,
        ids: EventIds,
    ) -> None:
        self._name = name
        self._ids = ids
        self._reader = RowReader(kind, fields, values)
        self._fill = _FILL[name]
        self._currency = currency
        self._templates: dict[tuple[tuple[str, str | int], ...], pb.Event] = {}
        # How often a row came so far that is in the file more than once.
        self._seen: Counter[bytes] = Counter()

    def of(self, rows: Rows) -> Iterator[Prepared | Refused]:
        """What each of the rows becomes."""
        for line, mark, *values in rows:
            try:
                read = self._reader.read(values)
                self._reader.check(read)
                yield Prepared((line,), (self._event(read, mark),))
            except RowRefusal as refusal:
                yield Refused((line,), refusal.field, refusal.message)

    def rest(self) -> Iterator[Prepared | Refused]:
        """Nothing waits."""
        return iter(())

    def _event(self, read: RowValues, mark: int | None) -> pb.Event:
        event = pb.Event()
        self._fill(self, event, read)
        set_time(event, read["time"])
        if named := read.get("id"):
            event.event_id = _id_of(self._ids, self._name, named, read["time"])
            return event
        content = event.SerializeToString(deterministic=True)
        if mark is not None:
            key = blake2b(content, digest_size=16).digest()
            self._seen[key] += 1
            # The first is as if it were alone: a file that has the row once agrees.
            if (count := self._seen[key]) > 1:
                content += count.to_bytes(8)
        event.event_id = self._ids.derived(self._name, content, read["time"])
        return event

    def _exposure(self, event: pb.Event, read: RowValues) -> None:
        # Few of these are behind many exposures: all but the unit is copied.
        rest = tuple((name, value) for name, value in read.items() if name not in _OWN)
        template = self._templates.get(rest)
        if template is None:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[rest] = _exposure_of(read)
        event.CopyFrom(template)
        event.exposure.unit_id = read["unit"]

    def _action(self, event: pb.Event, read: RowValues) -> None:
        event.action.name = read["name"]
        event.action.unit_id = read["unit"]
        if "value" in read:
            event.action.value = float(read["value"])

    def _link(self, event: pb.Event, read: RowValues) -> None:
        event.identity.visitor_id = read["visitor"]
        event.identity.customer_id = read["customer"]

    def _rate(self, event: pb.Event, read: RowValues) -> None:
        event.exchange_rate.currency_code = read["currency"]
        picos = scaled_number(read["rate"], PICOS_DIGITS)
        event.exchange_rate.shop_picos_per_unit = in_range("rate", picos, _MAX_INT64)

    def _cost(self, event: pb.Event, read: RowValues) -> None:
        cost = event.cost
        if campaign := read.get("campaign"):
            cost.campaign = campaign_of(campaign)
        cost.channel = read.get("channel", "")
        cost.currency_code = read.get("currency", self._currency)
        cost.amount_micros = in_range("amount", read["amount"], _MAX_INT64)


_FILL: Mapping[str, Callable[[RowMessages, pb.Event, RowValues], None]] = {
    "exposures": RowMessages._exposure,
    "actions": RowMessages._action,
    "links": RowMessages._link,
    "rates": RowMessages._rate,
    "costs": RowMessages._cost,
}


def _exposure_of(read: RowValues) -> pb.Event:
    """An exposure without its unit and time."""
    event = pb.Event()
    exposure = event.exposure
    exposure.campaign = campaign_of(read["campaign"])
    exposure.variant = read["variant"]
    exposure.epoch = in_range("epoch", read.get("epoch", 1), _MAX_INT32)
    for name, value in read.items():
        if name.startswith(ATTRIBUTE):
            exposure.attributes[name[len(ATTRIBUTE) :]].string_value = value
    return event


def set_time(event: pb.Event, time_us: int) -> None:
    """Sets the time of an event."""
    seconds, rest = divmod(time_us, 1_000_000)
    time = event.event_time
    time.SetInParent()
    time.seconds, time.nanos = seconds, rest * 1_000


def campaign_of(campaign: str) -> str:
    """The campaign's name, where a file has its id only."""
    return campaign if campaign.startswith(_PREFIX) else _PREFIX + campaign


def in_range(field: str, number: int, largest: int) -> int:
    """The number, if the contract can carry it; whether it is allowed is the reader's to say.

    Raises:
        RowRefusal: it cannot.
    """
    if abs(number) > largest:
        raise RowRefusal(field, f"is {number}, which is too large")
    return number


def _id_of(ids: EventIds, kind: str, named: str, time_us: int) -> str:
    """The id that the file gives, where it is a UUID; else one derived from it."""
    if len(named) == 36:
        try:
            return str(UUID(named))
        except ValueError:
            pass
    return ids.derived(kind, named.encode(), time_us)
