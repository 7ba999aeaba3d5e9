"""A caller of AdminService, for commands while a server uses the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast

import grpc
from fairlift.engine.errors import WrongState
from fairlift.transport import Endpoint
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from fairlift.v1.event_service_pb2 import Event

from fairlift_server.api.unit_export import person_json

# It reads through the whole database.
_TIMEOUT_S = 1_800.0

Metadata: TypeAlias = tuple[tuple[str, str], ...]


class AdminClient:
    """The calls; they raise WrongState with the server's sentence."""

    def __init__(self, channel: grpc.Channel, address: str, token: str) -> None:
        self._admin: AdminServiceStub = AdminServiceStub(channel)
        self._address = address
        self._metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()

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
                reason += "; give the server's address with --server HOST:PORT, or stop it"
            if call.code() is grpc.StatusCode.UNAUTHENTICATED:
                reason += "; set FAIRLIFT_TOKEN to the server's token"
            raise WrongState(f"the server at {self._address} did not do it: {reason}") from None


@contextmanager
def admin_client(address: str, *, token: str, certificate: str) -> Iterator[AdminClient]:
    """A connection to a server.

    Args:
        address: host:port; other machines are called by TLS.
        token: of the server; empty: none.
        certificate: the path of the server's own certificate; empty: it has none, or one that this
            machine trusts.

    Raises:
        WrongState: the certificate cannot be read.
    """
    if certificate or Endpoint(address).is_encrypted:
        credentials = grpc.ssl_channel_credentials(_root(certificate))
        channel = grpc.secure_channel(address, credentials)
    else:
        channel = grpc.insecure_channel(address)
    with channel:
        yield AdminClient(channel, address, token)


def _root(certificate: str) -> bytes | None:
    if not certificate:
        return None
    try:
        return Path(certificate).read_bytes()
    except OSError as error:
        raise WrongState(f"cannot read {certificate}: {error.strerror}") from None
