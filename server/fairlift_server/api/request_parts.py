"""Counts the parts of a request in its bytes, before it is read into memory.

An empty part is two bytes on the wire and more than sixty in memory, so that 4 MiB of them cost
130 MiB and half a second. A sensible request has a few parts for each of its items.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor

# Fields of the request itself: every list of the contract has at most 1,000 items.
MOST_FIELDS = 2_000
# Messages within messages: 1,000 orders of a hundred lines.
MOST_PARTS = 100_000
# Smaller requests are not looked at within: all that they can hold is 16 MiB.
LARGE_BYTES = 512 * 1024

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


class TooManyParts(ValueError):
    """A request with more parts than any request has."""


class Malformed(ValueError):
    """Bytes that are no message; what parses them says so better."""


def check_parts(data: bytes, request: Descriptor) -> None:
    """Lets requests of a sensible number of parts pass; those that are no message as well.

    Args:
        data: the request's bytes.
        request: its type.

    Raises:
        TooManyParts: it has too many fields, or too many messages within.
    """
    try:
        for count, _ in enumerate(fields_in(data, 0, len(data)), 1):
            if count > MOST_FIELDS:
                raise TooManyParts(f"has more than {MOST_FIELDS:,} fields")
        if len(data) > LARGE_BYTES:
            _check_within(data, request)
    except Malformed:
        return


def _check_within(data: bytes, request: Descriptor) -> None:
    parts, waiting = 0, [(request, 0, len(data))]
    while waiting:
        kind, start, end = waiting.pop()
        messages = _messages_of(kind)
        for number, first, last in fields_in(data, start, end):
            inner = messages.get(number)
            if inner is not None:
                parts += 1
                if parts > MOST_PARTS:
                    raise TooManyParts(f"has more than {MOST_PARTS:,} messages within")
                if last > first:
                    waiting.append((inner, first, last))


def fields_in(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field, and where its bytes begin and end."""
    at = start
    try:
        while at < end:
            tag, at = _varint(data, at)
            wire_type = tag & 7
            if wire_type == _BYTES:
                length, at = _varint(data, at)
                last = at + length
            elif wire_type == _VARINT:
                _, last = _varint(data, at)
            elif wire_type == _FIXED_64:
                last = at + 8
            elif wire_type == _FIXED_32:
                last = at + 4
            else:  # groups: the contract has none, and a field could hide in one
                raise TooManyParts("has a group, which no message of the contract has")
            if last > end:
                raise Malformed
            yield tag >> 3, at, last
            at = last
    except IndexError:
        raise Malformed from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends.

    Raises:
        IndexError: the data ends before it does.
    """
    # Nearly all have one byte or two.
    value = data[at]
    if value < 0x80:
        return value, at + 1
    byte = data[at + 1]
    if byte < 0x80:
        return value + (byte << 7) - 0x80, at + 2
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed


@cache
def _messages_of(kind: Descriptor) -> Mapping[int, Descriptor]:
    """The fields that hold messages."""
    return {
        field.number: field.message_type for field in kind.fields if field.message_type is not None
    }
