"""Web servers that fork their workers deliver every event, however a worker comes to its end."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.client.shop import Shop, eventually
from tests.client.web import gunicorn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="finds workers by Linux's /proc"
    ),
]


def subscribed(shop: Shop) -> list[str]:
    """Whoever subscribed, as the events tell; each once when nothing was sent twice."""
    return sorted(each.unit_id for each in shop.of_kind("action"))


@pytest.mark.parametrize(
    "options",
    [("--preload",), ("--worker-class=gthread", "--threads=4"), ("--worker-class=gevent",)],
    ids=["sync-preload", "gthread", "gevent"],
)
def test_gunicorn_delivers_every_event(shop: Shop, options: tuple[str, ...]) -> None:
    # Given workers that are recycled after 30 visits, and then all replaced at a reload
    options = (*options, "--workers=2", "--max-requests=30")
    with gunicorn(shop.target, *options) as web:
        done = web.visits("recycled", 65)
        before = web.workers
        web.process.send_signal(signal.SIGHUP)
        done |= web.visits("reloading", 20)
        assert web.replaced(before)
        done |= web.visits("reloaded", 10)

        # When the server is told to end right after the last visit
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(30) == 0

    # Then all that visitors did has arrived, once
    assert len(done) >= 90
    assert subscribed(shop) == sorted(done)


def test_worker_that_is_told_to_end_delivers_what_it_has(shop: Shop) -> None:
    done: set[str] = set()
    with gunicorn(shop.target, "--workers=1", "--preload") as web:
        for how in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            done |= web.visits(how.name, 20)
            old = web.workers
            os.kill(old[0], how)
            assert web.replaced(old)
            everybody = sorted(done)
            assert eventually(lambda all_=everybody: subscribed(shop) == all_)


def test_worker_that_is_killed_loses_the_last_moment_at_most(shop: Shop) -> None:
    with gunicorn(shop.target, "--workers=1", "--preload") as web:
        # Given a worker with events that it had a second for, and events of the last moment
        safe = web.visits("safe", 30)
        time.sleep(1.0)
        risked = web.visits("risked", 20)

        # When it is killed as for want of memory
        old = web.workers
        os.kill(old[0], signal.SIGKILL)
        assert web.replaced(old)
        safe |= web.visits("after", 30)
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(30) == 0

    # Then only those can be missing
    assert safe <= set(subscribed(shop)) <= safe | risked
