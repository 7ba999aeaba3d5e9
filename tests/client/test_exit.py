"""The end of a program: events of exit handlers and of threads that go on are sent, or said."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.client.shop import Shop

ROOT = Path(__file__).parents[2]
SCRIPT = """
import atexit, sys, threading

def record(name):
    client.action(name, "view")
    client.assign("spring", name, {"country": "ES"}, expose=True)
    client.order(name, name, [OrderLine("p", 1, 1)], currency="EUR")

# Exit handlers run in the reverse order of their registration: this one runs last.
atexit.register(lambda: record("first-registered"))
from fairlift import Client, OrderLine
client = Client(sys.argv[1])
assert client.wait_ready(10)
"""


def run(target: str, body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT + textwrap.dedent(body), target],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )


def units(shop: Shop) -> dict[str, list[str]]:
    kinds = ("action", "exposure", "order")
    return {kind: sorted(event.unit_id for event in shop.of_kind(kind)) for kind in kinds}


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "raise RuntimeError('the program fails')"])
def test_events_of_exit_handlers_are_sent_whenever_they_were_registered(
    shop: Shop, end: str
) -> None:
    done = run(
        shop.target,
        f"""
        atexit.register(lambda: record("last-registered"))
        record("program")
        {end}
        """,
    )

    everybody = ["first-registered", "last-registered", "program"]
    assert units(shop) == {"action": everybody, "exposure": everybody, "order": everybody}
    assert "lost" not in done.stderr, done.stderr
    assert len(shop.events) == 9


def test_what_exit_handlers_record_without_a_server_is_counted_and_said_once(shop: Shop) -> None:
    done = run(
        shop.target,
        """
        client.close()
        client = Client("127.0.0.1:1")
        atexit.register(lambda: print(client.stats().waiting))
        for number in range(20):
            atexit.register(lambda: record(f"unit-{number}"))
        """,
    )

    # Actions and orders: without a snapshot, nobody is in the campaign.
    assert done.stdout.split() == ["40"], done.stderr
    assert done.stderr.count("events are lost") == 1
    assert "recorded while the program ended" in done.stderr


def test_events_of_threads_that_outlive_the_main_thread_are_sent(shop: Shop) -> None:
    done = run(
        shop.target,
        """
        def work():
            threading.main_thread().join()
            # As long as several beats of the client's background thread.
            for number in range(10):
                record(f"thread-{number}")
                threading.Event().wait(0.1)

        threading.Thread(target=work).start()
        """,
    )

    everybody = ["first-registered", *(f"thread-{number}" for number in range(10))]
    assert units(shop)["order"] == everybody, done.stderr
    assert units(shop)["exposure"] == everybody
    assert "lost" not in done.stderr


def test_tasks_that_an_executor_has_yet_to_run_are_waited_for(shop: Shop) -> None:
    done = run(
        shop.target,
        """
        from concurrent.futures import ThreadPoolExecutor
        executor = ThreadPoolExecutor(1)
        for number in range(10):
            executor.submit(lambda: threading.Event().wait(0.1))
            executor.submit(record, f"task-{number}")
        """,
    )

    everybody = ["first-registered", *(f"task-{number}" for number in range(10))]
    assert units(shop)["order"] == everybody, done.stderr


def test_event_recorded_after_the_close_is_said_to_be_not_sent(shop: Shop) -> None:
    done = run(
        shop.target,
        """
        client.close()
        record("too late")
        stats = client.stats()
        assert stats.waiting == 0, stats
        lost = {kind: count for kind, count in stats.dropped.items() if count}
        assert lost == {"action": 1, "exposure": 1, "order": 1}, stats
        assert client.flush(1)
        """,
    )

    assert done.returncode == 0, done.stderr
    assert "an event of kind order is not sent: RuntimeError: the client is closed" in done.stderr
    assert (
        "an event of kind exposure is not sent: RuntimeError: the client is closed" in done.stderr
    )
    assert "too many events" not in done.stderr
