"""AdminService: tokens, settings, the audit, and what the law lets a visitor ask for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import event_service_pb2
from fairlift.v1.admin_service_pb2_grpc import AdminServiceServicer

from fairlift_server.api.audit_calls import AuditCalls
from fairlift_server.api.authors import Authors
from fairlift_server.api.call_record import Context
from fairlift_server.api.event_fields import EventRefusal, checked_text
from fairlift_server.api.settings_calls import SettingsCalls
from fairlift_server.api.token_calls import TokenCalls
from fairlift_server.api.unit_export import attribute_of, event_of
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.erasure import Request
from fairlift_server.store.unit_requests import UnitRequests

# Well below the 4 MB that callers take in one message by default.
_PAGE_BYTES = 1024 * 1024
_Message = TypeVar("_Message", event_service_pb2.Event, pb.CustomerAttribute)


class AdminApi(AdminServiceServicer):
    """Erases and exports units, and hands each other call on to what does it."""

    def __init__(
        self,
        units: UnitRequests,
        tokens: TokenCalls,
        settings: SettingsCalls,
        audit: AuditCalls,
        authors: Authors,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._units = units
        self._tokens = tokens
        self._settings = settings
        self._audit = audit
        self._authors = authors
        self._now = now

    async def CreateToken(
        self, request: pb.CreateTokenRequest, context: Context
    ) -> pb.CreateTokenResponse:
        """A new token, and the only copy of its secret."""
        return await self._tokens.create(request, context)

    async def ListTokens(
        self, request: pb.ListTokensRequest, context: Context
    ) -> pb.ListTokensResponse:
        """A page of tokens, without secrets."""
        return await self._tokens.listed(request, context)

    async def RotateToken(
        self, request: pb.RotateTokenRequest, context: Context
    ) -> pb.RotateTokenResponse:
        """A second secret of a token, beside the first for some time."""
        return await self._tokens.rotate(request, context)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Context) -> pb.Token:
        """The token, which is not valid any more."""
        return await self._tokens.revoke(request, context)

    async def GetSettings(self, request: pb.GetSettingsRequest, context: Context) -> pb.Settings:
        """What administrators may set while the server runs."""
        return await self._settings.get(request, context)

    async def UpdateSettings(
        self, request: pb.UpdateSettingsRequest, context: Context
    ) -> pb.Settings:
        """The settings after the change."""
        return await self._settings.update(request, context)

    async def ListAudit(
        self, request: pb.ListAuditRequest, context: Context
    ) -> pb.ListAuditResponse:
        """A page of everything that was changed, oldest first."""
        return await self._audit.listed(request, context)

    async def EraseUnit(
        self, request: pb.EraseUnitRequest, context: Context
    ) -> pb.EraseUnitResponse:
        """Deletes all that is kept about a unit; durable when it answers."""
        unit_request = self._request(request.reason, context)
        erasing = self._units.erase([checked_unit(request.unit_id)], unit_request)
        # A caller who goes away must not stop it half-way.
        erased = await asyncio.shield(erasing)
        return pb.EraseUnitResponse(erased_events=erased.events, erased_ids=erased.ids)

    async def ExportUnit(
        self, request: pb.ExportUnitRequest, context: Context
    ) -> AsyncIterator[pb.ExportUnitResponse]:
        """All that is kept about a unit, by time, in messages of about a megabyte."""
        unit_request = self._request(request.reason, context)
        person = await self._units.export(checked_unit(request.unit_id), unit_request)
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
        return Request(microseconds(self._now()), self._authors.of(context), reason)


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


def _pages(events: Iterable[_Message]) -> Iterator[list[_Message]]:
    page: list[_Message] = []
    size = 0
    for event in events:
        page.append(event)
        size += event.ByteSize()
        if size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page
