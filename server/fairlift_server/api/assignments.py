"""AssignmentService: which variant? Decided from memory, by the engine that SDKs hold too."""

import time
from collections.abc import AsyncIterator

import grpc
from fairlift.engine.assignment import Outcome
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.engine.snapshot import Snapshot
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceServicer
from fairlift.wire import LazyAttributes, campaign_id, outcome_to, snapshot_to, time_to
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.running import Running

_MAX_CAMPAIGNS = 1_000

AssignContext = grpc.aio.ServicerContext[pb.AssignVariantsRequest, pb.AssignVariantsResponse]
WatchContext = grpc.aio.ServicerContext[pb.WatchSnapshotRequest, pb.WatchSnapshotResponse]


class Assignments(AssignmentServiceServicer):
    """Answers from the compiled snapshot in memory; no database, no waiting."""

    def __init__(self, running: Running, *, keep_alive_s: float) -> None:
        self._running = running
        self._keep_alive_s = keep_alive_s
        # What units of one outcome share; outcomes live as long as their snapshot.
        self._messages: dict[int, pb.Assignment] = {}
        self._etag = ""
        self._snapshot_time = Timestamp()
        self._snapshot: pb.WatchSnapshotResponse | None = None

    async def AssignVariants(
        self,
        request: pb.AssignVariantsRequest,
        context: AssignContext,
    ) -> pb.AssignVariantsResponse:
        """The variants of one visitor in the named campaigns, or in all."""
        snapshot = self._running.snapshot
        if snapshot.etag != self._etag:
            self._begin(snapshot)
        names = request.campaigns
        if len(names) > _MAX_CAMPAIGNS:
            text = f"names {len(names)}, must name at most {_MAX_CAMPAIGNS}; none means all"
            raise InvalidRequest([Violation("campaigns", text)])
        compiled = self._running.compiled
        attributes = LazyAttributes(request.attributes)
        visitor, customer, now = request.visitor_id, request.customer_id, time.time()
        if names:
            decided = [
                compiled.decide(
                    campaign_id(name),
                    visitor=visitor,
                    customer=customer,
                    attributes=attributes,
                    now=now,
                )
                for name in names
            ]
        else:
            decided = compiled.decide_all(
                visitor=visitor, customer=customer, attributes=attributes, now=now
            )
        response = pb.AssignVariantsResponse(
            snapshot_etag=self._etag, snapshot_time=self._snapshot_time
        )
        add = response.assignments.add
        for assignment in decided:
            outcome = assignment.outcome
            message = add()
            message.CopyFrom(self._messages.get(id(outcome)) or self._message(outcome))
            message.unit_id = assignment.unit
        return response

    async def WatchSnapshot(
        self,
        request: pb.WatchSnapshotRequest,
        context: WatchContext,
    ) -> AsyncIterator[pb.WatchSnapshotResponse]:
        """The snapshot when it differs from the caller's, then on every change."""
        keep_alive = pb.WatchSnapshotResponse()
        watched = self._running.watch(request.etag, keep_alive_s=self._keep_alive_s)
        async for snapshot in watched:
            yield keep_alive if snapshot is None else self._watched(snapshot)

    def _watched(self, snapshot: Snapshot) -> pb.WatchSnapshotResponse:
        """The snapshot as a message, made once for all who watch."""
        if self._snapshot is None or self._snapshot.snapshot.etag != snapshot.etag:
            self._snapshot = pb.WatchSnapshotResponse(snapshot=snapshot_to(snapshot))
        return self._snapshot

    def _begin(self, snapshot: Snapshot) -> None:
        self._messages = {}
        self._etag = snapshot.etag
        assert snapshot.create_time is not None, "the server always says when it published"
        self._snapshot_time = time_to(snapshot.create_time)

    def _message(self, outcome: Outcome) -> pb.Assignment:
        message = outcome_to(outcome)
        if outcome.epoch:  # an outcome of no campaign is made anew for each call
            self._messages[id(outcome)] = message
        return message
