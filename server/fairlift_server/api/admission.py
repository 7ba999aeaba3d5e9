"""Refuses calls before their messages are read: without a right to them, or under too much work.

A message that gRPC reads is unpacked in memory first. A refused call must not cost that.
"""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import grpc
from fairlift.engine.errors import FairliftError, PermissionDenied, Unauthenticated

from fairlift_server import request_ids
from fairlift_server.access.live_tokens import Grant, LiveTokens
from fairlift_server.access.roles import Role
from fairlift_server.api.bad_tokens import BadTokens
from fairlift_server.api.bearer import ENVIRONMENT_HEADER, address_of, bearer_token, value_of
from fairlift_server.api.call_classes import ASSIGN_VARIANTS, class_of
from fairlift_server.api.call_record import Context, RefusalObserver
from fairlift_server.api.call_rooms import overloaded
from fairlift_server.api.errors import end, refusal
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.api.permissions import ROLES, WITHOUT_TOKEN, needed
from fairlift_server.api.refusal_log import RefusalLog

_OURS = "/fairlift."

Metadata = Iterable[tuple[str, Any]]  # Any: text, or bytes under binary keys


class Admission(grpc.GenericRpcHandler):
    """Finds the handler of each call; refused calls get one that does not read their messages.

    Args:
        tokens: that are valid.
        turns: on the event loop, which end when calls come in.
        shortage: why there is no room for one more call of a method now; empty: there is.
        observer: is told of every refusal.
    """

    def __init__(
        self,
        *,
        tokens: LiveTokens,
        turns: LoopTurns,
        shortage: Callable[[str], str],
        observer: RefusalObserver | None = None,
    ) -> None:
        self._tokens = tokens
        self._shortage = shortage
        self._observer = observer
        self._log = RefusalLog()
        self._bad_tokens = BadTokens()
        # Any: grpcio's handlers are untyped tuples.
        self._handlers: dict[str, Any] = {}
        self._strangers_handlers: dict[str, Any] = {}
        self._turns = turns

    def add(self, method: str, handler: Any, strangers_handler: Any = None) -> None:
        """Adds the handler of a method, such as /fairlift.v1.EventService/RecordEvents.

        Callers without a token, or with one that everyone can read, get the strangers' handler
        where there is one. What a newer version of a library adds to its own services, such as List
        to Health, is not served: callers get UNIMPLEMENTED.

        Raises:
            KeyError: it is ours, and api/permissions.py does not say who may call it.
        """
        if method not in ROLES and not method.startswith(_OURS):
            return
        needed(method)
        self._handlers[method] = handler
        if strangers_handler is not None:
            self._strangers_handlers[method] = strangers_handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call whose message was not read yet; None: no such method."""
        method = handler_call_details.method
        if method != ASSIGN_VARIANTS:
            self._turns.arrivals += 1
        handler = self._handlers.get(method)
        if handler is None:
            return None
        grant = self._grant(method, handler_call_details.invocation_metadata or ())
        if isinstance(grant, FairliftError):
            return self._handler_for(grant, method)
        if shortage := self._shortage(method):
            return self._handler_for(overloaded(shortage), method)
        if grant is None or grant.role is Role.EVALUATE:
            return self._strangers_handlers.get(method, handler)
        return handler

    def refused(self, method: str, metadata: Metadata) -> FairliftError | None:
        """Why a caller may not call a method now; None: it may."""
        grant = self._grant(method, metadata)
        return grant if isinstance(grant, FairliftError) else None

    def _grant(self, method: str, metadata: Metadata) -> Grant | FairliftError | None:
        """What the caller's token allows, or why it may not call the method; None: needs none."""
        if method.startswith(WITHOUT_TOKEN):
            return None
        token = bearer_token(metadata)
        grant = self._tokens.grant(token)
        if grant is None:
            return self._unauthenticated(token)
        environment = value_of(ENVIRONMENT_HEADER, metadata)
        if environment and environment != self._tokens.environment:
            return PermissionDenied(
                f"the caller is of the environment {_named(environment)}, and this server is of "
                "another one; check the address, or the environment of the client"
            )
        return grant if grant.role in ROLES[method] else _not_allowed(method, grant)

    async def refuse_overload(self, method: str, context: Context) -> None:
        """Ends a call for which there was room when it came, and is none now."""
        if shortage := self._shortage(method):
            await self.refuse(overloaded(shortage), method, context)

    async def refuse(self, error: FairliftError, method: str, context: Context) -> NoReturn:
        """Ends a call of a method, before or after its message was received."""
        peer = context.peer()
        # A call whose message was read has one already.
        request_id = request_ids.CURRENT.get() or request_ids.set_request_id(
            context.invocation_metadata() or ()
        )
        answer = refusal(error, request_id=request_id)
        self.count(method, answer[0].name, peer)
        if isinstance(error, Unauthenticated):
            await self._bad_tokens.pause(address_of(peer))
        await end(context, answer)

    def count(self, method: str, code: str, peer: str) -> None:
        """Counts a refusal, in the figures and in the log.

        Args:
            method: that was called.
            code: gRPC's name of it.
            peer: the caller, as gRPC names it.
        """
        self._log.add(code, peer)
        if self._observer is not None:
            self._observer.refused(class_of(method).name.lower(), code)

    def _unauthenticated(self, token: str) -> Unauthenticated:
        """The same for every token that is not valid, unless it names another environment."""
        if environment := self._tokens.foreign_environment(token):
            return Unauthenticated(
                f"the token was made for the environment {_named(environment)}, and this server is "
                "of another one; check the address, or use a token of this environment"
            )
        return Unauthenticated("send the metadata `authorization: Bearer TOKEN` with a valid token")

    def _handler_for(self, error: FairliftError, method: str) -> Any:
        """A handler for calls of every kind: a stream of requests is read only when asked for."""

        async def refuse(_requests: object, context: Context) -> NoReturn:
            await self.refuse(error, method, context)

        return grpc.stream_unary_rpc_method_handler(refuse)


def _not_allowed(method: str, grant: Grant) -> PermissionDenied:
    name = method.rpartition("/")[2]
    return PermissionDenied(
        f"{name} needs a token of the role {needed(method)}; {grant.token} has the role "
        f"{grant.role}"
    )


def _named(environment: str) -> str:
    # It came from the caller, and goes back to it alone.
    return repr(environment[:32])
