"""AdminService: erases and exports units; the rest of the contract is not implemented yet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from fairlift.engine.errors import InvalidRequest, Unsupported, Violation
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import event_service_pb2
from fairlift.v1.admin_service_pb2_grpc import AdminServiceServicer

from fairlift_server.api.call_guard import Context
from fairlift_server.api.event_fields import EventRefusal, checked_text
from fairlift_server.api.names import author_of
from fairlift_server.api.unit_export import attribute_of, event_of
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.erasure import Request
from fairlift_server.store.unit_requests import UnitRequests

# Well below the 4 MB that callers take in one message by default.
_PAGE_BYTES = 1024 * 1024
_Kept = TypeVar("_Kept", event_service_pb2.Event, pb.CustomerAttribute)


class AdminApi(AdminServiceServicer):
    """Erases and exports units; refuses each other call with a sentence that says why."""

    def __init__(self, units: UnitRequests, *, now: Callable[[], datetime]) -> None:
        self._units = units
        self._now = now

    # Any: no message is read.
    async def CreateToken(self, request: Any, context: Any) -> pb.CreateTokenResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def ListTokens(self, request: Any, context: Any) -> pb.ListTokensResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def RotateToken(self, request: Any, context: Any) -> pb.RotateTokenResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def RevokeToken(self, request: Any, context: Any) -> pb.Token:
        """Not supported yet."""
        _refuse_tokens()

    async def GetSettings(self, request: Any, context: Any) -> pb.Settings:
        """Not supported yet."""
        _refuse_settings()

    async def UpdateSettings(self, request: Any, context: Any) -> pb.Settings:
        """Not supported yet."""
        _refuse_settings()

    async def ListAudit(self, request: Any, context: Any) -> pb.ListAuditResponse:
        """Not supported yet."""
        raise Unsupported("this server keeps the history of campaigns alone; use ListChanges")

    async def EraseUnit(
        self, request: pb.EraseUnitRequest, context: Context
    ) -> pb.EraseUnitResponse:
        """Deletes all that is kept about a unit; durable when it answers."""
        asked = self._request(request.reason, context)
        erasing = self._units.erase([checked_unit(request.unit_id)], asked)
        # A caller who goes away must not stop it half-way.
        erased = await asyncio.shield(erasing)
        return pb.EraseUnitResponse(erased_events=erased.events, erased_ids=erased.ids)

    async def ExportUnit(
        self, request: pb.ExportUnitRequest, context: Context
    ) -> AsyncIterator[pb.ExportUnitResponse]:
        """All that is kept about a unit, by time, in messages of about a megabyte."""
        asked = self._request(request.reason, context)
        person = await self._units.export(checked_unit(request.unit_id), asked)
        for events in _pages(map(event_of, person.entries)):
            yield pb.ExportUnitResponse(events=events)
        for attributes in _pages(map(attribute_of, person.attributes)):
            yield pb.ExportUnitResponse(customer_attributes=attributes)
        waiting = map(event_service_pb2.Event.FromString, person.waiting)
        for events in _pages(waiting):
            yield pb.ExportUnitResponse(waiting_events=events)

    def _request(self, reason: str, context: Context) -> Request:
        try:
            checked_text("reason", reason, min_length=0)
        except EventRefusal as refusal:
            raise _invalid(refusal) from None
        return Request(microseconds(self._now()), author_of(context), reason)


def checked_unit(unit: str) -> str:
    """The id, if it may be one.

    Raises:
        InvalidRequest: it is empty, too long, or holds a control character.
    """
    try:
        return checked_text("unit_id", unit)
    except EventRefusal as refusal:
        raise _invalid(refusal) from None


def _invalid(refusal: EventRefusal) -> InvalidRequest:
    return InvalidRequest([Violation(refusal.event.field, refusal.event.message)])


def _pages(events: Iterable[_Kept]) -> Iterator[list[_Kept]]:
    page: list[_Kept] = []
    size = 0
    for event in events:
        page.append(event)
        size += event.ByteSize()
        if size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _refuse_tokens() -> NoReturn:
    raise Unsupported(
        "this server has one token, set by FAIRLIFT_TOKEN; it does not manage tokens yet"
    )


def _refuse_settings() -> NoReturn:
    raise Unsupported("this server takes its settings from its environment alone")
