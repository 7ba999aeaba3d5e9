"""Clients that were refused come back when the server says, and seldom."""

import time
from types import SimpleNamespace
from typing import cast

import grpc
import pytest
from fairlift import outbox
from fairlift.engine.errors import Overloaded, Unavailable
from fairlift.retry_budget import RetryBudget
from fairlift.transport import error_from
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.client.shop import Shop, eventually
from tests.client.test_delivery import connected, expose


def details(*messages: ErrorInfo | RetryInfo) -> tuple[tuple[str, bytes], ...]:
    status = Status(code=8, message="later")
    for message in messages:
        packed = AnyMessage()
        packed.Pack(message)
        status.details.append(packed)
    return (("x-other", b"x"), ("grpc-status-details-bin", status.SerializeToString()))


def failed(code: grpc.StatusCode, trailing: object) -> grpc.RpcError:
    """What a stub raises, as the SDK sees it."""
    call = SimpleNamespace(
        code=lambda: code, details=lambda: "later", trailing_metadata=lambda: trailing
    )
    return cast("grpc.RpcError", call)


@pytest.mark.parametrize(
    ("trailing", "expected"),
    [
        (None, None),
        ((), None),
        (details(), None),
        (details(ErrorInfo(reason="OVERLOADED")), None),
        (details(ErrorInfo(), RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))), 2.5),
        (details(RetryInfo()), None),
        ((("grpc-status-details-bin", b"\xff\xff\xff"),), None),
    ],
)
def test_the_time_that_a_server_asks_for_is_read(trailing: object, expected: float | None) -> None:
    error = failed(grpc.StatusCode.RESOURCE_EXHAUSTED, trailing)

    overloaded = error_from(error)
    assert isinstance(overloaded, Overloaded)
    assert overloaded.retry_after_s == (1.0 if expected is None else expected)
    unavailable = error_from(failed(grpc.StatusCode.UNAVAILABLE, trailing))
    assert isinstance(unavailable, Unavailable)
    assert unavailable.retry_after_s == expected


def test_repeats_are_a_tenth_of_the_calls_in_the_long_run() -> None:
    budget, repeats = RetryBudget(), 0
    for _ in range(1_000):
        budget.answered()
        repeats += budget.take()

    assert repeats == pytest.approx(100, abs=5)


def test_answers_save_up_a_few_repeats_only() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.answered()

    assert sum(budget.take() for _ in range(100)) == 3


def test_a_refused_batch_is_not_sent_again_before_the_time_that_was_asked_for(shop: Shop) -> None:
    shop.failures = [grpc.StatusCode.RESOURCE_EXHAUSTED]
    shop.retry_after_s = 1.0
    with connected(shop) as client:
        expose(client, range(5))
        begun = time.monotonic()
        assert client.flush(10)  # also who ends waits
        took_s = time.monotonic() - begun

    assert 0.9 < took_s < 5
    assert len(shop.batches) == 2


def test_who_ends_waits_for_the_time_that_was_asked_for_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_SPREAD", 0.0)
    shop.failures = [grpc.StatusCode.RESOURCE_EXHAUSTED]
    shop.retry_after_s = 1.0
    with connected(shop) as client:
        expose(client, range(5))
        assert eventually(lambda: client.stats().retries == 1)
        begun = time.monotonic()
        expose(client, range(5, 7))
        assert client.flush(10)
        took_s = time.monotonic() - begun

    assert took_s > 0.8
    assert shop.calls == 2


def test_a_close_asks_no_second_time_where_the_server_wants_more_time_than_it_has(
    shop: Shop,
) -> None:
    shop.failures = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 100
    shop.retry_after_s = 20.0
    client = connected(shop)
    expose(client, range(5))
    assert eventually(lambda: client.stats().retries == 1)
    client.close(0.6)

    assert shop.calls == 1
    assert client.stats().waiting == 5


def test_beyond_the_budget_repeats_are_rare(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_BACKOFF_S", 0.01)
    monkeypatch.setattr(outbox, "_MAX_BACKOFF_S", 30.0)
    shop.failures = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 1_000
    with connected(shop) as client:
        expose(client, range(5))
        assert eventually(lambda: client.stats().retries >= 4)
        time.sleep(3)
        assert client.stats().retries == 4
        shop.failures = []
        assert client.flush(5)
