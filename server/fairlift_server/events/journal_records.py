"""The format of the journal's files: one checksummed record for each event.

A record is a header and the event as UTF-8 JSON. UTF-8 has no byte 0xFF, so the marker of a header
stands in no event: behind damaged bytes the next record is found by it.
"""

import json
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    AmendmentKind,
    CostEntry,
    Event,
    ExposureEntry,
    IdentityEntry,
    LedgerEntry,
    LineEntry,
    OrderContent,
    OrderEntry,
    RateEntry,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import WaitingEvent

ReadEvent: TypeAlias = Event | WaitingEvent

# Of the records. A field added at the end of an entry, with a default, needs no other version.
VERSION: Final = 1
MARKER: Final = b"\xff\xfeFJ"
# Marker, version, bytes of the event, number in the file from 0, checksum of the event.
_HEADER: Final = Struct("<4sHIII")
# Of the header.
_CHECKSUM: Final = Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _CHECKSUM.size
_WAITING: Final = "waiting"
# Names in the files: a class may be renamed, they may not.
_KINDS: Final[dict[str, Any]] = {  # Any: the classes have different fields
    "exposure": ExposureEntry,
    "action": ActionEntry,
    "order": OrderEntry,
    "amendment": AmendmentEntry,
    "identity": IdentityEntry,
    "cost": CostEntry,
    "rate": RateEntry,
}
_NAMES: Final[dict[type[LedgerEntry], str]] = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a file that hold no record.

    Attributes:
        offset: in the file.
        data: the bytes.
        reason: what is wrong with them, in a few words.
    """

    offset: int
    data: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Records:
    """What a file of the journal holds.

    Attributes:
        events: in the order in which they were written.
        damages: what cannot be read.
        lost: how many records cannot be read, as far as their numbers tell: the damaged ones, and
            those of which nothing is left.
        torn_bytes: of a record at the end whose writing was cut off: it was never acknowledged.
    """

    events: list[ReadEvent]
    damages: list[Damage]
    lost: int
    torn_bytes: int


def event_text(event: ReadEvent) -> str:
    """The event as one line of JSON."""
    if isinstance(event, WaitingEvent):
        return _json([_WAITING, *event])
    return _json([_NAMES[type(event.entry)], *event])


def event_from(text: str) -> ReadEvent:
    """What `event_text` wrote.

    Raises:
        ValueError, TypeError, KeyError, IndexError: it wrote something else.
    """
    name, *fields = _from_json(text)
    if name == _WAITING:
        waiting = WaitingEvent(*fields)
        refusal = RefusedEvent(*waiting.refusal)
        refusal = refusal._replace(reason=RefusalReason(refusal.reason))
        return waiting._replace(refusal=refusal, units=tuple(waiting.units))
    event = Event(*fields)
    return event._replace(entry=_entry_from(name, fields[2]))


def record(payload: bytes, number: int) -> bytes:
    """The record with this payload, the `number`th of its file."""
    header = _HEADER.pack(MARKER, VERSION, len(payload), number, crc32(payload))
    return b"".join((header, _CHECKSUM.pack(crc32(header)), payload))


def version_of(data: bytes) -> int:
    """The version of the first record; this version where it cannot be read."""
    header = _header(data, 0)
    return VERSION if header is None else header.version


def read_records(data: bytes) -> Records:
    """Every record whose checksums are right, and all other bytes."""
    events: list[ReadEvent] = []
    damages: list[Damage] = []
    written = torn_bytes = at = 0
    while at < len(data):
        header = _header(data, at)
        read = "no header" if header is None else _read(data, at, header)
        if header is not None and not isinstance(read, str):
            events.append(read)
            written = header.number + 1
            at += HEADER_BYTES + header.size
            continue
        end = _next_header(data, at + 1)
        if end == len(data) and _is_torn(data, at, header):
            torn_bytes = end - at
        else:
            damages.append(Damage(at, data[at:end], str(read)))
            written = written + 1 if header is None else header.number + 1
        at = end
    return Records(events, damages, max(0, written - len(events)), torn_bytes)


class _Header(NamedTuple):
    marker: bytes
    version: int
    size: int
    number: int
    checksum: int


def _header(data: bytes, at: int) -> _Header | None:
    """The header that begins there; None when its checksum is wrong."""
    if len(data) < at + HEADER_BYTES or not data.startswith(MARKER, at):
        return None
    (checksum,) = _CHECKSUM.unpack_from(data, at + _HEADER.size)
    if checksum != crc32(data[at : at + _HEADER.size]):
        return None
    return _Header._make(_HEADER.unpack_from(data, at))


def _next_header(data: bytes, start: int) -> int:
    """Where the next header with a right checksum begins, or the end of the data."""
    at = data.find(MARKER, start)
    while at >= 0:
        if _header(data, at) is not None:
            return at
        at = data.find(MARKER, at + 1)
    return len(data)


def _read(data: bytes, at: int, header: _Header) -> ReadEvent | str:
    """The event of a record, or why it cannot be read."""
    start = at + HEADER_BYTES
    payload = data[start : start + header.size]
    if len(payload) < header.size:
        return "cut off"
    if crc32(payload) != header.checksum:
        return "wrong checksum"
    try:
        return event_from(payload.decode())
    except (ValueError, TypeError, KeyError, IndexError) as error:
        return f"not an event: {type(error).__name__}"


def _is_torn(data: bytes, at: int, header: _Header | None) -> bool:
    """Whether the end of a file is what a write leaves that was cut off."""
    rest = data[at:]
    if header is not None:
        return len(rest) < HEADER_BYTES + header.size
    is_begun = len(rest) < HEADER_BYTES and rest.startswith(MARKER[: len(rest)])
    # After a power failure a file may have grown without its last bytes.
    return is_begun or not any(rest)


def _entry_from(name: str, fields: list[Any]) -> LedgerEntry:
    """The entry with these fields. `Any`: what JSON holds."""
    kind = _KINDS[name]
    entry: LedgerEntry = kind(*fields)
    match entry:
        case OrderEntry():
            *others, lines = fields[-1]
            content = OrderContent._make([*others, tuple(LineEntry(*line) for line in lines)])
            return entry._replace(content=content)
        case AmendmentEntry():
            return entry._replace(kind=AmendmentKind(entry.kind))
        case _:
            return entry


def _to_json(value: object) -> object:
    if isinstance(value, bytes):
        return {"b": value.decode("latin-1")}
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no form in the journal")


def _bytes_from(value: dict[str, str]) -> bytes:
    return value["b"].encode("latin-1")


# Made once: `json.loads` would make one for each event.
_from_json = json.JSONDecoder(object_hook=_bytes_from).decode
_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_to_json
).encode
