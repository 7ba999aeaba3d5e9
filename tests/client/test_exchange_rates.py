"""Exchange rates that a shop sends: exact, sent first, and dropped last."""

from typing import Any

import pytest
from fairlift import event_messages
from fairlift.event_queue import EventKind, EventQueue, QueuedEvent
from fairlift.v1 import event_service_pb2 as e


@pytest.mark.parametrize(
    ("rate", "picos"), [("0.92", 920_000_000_000), ("0.0000345", 34_500_000), (2, 2 * 10**12)]
)
def test_a_rate_keeps_twelve_decimals(rate: str | int, picos: int) -> None:
    event = event_messages.exchange_rate("USD", rate, 1_000.0)

    assert event.exchange_rate.currency_code == "USD"
    assert event.exchange_rate.shop_picos_per_unit == picos
    assert event.event_time.seconds == 1_000


@pytest.mark.parametrize("rate", [0.92, "0.0000000000001", "much", None])
def test_a_rate_that_is_not_exact_is_refused_by_name(rate: Any) -> None:
    with pytest.raises(ValueError, match=r"^rate: "):
        event_messages.exchange_rate("USD", rate, 0.0)


def test_a_rate_is_sent_before_the_orders_that_wait_for_it_and_dropped_last() -> None:
    queue = EventQueue(max_events=2, max_bytes=1_000)
    for kind in (EventKind.ORDER, EventKind.RATE, EventKind.ORDER):
        queue.put(QueuedEvent(kind, e.Event(event_id=kind.name), 10))

    assert [sent.event.event_id for sent in queue.batch(max_events=9, max_bytes=999)] == [
        "RATE",
        "ORDER",
    ]
