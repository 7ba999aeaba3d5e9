"""A real gRPC server on 127.0.0.1 that tests can make slow, broken or silent."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from fairlift import Client
from fairlift.engine.campaign import Campaign, Lifecycle, State, Variant
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import assignment_service_pb2 as a
from fairlift.v1 import event_service_pb2 as e
from fairlift.v1.assignment_service_pb2_grpc import (
    AssignmentServiceServicer,
    add_AssignmentServiceServicer_to_server,
)
from fairlift.v1.event_service_pb2_grpc import (
    EventServiceServicer,
    add_EventServiceServicer_to_server,
)
from fairlift.wire.campaign import campaign_id
from fairlift.wire.snapshot import snapshot_from, snapshot_to
from fairlift_cli.audience.parser import parse
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tests.assignment_messages import assignment_to, attributes_from


def running(name: str, **changes: Any) -> SnapshotCampaign:
    """A running campaign of two variants."""
    given: dict[str, Any] = {
        "id": name,
        "variants": (Variant("control"), Variant("treatment", payload={"threshold": 50})),
        "lifecycle": Lifecycle(state=State.RUNNING),
    }
    return SnapshotCampaign(Campaign(**(given | changes)), f"{name}-traffic", f"{name}-variants")


def spring(etag: str = "e1", *more: SnapshotCampaign) -> a.Snapshot:
    """A snapshot of the campaign `spring`, for Spain, and of any others."""
    campaign = running("spring", audience=parse('country == "ES"'))
    message = snapshot_to(Snapshot(etag, None, (campaign, *more)))
    message.create_time.GetCurrentTime()
    return message


def retry_details(after_s: float) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata, as a server says when to come back."""
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(round(after_s * 1e9))
    status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


