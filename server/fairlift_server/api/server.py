"""The gRPC server: its services, its limits and its shutdown."""

import asyncio
import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

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
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer
from fairlift.v1.results_service_pb2_grpc import (
    add_ResultsServiceServicer_to_server as add_results,
)
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server as add_health
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2_grpc import (
    add_ServerReflectionServicer_to_server as add_reflection,
)

from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.api.address import check_free
from fairlift_server.api.admin import AdminApi
from fairlift_server.api.admission import Admission
from fairlift_server.api.assignments import AssignmentApi
from fairlift_server.api.call_classes import LONGEST_CALL_S
from fairlift_server.api.call_guard import CallGuard
from fairlift_server.api.call_record import CallObserver, CallTracer
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.campaigns import CampaignApi
from fairlift_server.api.certificate import Certificate, ServerCertificate
from fairlift_server.api.events import EventApi
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.api.request_parser import MAX_BYTES

log = logging.getLogger("fairlift.server")

_SERVICES = tuple(
    f"fairlift.v1.{name}Service" for name in ("Campaign", "Assignment", "Event", "Results", "Admin")
)
# Down while the database cannot write.
_CAMPAIGNS = "fairlift.v1.CampaignService"
# Down while no event can be taken; the empty name is the server as a whole.
_TAKING_EVENTS = ("", "fairlift.v1.EventService")
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_OPTIONS = (
    # Only messages as they are: a compressed one of 4 kB takes 4 MiB once gRPC has read it, and
    # five hundred at once took 2 GiB. This refuses them before they are unpacked.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    # Accept clients that ping every 10 s; by default gRPC disconnects them.
    ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Calls that run when a connection has reached its age go on; new ones take another connection.
    ("grpc.max_connection_age_grace_ms", round(LONGEST_CALL_S * 1_000)),
)


@dataclass(frozen=True, slots=True)
class Services:
    """The implementations of the services."""

    admin: AdminApi
    assignments: AssignmentApi
    campaigns: CampaignApi
    events: EventApi
    results: ResultsServiceServicer


