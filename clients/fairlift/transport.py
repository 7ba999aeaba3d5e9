"""The gRPC calls of the SDK: connecting, calling, and mapping status codes to errors."""

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, cast

import grpc

from fairlift.addresses import is_local
from fairlift.channel_options import BALANCING_OPTIONS, DEFAULT_OPTIONS
from fairlift.engine.errors import (
    FairliftError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unsupported,
    Violation,
)
from fairlift.retry_info import retry_after_s
from fairlift.tokens import Token, check_environment, sendable, token_from
from fairlift.tracing import SpanContext, call_span, current_span
from fairlift.v1 import assignment_service_pb2 as assignments_pb
from fairlift.v1 import event_service_pb2 as events_pb
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

_SLICE_S = 0.1
_ASSIGN = "fairlift.v1.AssignmentService/AssignVariants"
_RECORD = "fairlift.v1.EventService/RecordEvents"
# How gRPC libraries (C and Go; Java) refuse a message that is too large: their status code,
# RESOURCE_EXHAUSTED, also means "try again later".
_TOO_LARGE = re.compile("message larger than max|message exceeds maximum size", re.IGNORECASE)
_SIZE_AND_LIMIT = re.compile(r"\((\d+) vs\.? (\d+)\)")


class MessageTooLarge(InvalidRequest):
    """A message is larger than its receiver accepts.

    Attributes:
        size_bytes: The size of the message, or None when it is not known.
        limit_bytes: The largest that the receiver accepts, or None.
    """

    def __init__(self, details: str) -> None:
        super().__init__([Violation("", details)])
        sizes = _SIZE_AND_LIMIT.search(details)
        self.size_bytes = int(sizes[1]) if sizes else None
        self.limit_bytes = int(sizes[2]) if sizes else None


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates in PEM; without a root, the system's certificates are trusted."""

    root: bytes | None = None
    key: bytes | None = None
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server's address, the token and the kind of connection.

    Args:
        target: host:port, unix:path, or any gRPC name. A proxy is taken from the environment
            (`https_proxy`, `no_proxy`), as gRPC does.
        token: Sent as a bearer token with every call, without the white space around it.
        tls: True, or certificates, or False for plain text; None means TLS for every target but
            this machine.
        options: Further gRPC channel arguments; they override the defaults.
        balances: Whether calls are spread over all addresses of the target, and an assignment is
            repeated on another one when a server ends.
        environment: That this client belongs to, such as production; a server of another one
            refuses its calls. Empty: any.

    Raises:
        ValueError: the token or the environment has characters that a header cannot carry.
    """

    target: str
    token: Token = None
    tls: bool | Tls | None = None
    options: Sequence[tuple[str, int | str]] = ()
    balances: bool = False
    environment: str = ""

    def __post_init__(self) -> None:
        check_environment(self.environment)
        if not callable(self.token):
            sendable(self.token)

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return not is_local(self.target) if self.tls is None else bool(self.tls)

    def connect(self, *, is_blocking: bool = False) -> "Connection":
        """A connection; it connects at the first call."""
        defaults = (*DEFAULT_OPTIONS, *(BALANCING_OPTIONS if self.balances else ()))
        # Of two options of one name, gRPC takes the first.
        options = [*{**dict(defaults), **dict(self.options)}.items()]
        if not self.is_encrypted:
            return self._connection(grpc.insecure_channel(self.target, options), is_blocking)
        tls = self.tls if isinstance(self.tls, Tls) else Tls()
        credentials = grpc.ssl_channel_credentials(tls.root, tls.key, tls.certificate)
        channel = grpc.secure_channel(self.target, credentials, options)
        return self._connection(channel, is_blocking)

    def _connection(self, channel: grpc.Channel, is_blocking: bool) -> "Connection":
        return Connection(
            channel, self.token, is_blocking=is_blocking, environment=self.environment
        )


class _StreamCall(Protocol):
    """The part of grpcio's stream object that is used here."""

    def __iter__(self) -> Iterator[assignments_pb.WatchSnapshotResponse]: ...

    def cancel(self) -> bool:
        """Ends the stream."""
        ...


class SnapshotStream:
    """The responses of one WatchSnapshot call; iterating raises a FairliftError when it fails."""

    def __init__(self, call: _StreamCall) -> None:
        self._call = call

    def __iter__(self) -> Iterator[assignments_pb.WatchSnapshotResponse]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            raise error_from(error) from error

    def cancel(self) -> None:
        """Ends the stream; an iteration under way raises an error."""
        self._call.cancel()


