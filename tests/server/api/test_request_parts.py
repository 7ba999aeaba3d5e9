"""Requests that would cost many times their bytes in memory are refused before they are parsed."""

import grpc
import pytest
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest
from fairlift.v1.event_service_pb2 import Event, Order, RecordEventsRequest
from fairlift_server.api.request_parser import MAX_BYTES
from fairlift_server.api.request_parts import (
    LARGE_BYTES,
    MOST_FIELDS,
    MOST_PARTS,
    TooManyParts,
    check_parts,
)

from tests.server import shop
from tests.server.client import Caller

RECORD = "/fairlift.v1.EventService/RecordEvents"
ORDER = Event.DESCRIPTOR.fields_by_name["order"].number
LINES = Order.DESCRIPTOR.fields_by_name["lines"].number


def held(number: int, content: bytes) -> bytes:
    """A field of bytes: tag, length, content (protobuf.dev, "Encoding")."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def order_of(lines: int) -> bytes:
    """A request with one order of so many empty lines: two bytes each."""
    return held(1, held(ORDER, held(LINES, b"") * lines))


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x00" * (MOST_FIELDS + 1),
        # Fields that the contract does not have.
        b"\xf8\x3f\x01" * (MOST_FIELDS + 1),
        # A group, in which fields could hide.
        b"\x0b" + b"\x0a\x00" * 10 + b"\x0c",
        order_of(LARGE_BYTES // 2),
        # Hidden behind a small event.
        held(1, b"") + order_of(LARGE_BYTES // 2),
    ],
    ids=["items", "unknown fields", "a group", "lines of one order", "lines of the second event"],
)
def test_more_parts_than_any_request_has_are_refused(data: bytes) -> None:
    with pytest.raises(TooManyParts):
        check_parts(data, RecordEventsRequest.DESCRIPTOR)


@pytest.mark.parametrize(
    "request_",
    [
        RecordEventsRequest(
            events=[
                shop.order(f"visitor-{n}", f"order-{n}", *[shop.line(19.99)] * 20)
                for n in range(1_000)
            ]
        ),
        AssignVariantsRequest(visitor_id="v", campaigns=[f"campaigns/{n}" for n in range(1_000)]),
        RecordEventsRequest(),
    ],
    ids=["1,000 orders of 20 lines", "1,000 campaigns", "nothing"],
)
def test_requests_as_the_contract_allows_them_pass(
    request_: RecordEventsRequest | AssignVariantsRequest,
) -> None:
    check_parts(request_.SerializeToString(), request_.DESCRIPTOR)


def test_the_limit_of_parts_is_exact() -> None:
    # The event and its order are parts as well. An unknown field of bytes makes the request large.
    filler = held(1_000, bytes(LARGE_BYTES))

    check_parts(order_of(MOST_PARTS - 2) + filler, RecordEventsRequest.DESCRIPTOR)
    with pytest.raises(TooManyParts):
        check_parts(order_of(MOST_PARTS - 1) + filler, RecordEventsRequest.DESCRIPTOR)


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05abc", b"\xff" * 11, b"\x0d\x01", b"\x09\x01", b"\x08\x80"]
)
def test_what_is_no_message_is_left_to_the_parser(data: bytes) -> None:
    check_parts(data, RecordEventsRequest.DESCRIPTOR)


async def test_the_caller_is_told_to_send_less_at_once(caller: Caller) -> None:
    bomb = b"\x0a\x00" * (MAX_BYTES // 2 - 1)
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = caller.channel.unary_unary(RECORD)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(bomb)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "has more than 2,000 fields; send what it holds in several requests" in (
        refused.value.details() or ""
    )
    outcome, = await caller.record(shop.exposure("a"))  # fmt: skip
    assert outcome.message
