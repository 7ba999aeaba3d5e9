"""Runs a temporary Fairlift server inside a program: free port, temporary store."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO

from fairlift.v1.campaign_service_pb2 import StartCampaignRequest
from fairlift_cli.server_connection import Target, connected, full_name
from google.protobuf.timestamp_pb2 import Timestamp

_READY = "listening on "
_START_S = 60.0
_DRAIN_S = 15.0


@contextlib.contextmanager
def running_server(*, currency: str, token: str = "", environment: str = "") -> Iterator[str]:
    """The address of a new server; it stops and its store is deleted, however the program ends.

    With a token, calls must carry it; callers of another environment than the named are refused.

    Raises:
        RuntimeError: the server did not start; its log is printed.
    """
    with (
        _shutdown_on_signals() as shutdown,
        tempfile.TemporaryDirectory(prefix="fairlift-", ignore_cleanup_errors=True) as folder,
        (Path(folder) / "server.log").open("w+", encoding="utf-8") as log,
    ):
        server = _start(Path(folder), currency, token, environment, log)
        try:
            shutdown.allow()
            yield _address(server)
        except Exception:
            print(f"The server's log ends with:\n{_end_of(log)}", file=sys.stderr)
            raise
        finally:
            shutdown.forbid()
            _stop(server)


def start_in_the_past(address: str, campaigns: Iterable[str], start_time: datetime) -> None:
    """Starts campaigns as of a moment that is over: their history is sent afterwards."""
    moment = Timestamp()
    moment.FromDatetime(start_time)
    with connected(Target(address)) as server:
        for campaign in campaigns:
            request = StartCampaignRequest(
                name=full_name(campaign), start_time=moment, reason="replayed history"
            )
            server.call(server.campaigns.StartCampaign, request)


class _Shutdown:
    """Ends the program on a signal: at once where that is safe, or else as soon as it is."""

    def __init__(self) -> None:
        self._signal = 0
        self._is_safe = False

    def request(self, number: int, _frame: FrameType | None) -> None:
        """Handles a signal; further signals are ignored."""
        if not self._signal:
            self._signal = number
            if self._is_safe:
                raise SystemExit(128 + number)

    def allow(self) -> None:
        """From now on a signal may interrupt, because everything started is cleaned up."""
        self._is_safe = True
        if self._signal:
            raise SystemExit(128 + self._signal)

    def forbid(self) -> None:
        """From now on a signal must not interrupt the clean-up."""
        self._is_safe = False


@contextlib.contextmanager
def _shutdown_on_signals() -> Iterator[_Shutdown]:
    """Lets SIGINT and SIGTERM end the program with clean-up."""
    shutdown = _Shutdown()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, shutdown.request) for number in signals]
    try:
        yield shutdown
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)


def _start(
    folder: Path, currency: str, token: str, environment: str, log: IO[str]
) -> "subprocess.Popen[str]":
    settings = {
        "FAIRLIFT_LISTEN": "127.0.0.1:0",
        "FAIRLIFT_DATABASE": str(folder / "fairlift.db"),
        "FAIRLIFT_CURRENCY": currency,
        "FAIRLIFT_TOKEN": token,
        "FAIRLIFT_ENVIRONMENT": environment,
        # Looks are made when results are read, and not in the middle of the history.
        "FAIRLIFT_LOOK_EVERY_S": "3600",
    }
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith("FAIRLIFT_")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "fairlift_server", "serve"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=inherited | settings,
        # Ctrl-C reaches us alone: we send what waits before the server goes.
        start_new_session=True,
    )


def _address(server: "subprocess.Popen[str]") -> str:
    too_late = threading.Timer(_START_S, server.kill)
    # A signal may come at any line: a timer that nobody cancelled must not hold the program up.
    too_late.daemon = True
    assert server.stdout is not None  # for the type checker: it is a pipe
    try:
        too_late.start()
        for line in server.stdout:
            if line.startswith(_READY):
                return line.removeprefix(_READY).strip()
    finally:
        too_late.cancel()
    raise RuntimeError("the server did not start")


def _end_of(log: IO[str]) -> str:
    log.seek(0)
    return log.read()[-4_000:]


def _stop(server: "subprocess.Popen[str]") -> None:
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(_DRAIN_S)
    # Whatever it started is in its session, and goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    if server.stdout is not None:
        server.stdout.close()
