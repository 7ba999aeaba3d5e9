"""A caller of AdminService, for commands while a server uses the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
from fairlift.engine.errors import WrongState
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from fairlift.v1.event_service_pb2 import Event

from fairlift_server.api.own_server import ServerAccess
from fairlift_server.api.unit_export import person_json

# It reads through the whole database.
_TIMEOUT_S = 1_800.0


class AdminClient:
    """The calls; they raise WrongState with the server's sentence."""

    def __init__(self, channel: grpc.Channel, access: ServerAccess) -> None:
        self._admin: AdminServiceStub = AdminServiceStub(channel)
        self._access = access
        self._metadata = access.metadata

    def erase(self, unit: str, reason: str) -> tuple[int, int]:
        """How many ids were erased, and how many events."""
        request = pb.EraseUnitRequest(unit_id=unit, reason=reason)
        with self._errors():
            erased = self._admin.EraseUnit(request, timeout=_TIMEOUT_S, metadata=self._metadata)
        return erased.erased_ids, erased.erased_events

    def export(self, unit: str, reason: str) -> dict[str, Any]:
        """What is kept about a unit, as `person_json` has it."""
        request = pb.ExportUnitRequest(unit_id=unit, reason=reason)
        events: list[Event] = []
        attributes: list[pb.CustomerAttribute] = []
        waiting: list[Event] = []
        with self._errors():
            for page in self._admin.ExportUnit(
                request, timeout=_TIMEOUT_S, metadata=self._metadata
            ):
                events += page.events
                attributes += page.customer_attributes
                waiting += page.waiting_events
        return person_json(events, attributes, waiting)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            # What a stub raises is a Call too; the type stubs hold the two apart.
            call = cast("grpc.Call", error)
            reason = f"{call.details() or call.code().name}"
            if call.code() is grpc.StatusCode.UNAVAILABLE:
                way_out = "give the server's address with --server HOST:PORT, or stop it"
                reason += f"; {self._access.fault(reason) or way_out}"
            if call.code() is grpc.StatusCode.UNAUTHENTICATED:
                reason += "; set FAIRLIFT_TOKEN to the server's token"
            raise WrongState(
                f"the server at {self._access.address} did not do it: {reason}"
            ) from None


@contextmanager
def admin_client(access: ServerAccess) -> Iterator[AdminClient]:
    """A connection to a server.

    Raises:
        WrongState: the certificate cannot be read.
    """
    with access.connected() as channel:
        yield AdminClient(channel, access)