@dataclass
class Shop(AssignmentServiceServicer, EventServiceServicer):
    """Both services. Set a field to change how they behave from the next call on."""

    snapshot: a.Snapshot = field(default_factory=spring)
    # Codes to fail RecordEvents with, one a call, before it works.
    failures: list[grpc.StatusCode] = field(default_factory=list)
    # What they say of when to come back; 0: nothing.
    retry_after_s: float = 0.0
    # Take the events, then fail all the same: what a lost answer looks like.
    answers_lost: int = 0
    delay_s: float = 0.0
    # What is wrong with an event, by its kind.
    refusals: dict[str, int] = field(default_factory=dict)
    # Whether what is refused may come again, and kinds that are parked.
    is_retryable: bool = False
    parks: set[str] = field(default_factory=set)
    sent_times: list[float] = field(default_factory=list)
    unreadable: str = ""
    # Why nobody may watch snapshots.
    refuses: grpc.StatusCode | None = None
    # With them nobody may go on either.
    refused_tokens: set[str] = field(default_factory=set)
    streams: int = 0
    # Of RecordEvents, also those under way.
    calls: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    watched_etags: list[str] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    events: dict[str, e.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._server: grpc.Server | None = None
        self.port = 0

    def start(self, credentials: grpc.ServerCredentials | None = None) -> "Shop":
        """Listens, on the port it had before when it had one."""
        self._stopping.clear()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(24), options=[("grpc.so_reuseport", 0)]
        )
        self.register(self._server)
        address = f"127.0.0.1:{self.port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._server.start()
        return self

    def register(self, server: grpc.Server) -> None:
        """What the server answers."""
        add_AssignmentServiceServicer_to_server(self, server)
        add_EventServiceServicer_to_server(self, server)

    def stop(self) -> None:
        """Dies with every call under way."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait(10)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def publish(self, snapshot: a.Snapshot) -> None:
        """Sends a new snapshot to all who watch."""
        with self._changed:
            self.snapshot = snapshot
            self._changed.notify_all()

    def of_kind(self, kind: str) -> list[Any]:
        """The events of one kind, each once."""
        return [getattr(x, kind) for x in self.events.values() if x.WhichOneof("kind") == kind]

    def WatchSnapshot(  # noqa: N802  # the contract's name
        self, request: a.WatchSnapshotRequest, context: grpc.ServicerContext
    ) -> Iterator[a.WatchSnapshotResponse]:
        self.streams += 1
        self.watched_etags.append(request.etag)
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        if self.refuses is not None:
            context.abort(self.refuses, "the test wants it so")
        server, etag = self._server, request.etag
        token = str(dict(context.invocation_metadata()).get("authorization", "")).partition(" ")[2]
        while context.is_active() and self._server is server:
            if token in self.refused_tokens:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the test wants it so")
            if self.snapshot.etag != etag:
                etag = self.snapshot.etag
                yield a.WatchSnapshotResponse(snapshot=self.snapshot)
            else:
                yield a.WatchSnapshotResponse()
            with self._changed:
                if self.snapshot.etag == etag:
                    self._changed.wait(0.1)

    def AssignVariants(  # noqa: N802  # the contract's name
        self, request: a.AssignVariantsRequest, context: grpc.ServicerContext
    ) -> a.AssignVariantsResponse:
        del context
        self._stopping.wait(self.delay_s)
        compiled = CompiledSnapshot(snapshot_from(self.snapshot))
        given: dict[str, Any] = {
            "visitor": request.visitor_id,
            "customer": request.customer_id,
            "attributes": attributes_from(request.attributes),
            "now": time.time(),
        }
        names = [campaign_id(name) for name in request.campaigns]
        decided = [compiled.decide(name, **given) for name in names] or compiled.decide_all(**given)
        return a.AssignVariantsResponse(
            assignments=map(assignment_to, decided),
            snapshot_etag=self.snapshot.etag,
            snapshot_time=self.snapshot.create_time,
        )

    def RecordEvents(  # noqa: N802  # the contract's name
        self, request: e.RecordEventsRequest, context: grpc.ServicerContext
    ) -> e.RecordEventsResponse:
        self.calls += 1
        self._stopping.wait(self.delay_s)
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        self.batches.append([event.event_id for event in request.events])
        self.sent_times.append(request.sent_time.ToMicroseconds() / 1e6)
        if self.failures:
            if self.retry_after_s:
                context.set_trailing_metadata(retry_details(self.retry_after_s))
            context.abort(self.failures.pop(0), "the test wants it so")
        if self.unreadable and any(self.unreadable in str(event) for event in request.events):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an event cannot be read")
        outcomes = self._keep(request.events)
        if self.answers_lost:
            self.answers_lost -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer is lost")
        return e.RecordEventsResponse(outcomes=outcomes)

    def StreamEvents(  # noqa: N802  # the contract's name
        self, request_iterator: Iterator[e.StreamEventsRequest], context: grpc.ServicerContext
    ) -> Iterator[e.StreamEventsResponse]:
        """Not what these tests are about."""
        del request_iterator
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        return iter(())

    def _keep(self, events: Sequence[e.Event]) -> list[e.EventOutcome]:
        outcomes = []
        for event in events:
            kind = event.WhichOneof("kind") or ""
            if kind in self.refusals:
                status, reason = e.EVENT_STATUS_REFUSED, self.refusals[kind]
            elif kind in self.parks:
                status, reason = e.EVENT_STATUS_PARKED, e.REFUSAL_REASON_UNKNOWN_CAMPAIGN
            elif event.event_id in self.events:
                status, reason = e.EVENT_STATUS_DUPLICATE, 0
            else:
                status, reason = e.EVENT_STATUS_ACCEPTED, 0
                self.events[event.event_id] = event
            outcome = e.EventOutcome(
                event_id=event.event_id,
                status=status,
                # protobuf accepts the number of an enum value; its stubs do not.
                reason=reason,  # type: ignore[arg-type]
                retryable=status == e.EVENT_STATUS_REFUSED and self.is_retryable,
            )
            outcomes.append(outcome)
        return outcomes


def eventually(holds: Any, timeout_s: float = 10.0) -> bool:
    """Waits until the function says yes, or the time is over."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return bool(holds())


def connected(shop: Shop, **options: Any) -> Client:
    """A client of the shop that has its first snapshot."""
    client = Client(shop.target, **options)
    assert client.wait_ready(10)
    return client