class Connection:
    """The calls of the SDK; each raises FairliftError and has a timeout.

    Args:
        channel: The gRPC channel.
        token: Sent with every call.
        is_blocking: Whether `record` needs no thread of gRPC's, because the interpreter ends and
            starts none any more.
        environment: Sent with every call; empty: none.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        token: Token,
        *,
        is_blocking: bool = False,
        environment: str = "",
    ) -> None:
        self._channel = channel
        self._is_blocking = is_blocking
        self._token = token if callable(token) else sendable(token)
        self._environment = environment
        self._assignments: AssignmentServiceStub = AssignmentServiceStub(channel)
        self._events: EventServiceStub = EventServiceStub(channel)
        self._is_closed = False

    def record(
        self,
        events: Iterable[events_pb.Event],
        *,
        timeout_s: float,
        sent_time_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
        spans: Sequence[SpanContext | None] = (),
    ) -> Sequence[events_pb.EventOutcome]:
        """Sends one batch; returns the outcomes when the server has stored it.

        Args:
            events: The batch.
            timeout_s: How long to wait for the response.
            sent_time_s: The time now, by the clock that stamped the events, in seconds since 1970.
            is_wanted: Called ten times a second; False stops waiting.
            spans: Of the application, in which the events were recorded.
        """
        request = events_pb.RecordEventsRequest(events=events)
        if sent_time_s is not None:
            request.sent_time.FromMicroseconds(round(sent_time_s * 1e6))
        # The id of the first event: it stays while the batch is sent again and again.
        request_id = request.events[0].event_id if request.events else ""
        with self._errors(), call_span(_RECORD, spans) as trace:
            metadata = (*self._metadata(request_id), *trace)
            if self._is_blocking:
                return self._events.RecordEvents(
                    request, timeout=timeout_s, metadata=metadata
                ).outcomes
            call = self._events.RecordEvents.future(request, timeout=timeout_s, metadata=metadata)
            try:
                return _awaited(call, is_wanted).outcomes
            finally:
                call.cancel()  # which does nothing to a call that has ended

    def assign(
        self, request: assignments_pb.AssignVariantsRequest, *, timeout_s: float
    ) -> assignments_pb.AssignVariantsResponse:
        """Asks the server to decide."""
        with self._errors(), call_span(_ASSIGN, [current_span()]) as trace:
            metadata = (*self._metadata(), *trace)
            return self._assignments.AssignVariants(request, timeout=timeout_s, metadata=metadata)

    async def assign_async(
        self, request: assignments_pb.AssignVariantsRequest, *, timeout_s: float
    ) -> assignments_pb.AssignVariantsResponse:
        """Like `assign`, without blocking a thread."""
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()

        def wake(_: object) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(answered.set)

        with self._errors(), call_span(_ASSIGN, [current_span()]) as trace:
            call = self._assignments.AssignVariants.future(
                request, timeout=timeout_s, metadata=(*self._metadata(), *trace)
            )
            try:
                call.add_done_callback(wake)
                await answered.wait()
                return call.result()
            finally:
                call.cancel()  # which does nothing to a call that has ended

    def watch(self, etag: str, *, timeout_s: float) -> SnapshotStream:
        """Opens a stream of snapshots and changes that lasts at most `timeout_s`."""
        request = assignments_pb.WatchSnapshotRequest(
            etag=etag, accepts_deltas=True, environment=self._environment
        )
        with self._errors():
            stream = self._assignments.WatchSnapshot(
                request, timeout=timeout_s, metadata=self._metadata()
            )
        return SnapshotStream(cast("_StreamCall", stream))

    def close(self) -> None:
        """Ends all calls under way."""
        self._is_closed = True
        self._channel.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            raise error_from(error) from error
        except ValueError as error:
            # grpcio raises it for a call on a channel that another thread has just closed.
            if not self._is_closed:
                raise
            raise Unavailable("the client was closed") from error

    def _metadata(self, request_id: str = "") -> tuple[tuple[str, str], ...]:
        """The metadata of one call; gRPC sends the same again when it repeats the call."""
        token = token_from(self._token) if callable(self._token) else self._token
        metadata = [("x-request-id", request_id or new_request_id())]
        if self._environment:
            metadata.append(("fairlift-environment", self._environment))
        if token:
            metadata.append(("authorization", f"Bearer {token}"))
        return tuple(metadata)


def new_request_id() -> str:
    """64 random bits: what a server's log, and its answer, call one call."""
    return os.urandom(8).hex()


def _awaited(
    call: "grpc.Future[events_pb.RecordEventsResponse]", is_wanted: Callable[[], bool]
) -> events_pb.RecordEventsResponse:
    while True:
        try:
            return call.result(timeout=_SLICE_S)
        except grpc.FutureTimeoutError as error:
            if not is_wanted():
                raise Unavailable("the caller no longer waits for the answer") from error


def keep_grpc() -> object:
    """Keeps the gRPC library running while the returned object lives; it connects to nothing.

    Without any channel the library shuts down in a thread, and a child forked at that moment would
    wait for it for ever.
    """
    return grpc.insecure_channel("unix:nobody")


def error_from(error: grpc.RpcError) -> FairliftError:
    """The FairliftError for a failed call, with the server's message."""
    # What a stub raises is also a grpc.Call, which has the code.
    call = cast("grpc.Call", error)
    code, details = call.code(), call.details() or "the server gave no reason"
    after_s = retry_after_s(call.trailing_metadata() or ())
    match code:
        case grpc.StatusCode.UNAUTHENTICATED:
            return Unauthenticated(details)
        case grpc.StatusCode.PERMISSION_DENIED:
            return PermissionDenied(details)
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.OUT_OF_RANGE:
            return InvalidRequest([Violation("", details)])
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(details)
        case grpc.StatusCode.UNIMPLEMENTED:
            return Unsupported(details)
        case grpc.StatusCode.RESOURCE_EXHAUSTED if _TOO_LARGE.search(details):
            return MessageTooLarge(details)
        case grpc.StatusCode.RESOURCE_EXHAUSTED if after_s is not None:
            return Overloaded(details, retry_after_s=after_s)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Overloaded(details)
        case _:
            return Unavailable(f"{code.name}: {details}", retry_after_s=after_s)
