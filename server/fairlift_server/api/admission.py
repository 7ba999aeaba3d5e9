"""Refuses calls before their messages are read: without a token, or while too much work waits.

A message that gRPC reads is unpacked in memory first. A refused call must not cost that.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import grpc
from fairlift.engine.errors import Overloaded, Unauthenticated

from fairlift_server.api.errors import Refusal, refusal
from fairlift_server.api.refusal_log import RefusalLog

# Load balancers check health without a token.
_WITHOUT_TOKEN = "/grpc.health.v1.Health/"

Context = grpc.aio.ServicerContext[Any, Any]  # Any: the context of any service's calls


class Admission(grpc.GenericRpcHandler):
    """Finds the handler of each call; refused calls get one that does not read their messages.

    Args:
        token: that callers must send; empty: none.
        rooms: by method, whether there is room for one more call now.
    """

    def __init__(self, *, token: str, rooms: Mapping[str, Callable[[], bool]]) -> None:
        self._token = token.encode()
        self._rooms = rooms
        self._log = RefusalLog()
        self._handlers: dict[str, Any] = {}  # Any: grpcio's handlers are untyped tuples
        text = "send the metadata `authorization: Bearer TOKEN` with a valid token"
        self._unauthenticated = self._refusing(refusal(Unauthenticated(text)))
        self._overload = refusal(_overloaded())
        self._overloaded = self._refusing(self._overload)

    def add(self, method: str, handler: Any) -> None:
        """Adds the handler of a method, such as /fairlift.v1.EventService/RecordEvents."""
        self._handlers[method] = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call whose message was not read yet; None: no such method."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            return None
        if (
            self._token
            and not self._has_token(handler_call_details)
            and not method.startswith(_WITHOUT_TOKEN)
        ):
            return self._unauthenticated
        return handler if self.has_room(method) else self._overloaded

    def has_room(self, method: str) -> bool:
        """Whether there is room for one more call of a method."""
        has_room = self._rooms.get(method)
        return has_room is None or has_room()

    def check_room(self, method: str) -> None:
        """For the next message of a stream, whose first one was admitted.

        Raises:
            Overloaded: there is no room for it now.
        """
        if not self.has_room(method):
            raise _overloaded()

    async def refuse_overload(self, context: Context) -> NoReturn:
        """Ends a call for which there was room when it came, and is none now."""
        await self._refuse(self._overload, context)

    def _has_token(self, details: grpc.HandlerCallDetails) -> bool:
        for key, value in details.invocation_metadata or ():
            # The scheme's case means nothing (RFC 9110, 11.1).
            scheme, _, token = str(value).partition(" ")
            if (
                key == "authorization"
                and scheme.lower() == "bearer"
                and hmac.compare_digest(token.strip().encode(), self._token)
            ):
                return True
        return False

    def _refusing(self, answer: Refusal) -> Any:
        """A handler for calls of every kind: a stream of requests is read only when asked for."""

        async def refuse(_requests: object, context: Context) -> NoReturn:
            await self._refuse(answer, context)

        return grpc.stream_unary_rpc_method_handler(refuse)

    async def _refuse(self, answer: Refusal, context: Context) -> NoReturn:
        code, text, trailing = answer
        self._log.add(code.name, context.peer())
        await context.abort(code, text, trailing)


def _overloaded() -> Overloaded:
    text = "too many events wait for the disk; send the same events again later"
    return Overloaded(text, retry_after_s=0.5)
