"""What is too large, too much, or cannot be sent holds nothing else up."""

import logging
import math
import time
from datetime import UTC, datetime
from decimal import Decimal

import grpc
import pytest
from fairlift import OrderLine, Reason
from fairlift import event_messages as events
from fairlift.engine.assignment import Outcome, assignment
from fairlift.event_queue import EventKind
from fairlift.exposures import ExposureQueue, SeenExposures
from fairlift.outbox import MAX_EVENT_BYTES, Outbox
from fairlift.transport import Endpoint

from tests.client.shop import Shop, eventually
from tests.client.test_delivery import SPAIN, connected, expose, exposed

TIME_S = 1_800_000_000.0


class Melting(Decimal):
    """A number of another library's, which does not answer any more."""

    def __float__(self) -> float:
        raise RuntimeError("the request is over")


class NoTime(datetime):
    """A time of another library's, which is missing."""

    def timestamp(self) -> float:
        return math.nan


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Slow(Decimal):
    """A number that takes its time, as thousands of exposures do together."""

    def __new__(cls, clock: Clock) -> "Slow":
        slow = super().__new__(cls, 1)
        slow.clock = clock
        return slow

    clock: Clock

    def __float__(self) -> float:
        self.clock.sleep(0.002)
        return 1.0


def warnings(caplog: pytest.LogCaptureFixture, text: str) -> int:
    """How often it was told."""
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    return sum(text in each.getMessage() for each in told)


def test_event_that_no_server_takes_is_given_up_and_stops_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(shop) as client:
        # Given two events above what the server takes, and others behind them
        client.assign("spring", "huge", {**SPAIN, "note": "x" * 4_300_000}, expose=True)
        client.order("v", "o", [OrderLine("p" * 4_300_000, 1, 1)], currency="EUR")
        expose(client, range(3))

        # When they are sent, then the others arrive
        assert client.flush()
        assert client.stats().refused == {"too_large": 2}
        assert client.stats().waiting == 0
    assert exposed(shop) == {"v0", "v1", "v2"}
    assert warnings(caplog, "has 4300") == 1  # of whichever is packed first


@pytest.mark.parametrize(("more", "refused"), [(0, {}), (1, {"too_large": 1})])
def test_limit_of_an_event_is_what_the_server_takes(
    shop: Shop, more: int, refused: dict[str, int]
) -> None:
    name = "x" * 4_000_000
    name += "x" * (MAX_EVENT_BYTES - events.action("v", name, None, TIME_S).ByteSize() + more)
    event = events.action("v", name, None, TIME_S)
    assert event.ByteSize() == MAX_EVENT_BYTES + more
    outbox = Outbox(Endpoint(shop.target).connect, nothing(), max_events=9, max_bytes=2**30)
    outbox.put(EventKind.ACTION, event)

    assert outbox.flush(10)
    assert outbox.refused == refused
    assert len(shop.events) == 1 - more


def nothing(room: int = 9) -> ExposureQueue:
    return ExposureQueue(SeenExposures(10_000), room)


def test_event_too_large_for_what_lies_between_is_given_up_alone(shop: Shop) -> None:
    options = [("grpc.max_send_message_length", 30_000)]
    with connected(shop, channel_options=options) as client:
        for i in range(20):
            client.action("large" if i == 7 else f"v{i}", "x" * (40_000 if i == 7 else 10))

        assert client.flush(10)
        assert client.stats().refused == {"invalid": 1}
    assert len(shop.of_kind("action")) == 19


def test_exposure_arrives_without_the_attribute_that_cannot_be_read(shop: Shop) -> None:
    with connected(shop) as client:
        client.assign("spring", "v", {**SPAIN, "cart": Melting(1)}, expose=True)
        assert client.flush()

        assert client.stats().refused == {}
    (exposure,) = shop.of_kind("exposure")
    assert list(exposure.attributes) == ["country"]


async def test_exposure_that_cannot_be_packed_is_counted_and_stops_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    client = connected(shop)

    client.expose(client.assign("spring", "v1", SPAIN), time=NoTime.now(UTC))
    client.order("v", "o", [OrderLine("p", 1, 1)], currency="EUR")
    assert client.flush()
    client.expose(client.assign("spring", "v2", SPAIN), time=NoTime.now(UTC))
    await client.close_async()

    assert client.stats().refused == {"unsendable": 2}
    assert len(shop.of_kind("order")) == 1
    assert warnings(caplog, "ValueError: cannot convert float NaN") == 1


def test_reason_of_a_newer_server_is_counted_by_its_number(shop: Shop) -> None:
    shop.refusals = {"action": 99}
    with connected(shop) as client:
        client.action("v", "x")
        assert client.flush()

        assert client.stats().refused == {"reason_99": 1}


def test_exposures_are_bounded_in_bytes_while_a_batch_is_under_way(shop: Shop) -> None:
    with connected(shop, max_bytes=1_000_000) as client:
        # Given a batch under way to a server that does not answer
        shop.delay_s = 60.0
        expose(client, [0], "first")
        assert eventually(lambda: shop.calls == 1)

        # When 40 MB of exposures are recorded
        for i in range(5_000):
            client.assign("spring", f"v{i}", {**SPAIN, "note": "x" * 8_000}, expose=True)

        # Then most are given up soon, and what is kept is within the bound
        assert eventually(lambda: client.stats().dropped.get("exposure", 0) > 4_800, 30.0)
        assert client.stats().waiting <= 200
        assert client.stats().waiting_bytes <= 1_000_000
        assert client.stats().accepted == 0
        client.close(0.01)


def test_exposures_and_other_events_are_bounded_together(shop: Shop) -> None:
    # Given an outbox full of actions
    shop.failures = [grpc.StatusCode.UNAVAILABLE] * 1_000
    with connected(shop, max_events=3_000) as client:
        for i in range(3_000):
            client.action("v", f"a{i}")
        assert eventually(lambda: client._exposures.room == 1_000)

        # When as many exposures are recorded
        expose(client, range(3_000))

        # Then they take the place of actions
        assert client.stats().waiting <= 4_000
        assert eventually(lambda: client.stats().waiting == 3_000)
        assert client.stats().dropped["action"] >= 1_000
        client.close(0.01)


def test_flush_keeps_its_time_and_sends_what_it_can(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given 10,000 exposures, each of which takes 2 ms to pack on a clock that only they move
    clock = Clock()
    monkeypatch.setattr("fairlift.outbox.time", clock)
    exposures = nothing(room=10_000)
    outbox = Outbox(Endpoint(shop.target).connect, exposures, max_events=20_000, max_bytes=2**30)
    for i in range(10_000):
        outcome = Outcome("spring", "control", {}, Reason.ASSIGNED)
        exposures.put(assignment(outcome, f"v{i}", {"cart": Slow(clock)}, TIME_S))

    # When there are ten seconds to send them
    is_sent = outbox.flush(10.0)

    # Then the time is exceeded by one portion of 1,000 at most, and what fits is sent
    assert not is_sent
    assert 10.0 <= clock.now_s <= 12.0
    assert len(exposed(shop)) >= 500


def test_overflow_is_told_once_until_everything_was_sent(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(shop, max_events=10) as client:
        for told in (1, 2):
            # When thousands of events find no room, in many beats
            shop.failures = [grpc.StatusCode.UNAVAILABLE] * 1_000
            for i in range(3_000):
                client.identify(f"v{i}", "c")
                time.sleep(0.0001)
            lost = client.stats().dropped["identity"]

            # Then all are counted, and one line tells of it
            assert lost == 2_990 * told
            shop.failures = []
            assert client.flush()
            assert warnings(caplog, "too many events are waiting") == told
