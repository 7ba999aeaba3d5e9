"""Refused calls in the log: enough to find the caller, and not one line each."""

from collections.abc import Callable

import pytest
from fairlift_server.api.refusal_log import EVERY_S, Key, RefusalLog


class Minutes:
    """A clock that the test moves: what is due is called when a minute passes."""

    def __init__(self) -> None:
        self._due: list[tuple[Callable[[Key], None], Key]] = []

    def later(self, seconds: float, function: Callable[[Key], None], key: Key) -> None:
        assert seconds == EVERY_S
        self._due.append((function, key))

    def passes(self) -> int:
        """How many were due."""
        due, self._due = self._due, []
        for function, key in due:
            function(key)
        return len(due)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [getattr(record, "fields", {}) for record in caplog.records]


def line(peer: str, calls: int) -> dict[str, object]:
    return {"code": "UNAUTHENTICATED", "peer": peer, "calls": calls}


def test_the_first_is_logged_at_once_and_the_rest_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    minutes = Minutes()
    refusals = RefusalLog(minutes.later)

    for port in range(1_000):
        refusals.add("UNAUTHENTICATED", f"ipv4:10.0.0.7:{40_000 + port}")
    at_once = lines(caplog)
    minutes.passes()

    assert at_once == [line("ipv4:10.0.0.7", 1)]
    assert lines(caplog) == [line("ipv4:10.0.0.7", 1), line("ipv4:10.0.0.7", 999)]


def test_callers_have_lines_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    refusals = RefusalLog(Minutes().later)

    for peer in ("ipv4:10.0.0.7:1", "ipv6:%5B::1%5D:2", "unix:/run/a.sock"):
        refusals.add("UNAUTHENTICATED", peer)

    assert [found["peer"] for found in lines(caplog)] == ["ipv4:10.0.0.7", "ipv6:%5B::1%5D", "unix"]


def test_a_caller_who_stopped_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    minutes = Minutes()
    refusals = RefusalLog(minutes.later)

    refusals.add("UNAUTHENTICATED", "ipv4:10.0.0.7:1")
    assert minutes.passes() == 1
    assert minutes.passes() == 0
    refusals.add("UNAUTHENTICATED", "ipv4:10.0.0.7:1")

    assert lines(caplog) == [line("ipv4:10.0.0.7", 1)] * 2


def test_many_callers_share_a_line(caplog: pytest.LogCaptureFixture) -> None:
    minutes = Minutes()
    refusals = RefusalLog(minutes.later)

    for number in range(5_000):
        refusals.add("UNAUTHENTICATED", f"ipv4:10.0.{number // 250}.{number % 250}:1")
    minutes.passes()

    others = [found["calls"] for found in lines(caplog) if found["peer"] == "others"]
    assert len(lines(caplog)) < 210
    assert sum(others, start=0) == 4_800  # type: ignore[arg-type]  # counts, in a record's fields
