"""What the server cannot take yet is kept and sent again; what it parks is its own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fairlift import event_clock, postponed_events
from fairlift.event_queue import EventKind, QueuedEvent
from fairlift.outbox import Outbox
from fairlift.postponed_events import PostponedEvents
from fairlift.v1 import event_service_pb2 as e

from tests.client.shop import Shop, eventually
from tests.client.test_delivery import connected, expose

HOUR_S = 3_600


def event(size: int = 10) -> QueuedEvent:
    return QueuedEvent(EventKind.ORDER, e.Event(), size)


def test_a_parked_event_is_done_and_counted_as_parked(shop: Shop) -> None:
    shop.parks = {"exposure"}
    with connected(shop) as client:
        expose(client, range(3))
        assert client.flush()
        stats = client.stats()

    assert (stats.parked, stats.accepted, stats.waiting, stats.postponed) == (3, 0, 0, 0)
    assert sum(len(batch) for batch in shop.batches) == 3


def test_a_refusal_that_can_heal_is_kept_and_sent_again_until_it_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponed_events, "_BACKOFF_S", 0.01)
    shop.refusals = {"exposure": e.REFUSAL_REASON_UNKNOWN_CAMPAIGN}
    shop.is_retryable = True
    with connected(shop) as client:
        expose(client, range(3))
        assert eventually(lambda: len({x for batch in shop.batches for x in batch}) == 3)
        assert not client.flush(5)
        kept = client.stats()
        shop.refusals = {}
        assert eventually(lambda: client.stats().accepted == 3)
        healed = client.stats()

    assert (kept.postponed, kept.waiting, kept.refused) == (3, 0, {})
    assert (healed.postponed, healed.refused) == (0, {})
    assert len(shop.events) == 3


def test_the_last_flush_gives_what_was_postponed_one_more_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponed_events, "_BACKOFF_S", 1e6)
    shop.refusals = {"exposure": e.REFUSAL_REASON_UNKNOWN_CAMPAIGN}
    shop.is_retryable = True
    with connected(shop) as client:
        expose(client, range(3))
        assert not client.flush(5)
        shop.refusals = {}

        assert client.flush(5)


def test_what_is_still_postponed_at_the_close_is_said_to_be_lost(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.refusals = {"action": e.REFUSAL_REASON_UNKNOWN_CAMPAIGN}
    shop.is_retryable = True
    with connected(shop) as client:
        for number in range(3):
            client.action(f"v{number}", "view")
    stats = client.stats()

    assert "3 events are lost" in caplog.text
    assert (stats.waiting + stats.postponed, stats.accepted, len(shop.events)) == (3, 0, 0)


def test_when_nothing_waits_every_event_is_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Outbox._count

    def count_slowly(*arguments: Any) -> None:
        time.sleep(0.3)
        count(*arguments)

    monkeypatch.setattr(Outbox, "_count", count_slowly)
    with connected(shop) as client:
        expose(client, range(3))
        assert eventually(lambda: not client.stats().waiting)
        assert client.stats().accepted == 3


def test_what_is_postponed_is_bounded_in_number_bytes_and_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postponed_events, "MAX_EVENTS", 2)
    monkeypatch.setattr(postponed_events, "MAX_BYTES", 100)
    few, large, old = PostponedEvents(), PostponedEvents(), PostponedEvents()
    long_ago = time.monotonic() - postponed_events.MAX_AGE_S - 1

    assert [few.keep(event()) for _ in range(3)] == [True, True, False]
    assert [large.keep(event(60)), large.keep(event(60))] == [True, False]
    assert not old.keep(event()._replace(refused_since_s=long_ago))
    assert [e.attempts for e in few.due(everything=True)] == [1, 1]
    assert few.keep(event(100))


def test_attempts_are_further_and_further_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    postponed = PostponedEvents()
    waits: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        waits.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", longest)
    for attempts in range(12):
        postponed.keep(event()._replace(attempts=attempts))

    assert postponed.due() == []
    assert len(postponed) == 12
    assert waits[:4] == [(1, 2), (2, 4), (4, 8), (8, 16)]
    assert waits[-1] == (300, 600)


def test_every_request_says_when_it_was_sent_however_old_its_events_are(shop: Shop) -> None:
    before = time.time()
    with connected(shop) as client:
        client.action("v", "view", time=datetime.now(UTC) - timedelta(days=3))
        assert client.flush()

    (sent_time,) = shop.sent_times
    assert before - 1 <= sent_time <= time.time() + 1


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_events_from_before_the_clock_was_set_are_sent_by_the_clock_that_stamped_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    offset_s = event_clock.clock_offset_s
    with connected(shop) as client:
        shop.stop()
        client.action("v", "before")
        monkeypatch.setattr("fairlift.outbox.clock_offset_s", lambda: offset_s() + jump_s)
        client.action("v", "after")
        shop.start()
        assert client.flush(20)
    now = time.time()

    names = {event_id: x.action.name for event_id, x in shop.events.items()}
    sent_times = {
        tuple(names[event_id] for event_id in batch): sent_time
        for batch, sent_time in zip(shop.batches, shop.sent_times, strict=True)
    }
    assert sent_times == {
        ("before",): pytest.approx(now, abs=30),
        ("after",): pytest.approx(now + jump_s, abs=30),
    }
