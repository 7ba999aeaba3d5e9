"""A caller of a real server, with one stub for each service."""

import atexit
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import grpc
from fairlift.v1 import campaign_service_pb2, event_service_pb2
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.event_service_pb2 import Event, EventOutcome
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift_server.build import serving
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.settings import Settings
from fairlift_server.store.database import is_url
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.databases import database_in

ID_KEY = "5a" * 32


class Clock:
    """The server's time: the machine's, moved by as much as a test wants."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def set(self, moment: datetime) -> None:
        self.ahead = moment - datetime.now(UTC)


class Caller:
    """All services of one server."""

    def __init__(self, channel: grpc.aio.Channel, clock: Clock, address: str) -> None:
        self.channel = channel
        self.address = address
        self.clock = clock
        self.campaigns = CampaignServiceStub(channel)
        self.assignments = AssignmentServiceStub(channel)
        self.events = EventServiceStub(channel)
        self.results = ResultsServiceStub(channel)
        self.admin = AdminServiceStub(channel)

    async def start(self, campaign: Campaign) -> Campaign:
        await self.campaigns.CreateCampaign(
            campaign_service_pb2.CreateCampaignRequest(campaign=campaign)
        )
        return await self.campaigns.StartCampaign(
            campaign_service_pb2.StartCampaignRequest(name=campaign.name)
        )

    async def record(self, *events: Event) -> Sequence[EventOutcome]:
        request = event_service_pb2.RecordEventsRequest(events=events)
        return (await self.events.RecordEvents(request)).outcomes

    async def accepted(self, events: Iterable[Event]) -> None:
        outcomes = await self.record(*events)
        refused = [
            o.message for o in outcomes if o.status != event_service_pb2.EVENT_STATUS_ACCEPTED
        ]
        assert refused == []


def settings_of(chosen: Mapping[str, object]) -> Settings:
    return Settings(**chosen)  # type: ignore[arg-type]  # settings by name


@cache
def workers() -> WorkerPool:
    """The processes that compute results, shared: each takes seconds to start."""
    shared = WorkerPool(1)
    atexit.register(shared.close)
    return shared


@asynccontextmanager
async def running(
    folder: Path, *, clock: Clock | None = None, **settings: object
) -> AsyncIterator[Caller]:
    """A server in this process, its store in the folder, and a caller of it."""
    clock = clock or Clock()
    async with (
        serving(settings_in(folder, settings), workers=workers(), clock=clock) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Caller(channel, clock, f"127.0.0.1:{server.port}")


def settings_in(folder: Path, settings: Mapping[str, object]) -> Settings:
    """Of a server, or of a command beside it, whose store is in the folder."""
    chosen = {"listen": "127.0.0.1:0", "database": database_in(folder), **settings}
    if is_url(str(chosen["database"])):
        chosen = {**beside(folder, chosen), **chosen}
    return settings_of(chosen)


def beside(folder: Path, chosen: Mapping[str, object]) -> dict[str, str]:
    """The files that a server makes beside a SQLite database, and not beside PostgreSQL."""
    files = {"erased_file": str(folder / "shop.db.erased")}
    if not chosen.get("raw_ids") and not chosen.get("id_key") and not chosen.get("id_key_file"):
        key = folder / "shop.db.id-key"
        if not key.exists():
            key.write_text(ID_KEY)
            key.chmod(0o600)
        files["id_key_file"] = str(key)
    return files


def details(error: grpc.aio.AioRpcError) -> tuple[ErrorInfo, BadRequest, RetryInfo]:
    """The google.rpc details of a failed call; empty ones where there are none."""
    unpacked = (ErrorInfo(), BadRequest(), RetryInfo())
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = Status.FromString(value)
            assert status.message == error.details()
            for packed in status.details:
                for message in unpacked:
                    packed.Unpack(message)
    return unpacked
