"""A server that is killed while it parks events, and while it judges them: each counts once."""

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

import grpc
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign, statuses
from tests.server import shop

_BATCH = 200


def run(*, batches: int, kills: int) -> dict[str, int]:
    """The counts at the end of one run.

    Args:
        batches: of events of a campaign that the server does not have yet.
        kills: while it parks them; as many again while it judges them.
    """
    waiting = [[shop.exposure(f"v-{n}-{k}") for k in range(_BATCH)] for n in range(batches)]
    acknowledged: list[pb.Event] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kill_after = {batches * (number + 1) // (kills + 1) for number in range(kills)}
        while waiting:
            with process(folder) as (server, address), grpc.insecure_channel(address) as channel:
                while waiting:
                    if len(waiting) in kill_after:
                        kill_after.discard(len(waiting))
                        # In the middle of the call: its answer may be lost.
                        call = _begun(channel, waiting[0])
                        time.sleep(random.uniform(0, 0.02))
                        server.kill()
                        with suppress(grpc.RpcError):
                            acknowledged += _parked(waiting[0], call.result().outcomes)
                        break
                    outcomes = _begun(channel, waiting[0]).result().outcomes
                    acknowledged += _parked(waiting.pop(0), outcomes)
        for number in range(kills):
            with process(folder) as (server, address), grpc.insecure_channel(address) as channel:
                if not number:
                    start_campaign(channel)
                time.sleep(random.uniform(0, 0.3))  # somewhere in the judging
                server.kill()
        with process(folder) as (_, address), grpc.insecure_channel(address) as channel:
            _wait_until_judged(folder / "shop.db")
            again = [
                status for batch in _batches(acknowledged) for status in statuses(channel, batch)
            ]
        stored = _event_ids(folder / "shop.db")
    ids = {event.event_id.replace("-", "") for event in acknowledged}
    return {
        "acknowledged": len(ids),
        "lost": len(ids - set(stored)),
        "doubled": len(stored) - len(set(stored)),
        "wrong": len(again) - again.count(pb.EVENT_STATUS_DUPLICATE),
    }


def _begun(channel: grpc.Channel, batch: list[pb.Event]) -> "grpc.Future[pb.RecordEventsResponse]":
    request = pb.RecordEventsRequest(events=batch)
    stub: EventServiceStub = EventServiceStub(channel)
    return stub.RecordEvents.future(request, timeout=PATIENCE_S)


def _parked(batch: list[pb.Event], outcomes: Iterable[pb.EventOutcome]) -> list[pb.Event]:
    """The events that the server says it keeps."""
    return [
        event
        for event, outcome in zip(batch, outcomes, strict=True)
        if outcome.status == pb.EVENT_STATUS_PARKED
    ]


def _batches(events: list[pb.Event]) -> Iterable[list[pb.Event]]:
    return (events[first : first + _BATCH] for first in range(0, len(events), _BATCH))


def _wait_until_judged(database: Path) -> None:
    deadline = time.monotonic() + 4 * PATIENCE_S
    with closing(sqlite3.connect(database)) as connection:
        while connection.execute("SELECT count(*) FROM parked_events").fetchone() != (0,):
            assert time.monotonic() < deadline, "the parked events are not judged"
            time.sleep(0.1)


def _event_ids(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0].hex() for row in connection.execute("SELECT event_id FROM exposures")]
