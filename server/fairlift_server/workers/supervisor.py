"""Keeps several processes running: starts them, listens to their hearts, and starts them again."""

import asyncio
import logging
import os
import random
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from fairlift_server.workers.heartbeat import BEAT_S, Pulse

log = logging.getLogger("fairlift.workers")


class WorkerCommand(NamedTuple):
    """How a worker is started."""

    arguments: Sequence[str]
    environment: Mapping[str, str]


# The command of the nth worker, which writes its heartbeat to the file descriptor.
CommandOf = Callable[[int, int], WorkerCommand]


@dataclass(frozen=True, slots=True)
class SupervisionPace:
    """Seconds.

    Attributes:
        silence_s: a worker that was silent for so long is killed.
        stop_s: how long workers may take to end when they are asked to.
        first_pause_s, longest_pause_s: until a worker that ended is started again; each time it
            ends within `calm_s` it waits for longer.
    """

    silence_s: float = 30.0
    stop_s: float = 60.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 30.0
    calm_s: float = 60.0


class Supervisor:
    """Runs workers until it is told to stop, or one of them fails before all listen."""

    def __init__(
        self, command: CommandOf, count: int, pace: SupervisionPace = SupervisionPace()
    ) -> None:
        self._command = command
        self._count = count
        self._pace = pace
        self._running: dict[int, Process] = {}
        self._listening = [asyncio.Event() for _ in range(count)]
        self._have_all_listened = False
        self._stop = asyncio.Event()
        self._exit_code = 0

    def stop(self) -> None:
        """Asks all workers to end."""
        self._stop.set()

    def reload(self) -> None:
        """Has all workers read their settings again."""
        self._signal_all(signal.SIGHUP)

    async def run(self, on_listening: Callable[[], None]) -> int:
        """The exit code: 0 after a stop, or that of a worker that could not start.

        Args:
            on_listening: called once, when all workers listen.
        """
        keepers: list[asyncio.Task[None]] = []
        try:
            for number in range(self._count):
                keepers.append(asyncio.create_task(self._keep(number), name=f"worker-{number}"))
                # The first one prepares the database for the others.
                if number == 0:
                    await self._until_listening(self._listening[:1])
            await self._until_listening(self._listening)
            if not self._stop.is_set():
                self._have_all_listened = True
                on_listening()
                await self._stop.wait()
            return self._exit_code
        finally:
            self._stop.set()
            await self._end(keepers)

    async def _until_listening(self, workers: Sequence[asyncio.Event]) -> None:
        """Returns when these workers listen, or the supervisor was told to stop."""
        stopping = asyncio.ensure_future(self._stop.wait())
        listening = asyncio.ensure_future(asyncio.gather(*(each.wait() for each in workers)))
        await asyncio.wait((stopping, listening), return_when=asyncio.FIRST_COMPLETED)
        for waiting in (stopping, listening):
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting

    async def _end(self, keepers: Sequence["asyncio.Task[None]"]) -> None:
        self._signal_all(signal.SIGTERM)
        if keepers:
            _, late = await asyncio.wait(keepers, timeout=self._pace.stop_s)
            if late:
                fields = {"workers": sorted(self._running)}
                log.error("workers did not end in time and are killed", extra={"fields": fields})
                self._signal_all(signal.SIGKILL)
                await asyncio.wait(late)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, number: int) -> None:
        """Runs a worker, and another one in its place whenever it ends."""
        quick_ends = 0
        while not self._stop.is_set():
            began_s = time.monotonic()
            code = await self._run_once(number)
            if self._stop.is_set():
                return
            if not self._have_all_listened:
                # It said why. Others would fail alike.
                self._exit_code = code if code > 0 else 1
                self._stop.set()
                return
            ran_s = time.monotonic() - began_s
            quick_ends = 0 if ran_s >= self._pace.calm_s else quick_ends + 1
            pause_s = self._pause_s(quick_ends)
            fields = {
                "worker": number,
                "exit_code": code,
                "ran_s": round(ran_s, 1),
                "starts_again_in_s": round(pause_s, 2),
            }
            level = logging.ERROR if code else logging.WARNING
            log.log(level, "a worker ended", extra={"fields": fields})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause_s)

    def _pause_s(self, quick_ends: int) -> float:
        doubled_s: float = self._pace.first_pause_s * 2 ** max(0, min(quick_ends, 30) - 1)
        # Workers that end together must not all start together.
        return min(doubled_s, self._pace.longest_pause_s) * random.uniform(0.75, 1)

    async def _run_once(self, number: int) -> int:
        """The exit code of a worker that ran; minus the signal that ended it."""
        heart, beats = os.pipe()
        pulse = Pulse(heart, self._listening[number])
        try:
            try:
                process = await _started(self._command(number, beats), beats)
            except OSError as error:
                fields = {"worker": number, "reason": error.strerror}
                log.error("a worker cannot be started", extra={"fields": fields})
                return 1
            finally:
                os.close(beats)
            self._running[number] = process
            if self._stop.is_set():
                process.terminate()
            return await self._watched(number, process, pulse)
        finally:
            self._running.pop(number, None)
            pulse.close()

    async def _watched(self, number: int, process: Process, pulse: "Pulse") -> int:
        ending = asyncio.ensure_future(process.wait())
        while not ending.done():
            await asyncio.wait((ending,), timeout=min(BEAT_S, self._pace.silence_s / 2))
            if not ending.done() and pulse.silent_s() > self._pace.silence_s:
                fields = {"worker": number, "silent_s": round(pulse.silent_s(), 1)}
                log.error("a worker hangs and is killed", extra={"fields": fields})
                with suppress(ProcessLookupError):
                    process.kill()
                await ending
        return ending.result()


async def _started(command: WorkerCommand, beats: int) -> Process:
    return await asyncio.create_subprocess_exec(
        *command.arguments,
        env=dict(command.environment),
        stdin=DEVNULL,
        pass_fds=(beats,),
        # Ctrl-C reaches the supervisor alone, which asks the workers to drain.
        start_new_session=True,
    )
