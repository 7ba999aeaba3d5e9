"""Nothing that was recorded is lost quietly: not by failures, not by exits, not by forks."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from fairlift import Client, OrderLine, Reason
from fairlift.event_queue import EventKind, EventQueue, QueuedEvent
from fairlift.v1 import event_service_pb2 as e

from tests.client.shop import Shop, eventually

SPAIN = {"country": "ES"}
ROOT = Path(__file__).parents[2]


def connected(shop: Shop, **options: Any) -> Client:
    client = Client(shop.target, **options)
    assert client.wait_ready(10)
    return client


def expose(client: Client, names: range | list[int], prefix: str = "v") -> None:
    for i in names:
        client.assign("spring", f"{prefix}{i}", SPAIN, expose=True)


def exposed(shop: Shop) -> set[str]:
    return {each.unit_id for each in shop.of_kind("exposure")}


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAUTHENTICATED,
    ],
)
def test_failed_batch_is_sent_again_with_the_same_ids(shop: Shop, code: grpc.StatusCode) -> None:
    shop.failures = [code] * 3
    with connected(shop) as client:
        expose(client, range(5))
        assert client.flush(10)
        assert client.stats().retries >= 3
        assert client.stats().accepted == 5

    assert len(shop.batches) == 4
    assert len({tuple(batch) for batch in shop.batches}) == 1


def test_lost_answer_counts_nothing_twice(shop: Shop) -> None:
    shop.answers_lost = 1
    with connected(shop) as client:
        expose(client, range(5))
        assert client.flush(10)

        assert client.stats().duplicates == 5
    assert len(shop.events) == 5


def test_server_that_restarts_gets_everything(shop: Shop) -> None:
    with connected(shop) as client:
        expose(client, range(50))
        shop.stop()
        expose(client, range(50, 100))
        assert eventually(lambda: client.stats().retries > 0)
        shop.start()

        assert client.flush(20)
    assert exposed(shop) == {f"v{i}" for i in range(100)}


def test_refused_event_is_counted_by_reason_and_not_sent_again(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.refusals = {"exposure": e.REFUSAL_REASON_NOT_RUNNING}
    with connected(shop) as client:
        expose(client, range(3))
        client.action("v", "x")
        assert client.flush()

        stats = client.stats()
    assert (stats.refused, stats.accepted, stats.waiting) == ({"not_running": 3}, 1, 0)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1


def test_event_that_the_server_cannot_read_does_not_block_the_others(shop: Shop) -> None:
    shop.unreadable = "poison"
    with connected(shop) as client:
        for i in range(20):
            client.action("poison" if i == 7 else f"v{i}", "x")
        assert client.flush()

        assert client.stats().refused == {"invalid": 1}
    assert len(shop.of_kind("action")) == 19


def test_full_outbox_drops_actions_first_and_orders_last() -> None:
    with Client("127.0.0.1:1", max_events=10) as client:
        for i in range(8):
            client.action("v", f"a{i}")
        for i in range(8):
            client.order("v", f"o{i}", [OrderLine("p", 1, 1)], currency="EUR")
        assert client.stats().dropped == {"action": 6}
        client.identify("v", "c")
        for i in range(8, 12):
            client.order("v", f"o{i}", [OrderLine("p", 1, 1)], currency="EUR")
        stats = client.stats()
        client.close(0.01)

    assert stats.waiting == 10
    assert stats.dropped == {"action": 8, "identity": 1, "order": 2}


def test_outbox_is_bounded_in_bytes_too(caplog: pytest.LogCaptureFixture) -> None:
    with Client("127.0.0.1:1", max_bytes=10_000) as client:
        for _ in range(100):
            client.action("v" * 250, "x")
        client.action("v" * 20_000, "x")
        stats = client.stats()
        client.close(0.01)

    assert stats.waiting_bytes <= 10_000
    assert stats.waiting + stats.dropped["action"] == 101
    assert "too many events are waiting" in caplog.text


def test_exposure_that_found_no_room_is_news_again(shop: Shop) -> None:
    with connected(shop, max_events=5) as client:
        shop.failures = [grpc.StatusCode.UNAVAILABLE] * 1_000
        expose(client, range(50))
        eventually(lambda: client.stats().dropped.get("exposure", 0) > 0)
        shop.failures = []
        for _ in range(30):
            expose(client, range(50))
            client.flush()

    assert exposed(shop) == {f"v{i}" for i in range(50)}


def test_queue_gives_batches_within_their_limits() -> None:
    queue = EventQueue(max_events=1_000, max_bytes=1_000_000)
    for i in range(100):
        queue.put(QueuedEvent(EventKind.ACTION, e.Event(event_id=f"{i:036d}"), 38))
    queue.put(QueuedEvent(EventKind.ORDER, e.Event(event_id="order"), 7))

    first = queue.batch(max_events=10, max_bytes=10_000)
    small = queue.batch(max_events=10, max_bytes=100)

    assert [len(first), first[0].event.event_id] == [10, "order"]
    assert sum(each.size for each in small) <= 100
    queue.done(first)
    assert len(queue) == 91
    assert queue.batch(max_events=1, max_bytes=1)[0].event.event_id == f"{9:036d}"


def run_script(shop: Shop, body: str, *, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    script = f"""
import sys
from fairlift import Client
client = Client("{shop.target}")
assert client.wait_ready(10)
def expose(prefix, count):
    for i in range(count):
        client.assign("spring", f"{{prefix}}{{i}}", {{"country": "ES"}}, expose=True)
{textwrap.dedent(body)}
"""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise RuntimeError", 1), ("del client", 0)],
)
def test_plain_script_that_ends_delivers_everything(shop: Shop, end: str, code: int) -> None:
    done = run_script(shop, f"expose('v', 1000)\n{end}")

    assert done.returncode == code, done.stderr
    assert exposed(shop) == {f"v{i}" for i in range(1000)}


def test_exit_does_not_wait_longer_than_two_seconds_for_a_dead_server(shop: Shop) -> None:
    done = run_script(
        shop,
        """
        import time
        client.close()
        client = Client("127.0.0.1:1")
        for i in range(10):
            client.action("v", "x")
        print(time.time(), flush=True)
        """,
    )
    ended = time.time()

    assert done.returncode == 0, done.stderr
    assert ended - float(done.stdout.split()[-1]) < 4
    assert "10 events are lost" in done.stderr


def test_forked_workers_deliver_everything_once_each(shop: Shop) -> None:
    """As gunicorn does with --preload: the client is made before the workers are."""
    done = run_script(
        shop,
        """
        import os
        expose("parent", 100)
        children = []
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                expose(f"w{worker}-", 250)
                sys.exit(0)
            children.append(pid)
        expose("late", 100)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        """,
    )

    assert done.returncode == 0, done.stderr
    expected = {f"w{w}-{i}" for w in range(4) for i in range(250)}
    expected |= {f"{name}{i}" for name in ("parent", "late") for i in range(100)}
    assert exposed(shop) == expected
    assert len(shop.events) == len(expected)


def test_children_of_multiprocessing_deliver_everything(shop: Shop) -> None:
    """Such children end by os._exit: no atexit handler ever runs in them.

    In a process of its own: this one has threads of a server and of other libraries, and CPython
    3.11 can crash where it takes over the locks of such threads in a child.
    """
    done = run_script(
        shop,
        """
        import multiprocessing
        def work(worker):
            expose(f"m{worker}-", 100)
        fork = multiprocessing.get_context("fork")
        workers = [fork.Process(target=work, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        """,
    )

    assert done.returncode == 0, done.stderr
    assert exposed(shop) == {f"m{w}-{i}" for w in range(3) for i in range(100)}


def test_fork_of_a_closed_client_starts_nothing(shop: Shop) -> None:
    client = connected(shop)
    client.close()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED else 1)

    assert os.waitpid(pid, 0)[1] == 0
