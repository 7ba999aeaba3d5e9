"""A running server that is asked for the same report again, and after new events came in."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
from fairlift.uuid7 import uuid7
from fairlift.v1 import assignment_service_pb2 as assignment
from fairlift.v1 import event_service_pb2 as events
from fairlift.v1 import results_service_pb2 as results
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift.wire.values import time_to

from benchmarks.large_shop.campaigns import LARGE, VARIANTS
from benchmarks.large_shop.events import unit_of
from benchmarks.serve import process_with_id
from benchmarks.workers import cpu_s

_NEW, _BATCH = 5_000, 1_000
_ROUNDS = 5
_ASSIGNED_HZ, _UNTIL_WARM, _QUIET_CALLS = 200, 200, 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """Milliseconds, and seconds of the processor.

    Attributes:
        first: of the first report, which makes all looks that are due.
        again: of one with nothing new.
        after_new: of one after 5,000 new events, half of them of new visitors and half actions of
            as many known ones.
        after_new_cpu_s: of the server and its processes for that report.
        assign_quiet, assign_during: 99th percentiles of assignments at a steady rate, with nothing
            else to do, and while the first report is made.
    """

    first: float
    again: float
    after_new: float
    after_new_cpu_s: float
    assign_quiet: float
    assign_during: float


def reading_ms(database: str, visitors: int) -> Reading:
    """What readers and storefronts wait for at one server.

    Args:
        database: of the large shop.
        visitors: that the large campaign has.
    """
    settings = {
        "FAIRLIFT_LISTEN": "127.0.0.1:0",
        "FAIRLIFT_DATABASE": database,
        "FAIRLIFT_RAW_IDS": "yes",
        "FAIRLIFT_LOOK_EVERY_S": "86400",
    }
    with (
        process_with_id("fairlift_server", "serve", **settings) as (address, server),
        grpc.insecure_channel(address) as channel,
    ):
        _assigned_ms(channel, _UNTIL_WARM)
        quiet = _assigned_ms(channel, _QUIET_CALLS)
        with ThreadPoolExecutor(1) as reader:
            report = reader.submit(_report_ms, channel)
            during: list[float] = []
            while not report.done():
                during += _assigned_ms(channel, 20)
        again = [_report_ms(channel) for _ in range(_ROUNDS)]
        _send(channel, visitors)
        before_s = cpu_s(server)
        after_new = _report_ms(channel)
        return Reading(
            report.result(),
            statistics.median(again),
            after_new,
            cpu_s(server) - before_s,
            statistics.quantiles(quiet, n=100)[98],
            statistics.quantiles(during, n=100)[98],
        )


def _assigned_ms(channel: grpc.Channel, calls: int) -> list[float]:
    """How long each of so many assignments took, one after the other, at a steady rate."""
    stub, times = AssignmentServiceStub(channel), []
    for number in range(calls):
        time.sleep(1 / _ASSIGNED_HZ)
        begun = time.perf_counter()
        stub.AssignVariants(assignment.AssignVariantsRequest(visitor_id=f"v{number}"))
        times.append((time.perf_counter() - begun) * 1_000)
    return times


def _report_ms(channel: grpc.Channel) -> float:
    begun = time.perf_counter()
    request = results.GetResultsRequest(name=f"campaigns/{LARGE}")
    report = ResultsServiceStub(channel).GetResults(request, timeout=3_600)
    assert report.totals
    return (time.perf_counter() - begun) * 1_000


def _send(channel: grpc.Channel, visitors: int) -> None:
    stub, now = EventServiceStub(channel), datetime.now(UTC) - timedelta(minutes=1)
    for start in range(0, _NEW, _BATCH):
        batch = [_event(number, visitors, now) for number in range(start, start + _BATCH)]
        outcomes = stub.RecordEvents(events.RecordEventsRequest(events=batch)).outcomes
        assert all(each.status == events.EVENT_STATUS_ACCEPTED for each in outcomes), outcomes[0]


def _event(number: int, visitors: int, now: datetime) -> events.Event:
    """An exposure of a new visitor, or an action of a known one, from all over the campaign."""
    event = events.Event(event_id=uuid7(), event_time=time_to(now + timedelta(milliseconds=number)))
    if number % 2:
        event.action.unit_id = unit_of(number * visitors // _NEW)
        event.action.name = "add_to_cart"
    else:
        event.exposure.campaign = f"campaigns/{LARGE}"
        event.exposure.variant = VARIANTS[number // 2 % 2]
        event.exposure.unit_id = f"new-{number}"
        event.exposure.epoch = 1
    return event
