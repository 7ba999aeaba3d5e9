"""What is written down of every unary call: its id, how long it took, and its trace."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from fairlift_server import request_ids
from fairlift_server.api.bearer import address_of
from fairlift_server.api.slow_calls import SlowCalls

Context = grpc.aio.ServicerContext[Any, Any]  # Any: the context of any service's calls
# A handler may return its answer encoded: what is answered most is put together from parts.
Answer = Message | bytes
Unary = Callable[[Any, Context], Awaitable[Answer]]

_CODES: Mapping[object, str] = {code.value[0]: code.name for code in grpc.StatusCode}


class RefusalObserver(Protocol):
    """Is told of refused calls: no valid token, no room, or not to be answered in time."""

    def refused(self, kind: str, code: str) -> None:
        """Refused before or after the message was read.

        Args:
            kind: the class of the call, such as record.
            code: gRPC's name of it.
        """


class CallObserver(RefusalObserver, Protocol):
    """Is told of every call."""

    def call(self, method: str, code: str, seconds: float) -> None:
        """A unary call whose message was received ended, with gRPC's name of its code."""

    def stream(self, method: str, change: int) -> None:
        """A stream opened (1) or ended (-1)."""


class CallTracer(Protocol):
    """Traces calls."""

    def call(
        self, method: str, metadata: Mapping[str, str]
    ) -> AbstractContextManager[Callable[[str], None]]:
        """The span of a call, which takes gRPC's name of its code when it ends."""


def recorded(method: str, handler: Unary, observer: CallObserver | None) -> Unary:
    """The handler of a unary call, with its id in the answer, and with what is counted of it."""
    slow = SlowCalls(method)

    async def recorded_call(data: bytes, context: Context) -> Answer:
        begin_call(context)
        started = time.perf_counter()
        code = "CANCELLED"  # by a caller who went away
        try:
            response = await handler(data, context)
            code = "OK"
            return response
        except grpc.aio.AbortError:
            code = _code_name(context)
            raise
        finally:
            seconds = time.perf_counter() - started
            if observer is not None:
                observer.call(method, code, seconds)
            if seconds > slow.slow_s:
                slow.add(seconds, code=code, peer=address_of(context.peer()))

    return recorded_call


def traced(method: str, handler: Unary, tracer: CallTracer) -> Unary:
    """The handler of a unary call, in a span of the caller's trace."""

    async def traced_call(data: bytes, context: Context) -> Answer:
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        with tracer.call(method, metadata) as end:
            try:
                response = await handler(data, context)
            except grpc.aio.AbortError:
                end(_code_name(context))
                raise
            end("OK")
            return response

    return traced_call


def begin_call(context: Context) -> None:
    """Gives a call its id, which goes back to the caller with the answer."""
    request_id = request_ids.set_request_id(context.invocation_metadata() or ())
    context.set_trailing_metadata(((request_ids.HEADER, request_id),))


def _code_name(context: Context) -> str:
    code: object = context.code()  # a number, whatever its type says
    return code.name if isinstance(code, grpc.StatusCode) else _CODES[code]
