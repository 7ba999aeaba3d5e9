"""Rows about customers: what is known of them, from a time on. No storefront sends such rows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from fairlift.engine.campaign import CONTROL_CHARACTER

from fairlift_server.api.event_fields import (
    EventRefusal,
    checked_text,
    digest,
    event_id_from,
    invalid,
)
from fairlift_server.api.segment_labels import MAX_LABEL_TEXT
from fairlift_server.events.ledger import AttributeEntry, Event, RefusalReason, RefusedEvent
from fairlift_server.events.parking import DAY_US, MAX_AHEAD_US
from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.event_messages import CustomerAttribute, Prepared, Rows
from fairlift_server.importing.kinds import Kind
from fairlift_server.importing.mapping import ATTRIBUTE
from fairlift_server.importing.row_reader import Refused, RowReader, RowRefusal
from fairlift_server.importing.values import Values
from fairlift_server.store.campaigns import microseconds

# Attributes may hold for long: as far back as events can be imported at all.
OLDEST_DAYS = 36_500
_KIND = "customers"


class CustomerMessages:
    """As many attributes for each row as it has labels; an empty cell says nothing."""

    def __init__(self, kind: Kind, fields: Sequence[str], values: Values, ids: EventIds) -> None:
        self._reader = RowReader(kind, fields, values)
        self._ids = ids

    def of(self, rows: Rows) -> Iterator[Prepared | Refused]:
        """What each of the rows becomes."""
        for line, _mark, *values in rows:
            try:
                read = self._reader.read(values)
                self._reader.check(read)
            except RowRefusal as refusal:
                yield Refused((line,), refusal.field, refusal.message)
                continue
            customer, time_us = read["customer"], read["time"]
            attributes = [
                self._attribute(customer, time_us, field[len(ATTRIBUTE) :], label)
                for field, label in read.items()
                if field.startswith(ATTRIBUTE)
            ]
            yield Prepared((line,), attributes)

    def rest(self) -> Iterator[Prepared | Refused]:
        """Nothing waits."""
        return iter(())

    def _attribute(self, customer: str, time_us: int, name: str, label: str) -> CustomerAttribute:
        # Lengths keep two texts apart that are one when put together.
        said = "".join(f"{len(text)}:{text}" for text in (customer, name, label, str(time_us)))
        event_id = self._ids.derived(_KIND, said.encode(), time_us)
        return CustomerAttribute(event_id, time_us, customer, name, label)


class AttributeReader:
    """Judges attributes by rules such as those of events.

    Args:
        now: the time.
        stored: the stored form of an id.
    """

    def __init__(self, now: datetime, stored: Callable[[str], str]) -> None:
        self._now_us = microseconds(now)
        self._stored = stored

    def read(self, attribute: CustomerAttribute) -> Event | RefusedEvent:
        """The attribute, ready to store, or the first rule that it breaks."""
        try:
            return self._event(attribute)
        except EventRefusal as refusal:
            return refusal.event

    def _event(self, attribute: CustomerAttribute) -> Event:
        self._check_time(attribute.time_us)
        unit = self._stored(checked_text("customer", attribute.customer))
        label = _checked_label(attribute)
        if label == attribute.customer:
            label = unit
        entry = AttributeEntry(
            event_id_from(attribute.event_id),
            min(attribute.time_us, self._now_us),
            self._now_us,
            unit,
            attribute.name,
            label,
        )
        said = (unit, attribute.name, label, attribute.time_us)
        return Event(entry.event_id, digest(repr(said).encode()), entry)

    def _check_time(self, time_us: int) -> None:
        ahead_s = (time_us - self._now_us) // 1_000_000
        if time_us > self._now_us + MAX_AHEAD_US:
            text = f"is {ahead_s} s ahead of the clock; import it when it holds"
            raise EventRefusal(RefusalReason.IN_THE_FUTURE, "time", text)
        if time_us < self._now_us - OLDEST_DAYS * DAY_US:
            text = f"is more than {OLDEST_DAYS:,} days ago; give a later one from which it holds"
            raise EventRefusal(RefusalReason.TOO_OLD, "time", text)


def _checked_label(attribute: CustomerAttribute) -> str:
    label, field = attribute.label, f"{ATTRIBUTE}{attribute.name}"
    if len(label) > MAX_LABEL_TEXT:
        text = f"has {len(label)} characters, must have at most {MAX_LABEL_TEXT}"
        raise invalid(field, f"{text}; a segment is a short label, such as gold")
    if control := CONTROL_CHARACTER.search(label):
        raise invalid(field, f"contains the control character {control[0]!r}; remove it")
    return label
