"""The gRPC server: its services, its limits, its way to the end."""

import asyncio
import errno
import logging
import socket
from dataclasses import dataclass
from typing import cast

import grpc
from fairlift.engine.errors import WrongState
from fairlift.v1.admin_service_pb2_grpc import (
    add_AdminServiceServicer_to_server as add_admin,
)
from fairlift.v1.assignment_service_pb2_grpc import (
    add_AssignmentServiceServicer_to_server as add_assignments,
)
from fairlift.v1.campaign_service_pb2_grpc import (
    add_CampaignServiceServicer_to_server as add_campaigns,
)
from fairlift.v1.event_service_pb2_grpc import (
    add_EventServiceServicer_to_server as add_events,
)
from fairlift.v1.results_service_pb2_grpc import (
    add_ResultsServiceServicer_to_server as add_results,
)
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server as add_health
from grpc_reflection.v1alpha import reflection

from fairlift_server.api.admin import AdminApi
from fairlift_server.api.assignments import Assignments
from fairlift_server.api.campaigns import CampaignApi
from fairlift_server.api.events import EventApi
from fairlift_server.api.gate import Gate
from fairlift_server.api.results import ResultsApi

log = logging.getLogger("fairlift.server")

_SERVICES = tuple(
    f"fairlift.v1.{name}Service" for name in ("Campaign", "Assignment", "Event", "Results", "Admin")
)
_OPTIONS = (
    # After inflation: a bomb of zeros ends here.
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_metadata_size", 16 * 1024),
    # Clients that ping every 10 s are welcome; the default cuts them off as too many.
    ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Two servers on one port would share its callers and not their campaigns.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class Services:
    """What is served."""

    assignments: Assignments
    campaigns: CampaignApi
    events: EventApi
    results: ResultsApi


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the server proves itself by, in PEM."""

    chain: bytes
    key: bytes


class Server:
    """A gRPC server on one address."""

    def __init__(
        self,
        services: Services,
        *,
        listen: str,
        token: str,
        has_reflection: bool,
        certificate: Certificate | None = None,
    ) -> None:
        self._server = grpc.aio.server(options=_OPTIONS)
        self._gate = Gate(self._server, token=token)
        # What the generated code calls of a server, the gate has.
        gate = cast("grpc.aio.Server", self._gate)
        self._health = health.aio.HealthServicer()
        add_assignments(services.assignments, gate)
        add_campaigns(services.campaigns, gate)
        add_events(services.events, gate)
        add_results(services.results, gate)
        add_admin(AdminApi(), gate)
        add_health(self._health, gate)
        if has_reflection:
            names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, gate)
        _check_free(listen)
        try:
            self.port = self._bound(listen, certificate)
        except RuntimeError as error:
            why = f"cannot listen on {listen}: {error}"
            if certificate is not None:
                why = (
                    "FAIRLIFT_TLS_CERTIFICATE and FAIRLIFT_TLS_KEY cannot be used: one is not "
                    "PEM, or they do not match"
                )
            raise WrongState(why) from None

    def _bound(self, listen: str, certificate: Certificate | None) -> int:
        if certificate is None:
            return self._server.add_insecure_port(listen)
        pairs = [(certificate.key, certificate.chain)]
        return self._server.add_secure_port(listen, grpc.ssl_server_credentials(pairs))

    async def start(self) -> None:
        """Serves from now on."""
        await self._server.start()
        for service in ("", *_SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        log.info("serving", extra={"fields": {"port": self.port}})

    async def drain(self, *, delay_s: float, grace_s: float) -> None:
        """Ends: health first, then streams, then calls under way; returns when all have ended."""
        log.info("draining", extra={"fields": {"delay_s": delay_s, "grace_s": grace_s}})
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(delay_s)
        self._gate.end_streams()
        # Cancelled streams need the loop once more to say UNAVAILABLE before the server closes.
        await asyncio.sleep(0.05)
        await self._server.stop(grace_s)
        log.info("stopped")


def _check_free(listen: str) -> None:
    """Refuses what cannot be listened on with the system's own reason, which gRPC keeps back."""
    host, _, port = listen.rpartition(":")
    try:
        family, kind, *_, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # What a server left behind a moment ago is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "set FAIRLIFT_LISTEN to an address of this machine")
        raise WrongState(f"cannot listen on {listen}: {error.strerror}; {hint}") from None


_HINTS = {
    errno.EADDRINUSE: "stop the server that uses it, or set FAIRLIFT_LISTEN to another port",
    errno.EACCES: "set FAIRLIFT_LISTEN to a port above 1023, or run as a user who is allowed to",
}
