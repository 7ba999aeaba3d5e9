"""Wraps every call: limits its time and size, maps errors, logs, and ends streams."""

import asyncio
import inspect
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import grpc
from fairlift.engine.errors import FairliftError, InvalidRequest, Unavailable, Violation
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from fairlift_server.api.admission import Admission
from fairlift_server.api.errors import STATUS, abort, reason
from fairlift_server.api.request_parts import TooManyParts, check_parts

log = logging.getLogger("fairlift.calls")

_LIMIT_S = 10.0
LONGEST_CALL_S = 1_800.0
_LIMITS_S: Mapping[str, float | None] = {
    # Never waits for anything: a timer would be pure cost.
    "/fairlift.v1.AssignmentService/AssignVariants": None,
    # The first look of a large shop takes minutes. One computation serves all who wait for it.
    "/fairlift.v1.ResultsService/GetResults": LONGEST_CALL_S,
    "/fairlift.v1.ResultsService/GetHealth": LONGEST_CALL_S,
    # It reads through the whole database.
    "/fairlift.v1.AdminService/EraseUnit": LONGEST_CALL_S,
}

MAX_BYTES = 4 * 1024 * 1024
# Few methods carry campaigns or many events; no other request comes near this.
_MAX_SMALL_BYTES = 1024 * 1024
_LARGE_REQUESTS = frozenset(
    {
        "/fairlift.v1.EventService/RecordEvents",
        "/fairlift.v1.EventService/StreamEvents",
        "/fairlift.v1.CampaignService/CreateCampaign",
        "/fairlift.v1.CampaignService/UpdateCampaign",
        "/fairlift.v1.CampaignService/BatchUpdateCampaigns",
        "/fairlift.v1.CampaignService/PlanChange",
    }
)

_SHUTTING_DOWN = "the server is shutting down; connect again"

Context = grpc.aio.ServicerContext[Any, Any]  # Any: the context of any service's calls
Unary = Callable[[Any, Context], Awaitable[Message]]
Stream = Callable[[Any, Context], AsyncIterator[Message]]


