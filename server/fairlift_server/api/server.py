"""The gRPC server: its services, its limits, its way to the end."""

import asyncio
import logging
from dataclasses import dataclass

import grpc
from fairlift.engine.errors import WrongState
from fairlift.v1 import (
    admin_service_pb2_grpc,
    assignment_service_pb2_grpc,
    campaign_service_pb2_grpc,
    event_service_pb2_grpc,
    results_service_pb2_grpc,
)
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
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


class Server:
    """A gRPC server on one address."""

    def __init__(
        self, services: Services, *, listen: str, token: str, has_reflection: bool
    ) -> None:
        self._gate = Gate(token)
        self._server = grpc.aio.server(interceptors=[self._gate], options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        assignment_service_pb2_grpc.add_AssignmentServiceServicer_to_server(
            services.assignments, self._server
        )
        campaign_service_pb2_grpc.add_CampaignServiceServicer_to_server(
            services.campaigns, self._server
        )
        event_service_pb2_grpc.add_EventServiceServicer_to_server(services.events, self._server)
        results_service_pb2_grpc.add_ResultsServiceServicer_to_server(
            services.results, self._server
        )
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(AdminApi(), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if has_reflection:
            names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        try:
            self.port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise WrongState(
                f"cannot listen on {listen}: {error}; is another server there?"
            ) from None

    async def start(self) -> None:
        """Serves from now on."""
        await self._server.start()
        for service in ("", *_SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, *, delay_s: float, grace_s: float) -> None:
        """Ends: health first, then streams, then calls under way; returns when all have ended."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(delay_s)
        self._gate.end_streams()
        # Cancelled streams need the loop once more to say UNAVAILABLE before the server closes.
        await asyncio.sleep(0.05)
        await self._server.stop(grace_s)
