"""Wraps every call: limits its time and size, maps errors, logs, and ends streams."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import grpc
from fairlift.engine.errors import FairliftError, Overloaded, Unavailable
from google.protobuf.message import Message

from fairlift_server.api.admission import Admission, Metadata
from fairlift_server.api.call_classes import ASSIGN_VARIANTS, longest_s
from fairlift_server.api.call_log import abort_internal, abort_logged, log_answer
from fairlift_server.api.call_record import (
    Answer,
    CallObserver,
    CallTracer,
    Context,
    Unary,
    begin_call,
    recorded,
    traced,
)
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.errors import STATUS
from fairlift_server.api.message_arrival import (
    MOST_SLOW_WITH_TOKEN,
    MOST_SLOW_WITHOUT_TOKEN,
    MessageArrival,
)
from fairlift_server.api.permissions import WITHOUT_TOKEN
from fairlift_server.api.request_parser import RequestParser

# After so long without reading a subscriber is cut off.
SLOW_READER_S = 10.0
_SHUTTING_DOWN = "the server is shutting down; connect again"

Stream = Callable[[Any, Context], AsyncGenerator[Message]]


class CallGuard:
    """Wraps handlers when they are registered: gRPC's interceptors add a tenth to each call.

    The generated functions `add_…Servicer_to_server` take it in place of the server.
    """

    def __init__(
        self,
        admission: Admission,
        rooms: CallRooms,
        observer: CallObserver | None = None,
        tracer: CallTracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._admission = admission
        self._rooms = rooms
        self._arrival_with_token = MessageArrival(MOST_SLOW_WITH_TOKEN)
        self._arrival_without_token = MessageArrival(MOST_SLOW_WITHOUT_TOKEN)
        # Those that run, with the method and the metadata of each.
        self._streams: dict[asyncio.Task[Any], tuple[str, Metadata]] = {}
        # Why those are cancelled that may not go on.
        self._refused: dict[asyncio.Task[Any], FairliftError] = {}
        self._observer = observer
        self._draining = False

    # Any: grpcio's handlers are untyped tuples.
    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Adds a service, with all its methods wrapped."""
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            self._admission.add(method, *self._wrapped(method, handler))

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Ignored: the generated code hands over the same handlers by the other method too."""

    def end_streams(self) -> None:
        """Ends every stream with UNAVAILABLE: after OK some clients do not reconnect."""
        self._draining = True
        for stream in self._streams:
            stream.cancel()

    def end_refused_streams(self) -> None:
        """Ends the streams whose callers lost the right to them since they began."""
        for stream, (method, metadata) in self._streams.items():
            error = self._admission.refused(method, metadata)
            if error is not None:
                self._refused[stream] = error
                stream.cancel()

    def _wrapped(self, method: str, handler: Any) -> tuple[Any, ...]:
        """The handler, and where callers need no secret another one for those without."""
        # gRPC hands over the bytes, so that bytes that are no message get an answer of ours.
        codecs = (None, _encoded)
        parser = RequestParser(method, handler.request_deserializer)
        if handler.unary_unary:
            unary = self._unary(method, handler.unary_unary, parser)
            if self._tracer is not None:
                unary = traced(method, unary, self._tracer)
            unary = recorded(method, unary, self._observer)
            wrapped: Any = grpc.unary_unary_rpc_method_handler(unary, *codecs)
            arriving: Any = grpc.stream_unary_rpc_method_handler(
                self._arriving(method, unary), *codecs
            )
            return wrapped, arriving
        if handler.unary_stream:
            stream = self._stream(method, handler.unary_stream, parser.message)
            wrapped = grpc.unary_stream_rpc_method_handler(stream, *codecs)
            if not method.startswith(WITHOUT_TOKEN):
                return (wrapped,)
            arriving = grpc.stream_stream_rpc_method_handler(
                self._arriving(method, stream), *codecs
            )
            return wrapped, arriving
        stream = self._stream(
            method, handler.stream_stream, partial(self._messages, method, parser)
        )
        return (grpc.stream_stream_rpc_method_handler(stream, *codecs),)

    # Any: its handler answers with a message, or writes messages itself.
    def _arriving(self, method: str, handler: Any) -> Any:
        """A handler that receives its message itself, so that few can arrive slowly."""
        needs_none = method.startswith(WITHOUT_TOKEN)
        arrival = self._arrival_without_token if needs_none else self._arrival_with_token

        async def arriving(_requests: object, context: Context) -> Any:
            try:
                data = await arrival.message(context)
            except FairliftError as error:
                await self._admission.refuse(error, method, context)
            return await handler(data, context)

        return arriving

    async def _messages(
        self, method: str, parser: RequestParser, stream: AsyncIterator[bytes]
    ) -> AsyncIterator[Message]:
        """The requests of a stream; each is read only while there is room for one more."""
        async for data in stream:
            self._rooms.check_disk(method)
            yield parser.message(data)

    def _unary(self, method: str, handler: Unary, parser: RequestParser) -> Unary:
        limit_s, admission, rooms = longest_s(method), self._admission, self._rooms

        async def assigning(data: bytes, context: Context) -> Answer:
            try:
                return await handler(parser.message(data), context)
            except FairliftError as error:
                await abort_logged(method, context, error)
            except grpc.aio.AbortError:
                raise
            except Exception:
                await abort_internal(method, context)

        async def with_limit(data: bytes, context: Context) -> Answer:
            started = time.monotonic()
            limit = asyncio.timeout(limit_s)  # with the wait for its turn
            try:
                # Others may have come in while this message was received.
                await admission.refuse_overload(method, context)
                with rooms.running(method):
                    async with limit:
                        await rooms.turn(method, context.time_remaining)
                        rooms.check_disk(method)
                        response = await handler(parser.message(data), context)
            except FairliftError as error:
                await self._end(method, context, error)
            except TimeoutError:
                if not limit.expired():  # the handler's own, as of a connection
                    await abort_internal(method, context)
                text = f"the call took more than {limit_s:g} s; try again later"
                await self._end(method, context, Overloaded(text, retry_after_s=1.0))
            except grpc.aio.AbortError:
                raise
            except Exception:
                await abort_internal(method, context)
            log_answer(method, started=started)
            return response

        return assigning if method == ASSIGN_VARIANTS else with_limit

    # Any: one message, or an iterator of them.
    def _stream(self, method: str, handler: Stream, parse: Callable[[Any], Any]) -> Stream:
        if inspect.iscoroutinefunction(handler):  # writes responses itself, as health does

            async def writing(data: Any, context: Context) -> None:
                async with self._guarded(method, context):
                    await handler(parse(data), context)

            return writing  # type: ignore[return-value]  # gRPC accepts both kinds of handler

        async def sending(data: Any, context: Context) -> None:
            async with (
                self._guarded(method, context),
                aclosing(handler(parse(data), context)) as responses,
            ):
                # Alone, so that the status can be sent while a message waits for its reader.
                await context.send_initial_metadata(())
                async for response in responses:
                    await _send(method, response, context)

        return sending  # type: ignore[return-value]  # as above

    @asynccontextmanager
    async def _guarded(self, method: str, context: Context) -> AsyncIterator[None]:
        """Registers a stream and maps its errors."""
        task = asyncio.current_task()
        assert task is not None, "gRPC runs every handler in a task"
        begin_call(context)
        self._streams[task] = (method, tuple(context.invocation_metadata() or ()))
        if self._observer is not None:
            self._observer.stream(method, 1)
        try:
            if self._draining:
                raise Unavailable(_SHUTTING_DOWN)
            await self._admission.refuse_overload(method, context)
            with self._rooms.running(method):
                yield
        except FairliftError as error:
            await self._end(method, context, error)
        except asyncio.CancelledError:
            why = self._refused.get(task) or Unavailable(_SHUTTING_DOWN)
            if not self._draining and task not in self._refused:
                raise
            task.uncancel()
            await abort_logged(method, context, why)
        except grpc.aio.AbortError:
            raise
        except Exception:
            await abort_internal(method, context)
        finally:
            self._streams.pop(task)
            self._refused.pop(task, None)
            if self._observer is not None:
                self._observer.stream(method, -1)

    async def _end(self, method: str, context: Context, error: FairliftError) -> NoReturn:
        """Ends a call with an error, which may be a refusal."""
        if isinstance(error, Overloaded):
            self._admission.count(method, STATUS[Overloaded].name, context.peer())
        await abort_logged(method, context, error)


def _encoded(answer: Answer) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


async def _send(method: str, response: Message, context: Context) -> None:
    """Sends a message of a stream; cuts off a caller who does not read."""
    try:
        async with asyncio.timeout(SLOW_READER_S):
            await context.write(response)
    except grpc.aio.InternalError:  # the caller has gone away
        raise asyncio.CancelledError from None
    except TimeoutError:
        text = f"the caller has read nothing for {SLOW_READER_S:g} s; connect again"
        try:
            async with asyncio.timeout(SLOW_READER_S):
                await abort_logged(method, context, Unavailable(text))
        except TimeoutError:
            # The status waits behind the message. Without a handler gRPC drops both.
            raise asyncio.CancelledError from None