class GrpcServer:
    """A gRPC server on one address, which it holds from the moment it is made.

    Args:
        listen: the address.
        certificate: turns on TLS.
        is_shared: other workers of one supervisor listen there too. It is held from the start on
            then: callers must not be given to a worker that is not ready.
        connection_age_s: after which callers are asked to connect anew, give or take a tenth; 0:
            never.

    Raises:
        WrongState: the address or the certificate cannot be used.
    """

    def __init__(
        self,
        *,
        listen: str,
        certificate: Certificate | None = None,
        is_shared: bool = False,
        connection_age_s: float = 0.0,
    ) -> None:
        # Two servers on one port by chance would share the callers, but not the campaigns.
        options = [*_OPTIONS, ("grpc.so_reuseport", int(is_shared))]
        if connection_age_s:
            # gRPC itself adds or takes a tenth.
            options.append(("grpc.max_connection_age_ms", round(connection_age_s * 1_000)))
        self._server = grpc.aio.server(options=options)
        self._certificate = None if certificate is None else ServerCertificate(certificate)
        self._health = health.aio.HealthServicer()
        self._call_guard: CallGuard | None = None
        # That calls take on the event loop.
        self.turns = LoopTurns()
        # Why callers should go elsewhere; empty: they are welcome.
        self.not_ready = "it has not started yet"
        # Why only a restart helps; empty: none is needed.
        self.broken = ""
        self.port = 0
        self._hold = partial(self._listen, listen)
        if not is_shared:
            check_free(listen)
            self._hold()

    def _listen(self, listen: str) -> None:
        if self.port:
            return
        try:
            if self._certificate is None:
                self.port = self._server.add_insecure_port(listen)
            else:
                self.port = self._server.add_secure_port(listen, self._certificate.credentials)
        except RuntimeError as error:
            raise WrongState(f"cannot listen on {listen}: {error}") from None

    def replace_certificate(self, certificate: Certificate) -> None:
        """New connections get it; the server has had one since its start."""
        assert self._certificate is not None, "TLS is turned on at the start"
        self._certificate.replace(certificate)

    def certificate_end_s(self) -> float:
        """When the newest certificate ends, in seconds since 1970; infinite where none is known."""
        facts = None if self._certificate is None else self._certificate.newest.facts
        return math.inf if facts is None else facts.ends.timestamp()

    async def start(
        self,
        services: Services,
        *,
        tokens: LiveTokens,
        has_reflection: bool,
        observer: CallObserver | None = None,
        tracer: CallTracer | None = None,
    ) -> None:
        """Starts serving; the observer is told of every call, and the tracer traces it."""
        self._add(services, observer, tracer, tokens=tokens, has_reflection=has_reflection)
        self._hold()
        await self._server.start()
        for service in ("", *_SERVICES):
            await self._health.set(service, _SERVING)
        self.not_ready = ""
        access = {
            "token": "none" if tokens.is_open else "required",
            "tls": "no" if self._certificate is None else "yes",
        }
        log.info("serving", extra={"fields": {"port": self.port, **access}})

    def _add(
        self,
        services: Services,
        observer: CallObserver | None,
        tracer: CallTracer | None,
        *,
        tokens: LiveTokens,
        has_reflection: bool,
    ) -> None:
        rooms = CallRooms(services.events, self.turns)
        admission = Admission(
            tokens=tokens, turns=self.turns, shortage=rooms.shortage, observer=observer
        )
        self._server.add_generic_rpc_handlers((admission,))
        self._call_guard = CallGuard(admission, rooms, observer, tracer)
        # The guard has the two methods that the generated code calls on a server.
        guard = cast("grpc.aio.Server", self._call_guard)
        add_assignments(services.assignments, guard)
        # gRPC takes them in by a queue of their own: they do not wait behind a crowd of others.
        # Without a handler here it asks the admission for one, which checks the token before the
        # message is received.
        registered: dict[str, Any] = {"AssignVariants": None}
        self._server.add_registered_method_handlers("fairlift.v1.AssignmentService", registered)
        add_campaigns(services.campaigns, guard)
        add_events(services.events, guard)
        add_results(services.results, guard)
        add_admin(services.admin, guard)
        add_health(self._health, guard)
        if has_reflection:
            names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            # Not `enable_server_reflection`: beside a guard it takes the servicer of threads.
            add_reflection(reflection.aio.ReflectionServicer(names), guard)  # type: ignore[no-untyped-call]  # generated without types

    def end_refused_streams(self) -> None:
        """Ends the streams whose callers lost the right to them since they began."""
        if self._call_guard is not None:
            self._call_guard.end_refused_streams()

    async def set_writable(self, writable: bool, takes_events: bool) -> None:
        """Whether health reports services that write as serving; assignments need no disk."""
        self.not_ready = ""
        if not (writable or takes_events):
            self.not_ready = self.broken or "the database cannot be written"
        await self._health.set(_CAMPAIGNS, _SERVING if writable else _NOT_SERVING)
        for service in _TAKING_EVENTS:
            await self._health.set(service, _SERVING if takes_events else _NOT_SERVING)

    async def drain(self, *, delay_s: float, grace_s: float) -> None:
        """Shuts down health, then streams, then running calls; returns after the last one."""
        log.info("draining", extra={"fields": {"delay_s": delay_s, "grace_s": grace_s}})
        self.not_ready = "it is shutting down"
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(delay_s)
        if self._call_guard is not None:
            self._call_guard.end_streams()
        # Give the cancelled streams a turn of the loop to send UNAVAILABLE.
        await asyncio.sleep(0.05)
        await self._server.stop(grace_s)
        log.info("stopped")

    async def close(self) -> None:
        """Gives the address back, when there is nothing to drain.

        Of a server that never served, gRPC gives it back when the process ends.
        """
        await self._server.stop(None)
