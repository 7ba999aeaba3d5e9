"""Processes that compute results: the event loop answers assignments meanwhile.

Also a matter of safety: DuckDB brings its own SQLite, and two copies of SQLite in one process drop
each other's locks on the file.
"""

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Generic, NamedTuple, TypeAlias, TypeVar, TypeVarTuple

from fairlift.engine.errors import Overloaded, Unavailable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_MOST_WAITING = 64
# A third of the share of a server that is as busy; far lower, a report would starve beside others.
_NICENESS = 5


class WorkerError(Exception):
    """What went wrong in a worker process, in words."""


@dataclass(frozen=True, slots=True)
class Returned(Generic[T]):
    """What a function returned in a worker process."""

    value: T


@dataclass(frozen=True, slots=True)
class Raised:
    """What it raised, and where."""

    error: Exception
    trace: str


# Is told of every job its name, how many seconds it took, and whether it failed.
ObserveJob: TypeAlias = Callable[[str, float, bool], None]
TraceJob: TypeAlias = Callable[[str], AbstractContextManager[None]]


class WorkerPool:
    """A few processes, started when first needed, replaced when one dies.

    Args:
        processes: at most so many.
        observe: is told of every job.
        trace: gives the span of a job, by its name.
    """

    def __init__(
        self,
        processes: int,
        observe: ObserveJob | None = None,
        trace: TraceJob | None = None,
    ) -> None:
        self._processes = processes
        self._observe = observe
        self._trace = trace
        self._pool: ProcessPoolExecutor | None = None
        self._waiting = 0

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """What the function returns, computed in another process.

        Raises:
            Overloaded: too many wait already.
            Unavailable: the process died.
            WorkerError: the function raised what cannot travel between processes.
            Exception: whatever else the function raised.
        """
        if self._trace is None:
            return await self._run(function, *args)
        with self._trace(function.__name__):
            return await self._run(function, *args)

    async def _run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Overloaded(f"{self._waiting} results are being computed; try again later")
        self._waiting += 1
        started = time.monotonic()
        pool = self._pool = self._pool or _pool(self._processes)
        try:
            packed = await asyncio.wrap_future(pool.submit(_packed, partial(function, *args)))
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = None
            raise Unavailable("the process that computes results ended; try again") from None
        finally:
            self._waiting -= 1
        outcome: Returned[T] | Raised = pickle.loads(packed)
        if self._observe is not None:
            seconds = time.monotonic() - started
            self._observe(function.__name__, seconds, isinstance(outcome, Raised))
        if isinstance(outcome, Raised):
            raise outcome.error from WorkerError(outcome.trace)
        return outcome.value

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


class WorkerPools(NamedTuple):
    """The processes of one server.

    Attributes:
        reports: compute results.
        checks: check data quality, which must not wait for the reports of large campaigns.
    """

    reports: WorkerPool
    checks: WorkerPool

    def close(self) -> None:
        """Ends the processes."""
        self.reports.close()
        self.checks.close()


def _packed(function: Callable[[], T]) -> bytes:
    """What the function returned or raised, as bytes.

    An exception that pickle cannot rebuild would break the pool for everybody if the pool itself
    had to carry it: bytes always arrive.
    """
    try:
        return pickle.dumps(Returned(function()))
    except Exception as error:
        trace = traceback.format_exc()
        try:
            packed = pickle.dumps(Raised(error, trace))
            pickle.loads(packed)
        except Exception:
            return pickle.dumps(Raised(WorkerError(f"{type(error).__name__}: {error}"), trace))
        return packed


def _pool(processes: int) -> ProcessPoolExecutor:
    # Spawned, never forked: gRPC's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)


def _begin() -> None:
    # Visitors come first: what computes results takes the processor time that serving leaves.
    with suppress(OSError):  # a service manager may forbid it
        os.nice(_NICENESS)
    # Ctrl-C reaches the whole group; the server lets its calls finish and then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A server that was killed leaves nothing behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a child"
    wait([parent.sentinel])
    os._exit(1)
