"""Callers that send events until each is acknowledged, whatever happens to the servers."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
from fairlift.v1 import assignment_service_pb2
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.databases import rows
from tests.server import shop

CALL_S = 15.0
_TAKEN = (pb.EVENT_STATUS_ACCEPTED, pb.EVENT_STATUS_DUPLICATE)
# The address of each server, which changes when it is started again.
Addresses = Callable[[], Sequence[str]]


@dataclass
class Senders:
    """Threads that send mixed events to several servers, and threads that ask for assignments.

    Attributes:
        addresses: of the servers.
        threads: that send; batches are sent in turn to each server.
        size: of a batch.
        askers: threads that ask for assignments.
    """

    addresses: Addresses
    threads: int = 3
    size: int = 60
    askers: int = 0
    acknowledged: set[str] = field(default_factory=set)
    errors: int = 0
    refused: list[str] = field(default_factory=list)
    assigned: int = 0
    unassigned: int = 0
    slowest_assignment_s: float = 0.0

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._name = uuid.uuid4().hex[:8]  # ids of orders are new, also beside other senders
        self._lock = threading.Lock()
        self._running = [
            threading.Thread(target=self._send, args=(number,)) for number in range(self.threads)
        ] + [threading.Thread(target=self._ask) for _ in range(self.askers)]
        for thread in self._running:
            thread.start()

    def stop(self) -> None:
        """Ends once everything that was sent is acknowledged."""
        self._stopping.set()
        for thread in self._running:
            thread.join()

    def counts(self, database: str) -> dict[str, float]:
        """What became of the events, by what the database holds."""
        stored: list[str] = []
        for table in ("exposures", "orders", "amendments"):
            found = rows(database, f"SELECT event_id FROM {table}")
            stored += (bytes(event_id).hex() for (event_id,) in found)
        lines = rows(database, "SELECT count(*) FROM order_lines")[0][0]
        orders = rows(database, "SELECT count(*) FROM orders")[0][0]
        waiting = rows(database, "SELECT count(*) FROM amendments WHERE status <> 'applied'")[0][0]
        return {
            "acknowledged": len(self.acknowledged),
            "calls failed": self.errors,
            "lost": len(self.acknowledged - set(stored)),
            "doubled": len(stored) - len(set(stored)),
            "wrong": abs(lines - orders) + waiting + len(self.refused),
        }

    def _send(self, number: int) -> None:
        rng, turn = random.Random(number), number
        while not self._stopping.is_set():
            batch = list(_batch(rng, f"{self._name}-{number}-{turn}", self.size))
            # A call may fail, but never an event: it is sent until it is acknowledged.
            while not self._sent(batch, turn):
                turn += 1
                time.sleep(0.1)
            turn += 1

    def _sent(self, batch: list[pb.Event], turn: int) -> bool:
        addresses = self.addresses()
        with grpc.insecure_channel(addresses[turn % len(addresses)]) as channel:
            stub: EventServiceStub = EventServiceStub(channel)
            try:
                answer = stub.RecordEvents(pb.RecordEventsRequest(events=batch), timeout=CALL_S)
            except grpc.RpcError:
                with self._lock:
                    self.errors += 1
                return False
            with self._lock:
                for event, outcome in zip(batch, answer.outcomes, strict=True):
                    if outcome.status in _TAKEN:
                        self.acknowledged.add(event.event_id.replace("-", ""))
                    else:
                        self.refused.append(outcome.message)
            return True

    def _ask(self) -> None:
        request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
        channel, opened = None, ""
        while not self._stopping.is_set():
            address = self.addresses()[0]
            if address != opened:
                channel, opened = grpc.insecure_channel(address), address
            assert channel is not None
            stub: AssignmentServiceStub = AssignmentServiceStub(channel)
            start = time.monotonic()
            try:
                stub.AssignVariants(request, timeout=2)
                self.assigned += 1
            except grpc.RpcError:
                self.unassigned += 1
            self.slowest_assignment_s = max(self.slowest_assignment_s, time.monotonic() - start)
            time.sleep(0.005)


def _batch(rng: random.Random, name: str, size: int) -> Sequence[pb.Event]:
    """Exposures, orders, and refunds of these orders, in any order."""
    events = []
    for number in range(size // 3):
        unit, order = f"v-{name}-{number}", f"o-{name}-{number}"
        events.append(shop.exposure(unit))
        events.append(shop.order(unit, order))
        events.append(shop.refund(order, 1.0))
    rng.shuffle(events)
    return events