class CallGuard:
    """Wraps handlers when they are registered: gRPC's interceptors add a tenth to each call.

    The generated functions `add_…Servicer_to_server` take it in place of the server.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._streams: set[asyncio.Task[Any]] = set()
        self._draining = False

    # Any: grpcio's handlers are untyped tuples.
    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Adds a service, with all its methods wrapped."""
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            self._admission.add(method, self._wrapped(method, handler))

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Ignored: the generated code hands over the same handlers by the other method too."""

    def end_streams(self) -> None:
        """Ends every stream with UNAVAILABLE: after OK some clients do not reconnect."""
        self._draining = True
        for stream in self._streams:
            stream.cancel()

    def _wrapped(self, method: str, handler: Any) -> Any:
        # gRPC hands over the bytes, so that bytes that are no message get an answer of ours.
        codecs = (None, handler.response_serializer)
        parser = _Parser(method, handler.request_deserializer)
        if handler.unary_unary:
            unary = self._unary(method, handler.unary_unary, parser)
            return grpc.unary_unary_rpc_method_handler(unary, *codecs)
        if handler.unary_stream:
            stream = self._stream(method, handler.unary_stream, parser.message)
            return grpc.unary_stream_rpc_method_handler(stream, *codecs)
        stream = self._stream(
            method, handler.stream_stream, partial(self._messages, method, parser)
        )
        return grpc.stream_stream_rpc_method_handler(stream, *codecs)

    async def _messages(
        self, method: str, parser: "_Parser", stream: AsyncIterator[bytes]
    ) -> AsyncIterator[Message]:
        """The requests of a stream; each is read only while there is room for one more."""
        async for data in stream:
            self._admission.check_room(method)
            yield parser.message(data)

    def _unary(self, method: str, handler: Unary, parser: "_Parser") -> Unary:
        limit_s = _LIMITS_S.get(method, _LIMIT_S)

        async def without_limit(data: bytes, context: Context) -> Message:
            try:
                return await handler(parser.message(data), context)
            except FairliftError as error:
                await _abort(method, context, error)
            except grpc.aio.AbortError:
                raise
            except Exception:
                await _abort_internal(method, context)

        async def with_limit(data: bytes, context: Context) -> Message:
            started = time.monotonic()
            try:
                # Others may have come in while this message was received.
                if not self._admission.has_room(method):
                    await self._admission.refuse_overload(context)
                request = parser.message(data)
                async with asyncio.timeout(limit_s):
                    response = await handler(request, context)
            except FairliftError as error:
                await _abort(method, context, error)
            except TimeoutError:
                text = f"the call took more than {limit_s:g} s; try again later"
                await _abort(method, context, Unavailable(text))
            except grpc.aio.AbortError:
                raise
            except Exception:
                await _abort_internal(method, context)
            _log(logging.DEBUG, method, "OK", started=started)
            return response

        return without_limit if limit_s is None else with_limit

    # Any: one message, or an iterator of them.
    def _stream(self, method: str, handler: Stream, parse: Callable[[Any], Any]) -> Stream:
        if inspect.iscoroutinefunction(handler):  # writes responses itself, as health does

            async def writing(data: Any, context: Context) -> None:
                async with self._guarded(method, context):
                    await handler(parse(data), context)

            return writing  # type: ignore[return-value]  # gRPC accepts both kinds of handler

        async def yielding(data: Any, context: Context) -> AsyncIterator[Message]:
            async with self._guarded(method, context):
                async for response in handler(parse(data), context):
                    yield response

        return yielding

    @asynccontextmanager
    async def _guarded(self, method: str, context: Context) -> AsyncIterator[None]:
        """Registers a stream and maps its errors."""
        task = asyncio.current_task()
        assert task is not None, "gRPC runs every handler in a task"
        self._streams.add(task)
        try:
            if self._draining:
                raise Unavailable(_SHUTTING_DOWN)
            yield
        except FairliftError as error:
            await _abort(method, context, error)
        except asyncio.CancelledError:
            if not self._draining:
                raise
            task.uncancel()
            await _abort(method, context, Unavailable(_SHUTTING_DOWN))
        except grpc.aio.AbortError:
            raise
        except Exception:
            await _abort_internal(method, context)
        finally:
            self._streams.discard(task)


class _Parser:
    """Reads the requests of one method from their bytes, within its limit."""

    def __init__(self, method: str, parse: Callable[[bytes], Message]) -> None:
        self._method = method
        self._parse = parse
        # The generated parser is a method of its message's class.
        self._type: Descriptor | None = getattr(
            getattr(parse, "__self__", None), "DESCRIPTOR", None
        )
        self._max_bytes = MAX_BYTES if method in _LARGE_REQUESTS else _MAX_SMALL_BYTES

    def message(self, data: bytes) -> Message:
        """The request.

        Raises:
            InvalidRequest: it is too large, has too many parts, or is no message of this method.
        """
        if len(data) > self._max_bytes:
            text = f"has {len(data)} bytes, {self._method} takes at most {self._max_bytes}"
            raise InvalidRequest([Violation("request", text)])
        try:
            if self._type is not None:
                check_parts(data, self._type)
            return self._parse(data)
        except TooManyParts as error:
            text = f"{error}; send what it holds in several requests"
            raise InvalidRequest([Violation("request", text)]) from None
        except DecodeError:
            text = "cannot be read as a message of this method; use the contract of this server"
            raise InvalidRequest([Violation("request", text)]) from None


async def _abort(method: str, context: Context, error: FairliftError) -> NoReturn:
    request_id = _request_id(context)
    code = STATUS[type(error)].name
    _log(logging.INFO, method, code, reason=reason(error), request_id=request_id)
    await abort(context, error, request_id=request_id)


async def _abort_internal(method: str, context: Context) -> NoReturn:
    request_id = _request_id(context)
    _log(logging.ERROR, method, "INTERNAL", request_id=request_id, exc_info=True)
    error = FairliftError(f"internal server error, logged under request id {request_id}")
    await abort(context, error, request_id=request_id)


def _request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "x-request-id":
            return str(value)[:64]
    return uuid.uuid4().hex


def _log(
    level: int,
    method: str,
    code: str,
    *,
    started: float | None = None,
    exc_info: bool = False,
    **fields: str,
) -> None:
    """Logs one call, never its contents: visitor ids do not belong in logs."""
    if log.isEnabledFor(level):
        if started is not None:
            fields["ms"] = f"{(time.monotonic() - started) * 1_000:.1f}"
        extra = {"fields": {"method": method, "code": code, **fields}}
        log.log(level, "call", exc_info=exc_info, extra=extra)
