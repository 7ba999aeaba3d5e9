"""Health follows the database: down with the first failed write, up when it can write again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fairlift.engine.errors import Overloaded
from fairlift_server.api.readiness import Pace, Readiness

QUICK = Pace(quiet_s=0.001, failing_s=0.001)
# Longer than the test.
NEVER_S = 3_600.0


class Health:
    """What load balancers are told."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[bool] = asyncio.Queue()

    async def report(self, writable: bool, takes_events: bool) -> None:
        assert takes_events == writable  # no server here has a journal
        await self.reports.put(writable)


async def reports(
    check: Callable[[], Awaitable[None]], pace: Pace, number: int, *, fails: bool = False
) -> list[bool]:
    """The first reports of a readiness that runs."""
    health = Health()
    readiness = Readiness(health.report, check, pace)
    running = asyncio.create_task(readiness.run())
    if fails:
        await asyncio.to_thread(readiness.failed, "disk full")
    found = [await health.reports.get() for _ in range(number)]
    running.cancel()
    return found


async def test_a_failed_write_is_reported_before_the_next_check() -> None:
    async def check() -> None:
        """The database can write again by then."""

    pace = Pace(quiet_s=NEVER_S, failing_s=0.001)
    assert await reports(check, pace, 2, fails=True) == [False, True]


async def test_a_database_that_nobody_writes_is_checked_too() -> None:
    answers = iter([None, "read-only", "read-only", None])

    async def check() -> None:
        if reason := next(answers, None):
            raise Overloaded(reason)

    assert await reports(check, QUICK, 2) == [False, True]
    assert next(answers, "none left") == "none left"


async def test_a_disk_that_hangs_is_down(caplog: pytest.LogCaptureFixture) -> None:
    hangs = iter([True, False])

    async def check() -> None:
        if next(hangs, False):
            await asyncio.sleep(NEVER_S)

    pace = Pace(quiet_s=0.001, failing_s=0.001, limit_s=0.01)
    assert await reports(check, pace, 2) == [False, True]
    (line,) = (record for record in caplog.records if record.name == "fairlift.store")
    assert getattr(line, "fields", None) == {"reason": "a write takes more than 0.01 s"}
