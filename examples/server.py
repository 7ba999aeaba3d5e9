"""A Fairlift server of one's own for the time of a program: free port, temporary store."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

_READY = "listening on "
_START_S = 60.0
_DRAIN_S = 15.0


@contextlib.contextmanager
def running_server(*, currency: str, token: str = "") -> Iterator[str]:
    """The address of a new server; it and its store are gone afterwards, however the program ends.

    With a token, callers must show it.

    Raises:
        RuntimeError: the server did not start; its log is printed.
    """
    with (
        _ending_on_signals() as ending,
        tempfile.TemporaryDirectory(prefix="fairlift-", ignore_cleanup_errors=True) as folder,
        (Path(folder) / "server.log").open("w+", encoding="utf-8") as log,
    ):
        server = _start(Path(folder), currency, token, log)
        try:
            ending.allow()
            yield _address(server)
        except Exception:
            print(f"The server's log ends with:\n{_end_of(log)}", file=sys.stderr)
            raise
        finally:
            ending.forbid()
            _stop(server)


class _Ending:
    """A wish to end, obeyed at once where that is safe, and otherwise as soon as it is."""

    def __init__(self) -> None:
        self._wished = 0
        self._is_safe = False

    def wish(self, number: int, _frame: FrameType | None) -> None:
        """Takes a signal; a second one is not heard."""
        if not self._wished:
            self._wished = number
            if self._is_safe:
                raise SystemExit(128 + number)

    def allow(self) -> None:
        """From now on everything that was begun is put away by those who began it."""
        self._is_safe = True
        if self._wished:
            raise SystemExit(128 + self._wished)

    def forbid(self) -> None:
        """Putting away must not be broken off."""
        self._is_safe = False


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[_Ending]:
    """SIGINT and SIGTERM end the program in order."""
    ending = _Ending()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ending.wish) for number in signals]
    try:
        yield ending
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _start(folder: Path, currency: str, token: str, log: IO[str]) -> "subprocess.Popen[str]":
    settings = {
        "FAIRLIFT_LISTEN": "127.0.0.1:0",
        "FAIRLIFT_DATABASE": str(folder / "fairlift.db"),
        "FAIRLIFT_CURRENCY": currency,
        "FAIRLIFT_TOKEN": token,
    }
    others = {name: text for name, text in os.environ.items() if not name.startswith("FAIRLIFT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "fairlift_server", "serve"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=others | settings,
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
