"""Processes that compute results: the event loop answers assignments meanwhile.

Also a matter of safety: DuckDB brings its own SQLite, and two copies of SQLite in one process drop
each other's locks on the file.
"""

import asyncio
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Generic, NamedTuple, TypeAlias, TypeVar, TypeVarTuple

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.results.job_slots import FreeSlots, SharedSlots, begin_job, open_slots

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


@dataclass(slots=True)
class JobProgress:
    """How far a job is that may not have begun.

    Attributes:
        began_s: when it was handed to a process, by the monotonic clock.
        share: says how much of it is done, from 0 to 1; it never falls.
    """

    began_s: float = field(default_factory=time.monotonic)
    share: Callable[[], float] = lambda: 0.0


# Is told of every job its name, how many seconds it took, and whether it failed.
ObserveJob: TypeAlias = Callable[[str, float, bool], None]
TraceJob: TypeAlias = Callable[[str], AbstractContextManager[None]]


class WorkerPool:
    """A few processes, started by `start` or by the first job, replaced when one dies.

    Args:
        processes: at most so many.
        observe: is told of every job.
        trace: gives the span of a job, by its name.
        beside_server: they leave one of several processors to the server; False: none serves here.
    """

    def __init__(
        self,
        processes: int,
        observe: ObserveJob | None = None,
        trace: TraceJob | None = None,
        *,
        beside_server: bool = True,
    ) -> None:
        self._processes = processes
        self._beside_server = beside_server
        self._observe = observe
        self._trace = trace
        self._pool: ProcessPoolExecutor | None = None
        self._slots: FreeSlots | None = None

    async def run(
        self, function: Callable[[*Ts], T], *args: *Ts, progress: JobProgress | None = None
    ) -> T:
        """What the function returns, computed in another process.

        If the caller is cancelled the job is stopped: at once while it reads the ledger.

        Args:
            function: of a module.
            args: its arguments.
            progress: is told how far it is.

        Raises:
            Overloaded: too many wait already.
            Unavailable: the process died.
            WorkerError: the function raised what cannot travel between processes.
            Exception: whatever else the function raised.
        """
        with nullcontext() if self._trace is None else self._trace(function.__name__):
            return await self._run(partial(function, *args), function.__name__, progress)

    def start(self) -> None:
        """Starts a process, so that the first job finds one."""
        self._submitted(_nothing)

    async def _run(self, function: Callable[[], T], name: str, progress: JobProgress | None) -> T:
        slots = self._open_slots()
        slot = slots.take()
        if slot is None:
            raise Overloaded(f"{_MOST_WAITING} results are being computed; try again later")
        started = time.monotonic()
        if progress is not None:
            progress.share = partial(slots.shared.share, slot)
        try:
            pool, job = self._submitted(_packed, slot, function)
        except BaseException:
            slots.give_back(slot)
            raise
        job.add_done_callback(partial(_give_back, slots, slot))
        try:
            packed = await asyncio.wrap_future(job)
        except BrokenProcessPool:
            raise self._broken(pool) from None
        except asyncio.CancelledError:
            # Of one that has ended the slot may be that of another job by now.
            if not job.done():
                slots.shared.stop(slot)
            raise
        outcome: Returned[T] | Raised = pickle.loads(packed)
        if self._observe is not None:
            seconds = time.monotonic() - started
            self._observe(name, seconds, isinstance(outcome, Raised))
        if isinstance(outcome, Raised):
            raise outcome.error from WorkerError(outcome.trace)
        return outcome.value

    def _submitted(
        self, function: Callable[[*Ts], T], *args: *Ts
    ) -> tuple[ProcessPoolExecutor, Future[T]]:
        """The function, handed to processes: to new ones if those that there were ended idle."""
        pool = self._pool = self._pool or self._new_pool()
        try:
            return pool, pool.submit(function, *args)
        except BrokenProcessPool:
            pool = self._pool = self._new_pool()
            return pool, pool.submit(function, *args)

    def _open_slots(self) -> FreeSlots:
        if self._slots is None:
            _start_tracker()
            self._slots = FreeSlots(SharedSlots(_SPAWNED, _MOST_WAITING), _MOST_WAITING)
        return self._slots

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._processes,
            mp_context=_SPAWNED,
            initializer=_begin,
            initargs=(self._open_slots().shared, self._beside_server),
        )

    def _broken(self, pool: ProcessPoolExecutor) -> Unavailable:
        if self._pool is pool:
            self._pool = None
        return Unavailable("the process that computes results ended; try again")

    def close(self) -> None:
        """Ends the processes, and what they compute."""
        if self._slots is not None:
            self._slots.stop_all()
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


def _packed(slot: int, function: Callable[[], T]) -> bytes:
    """What the function returned or raised, as bytes.

    An exception that pickle cannot rebuild would break the pool for everybody if the pool itself
    had to carry it: bytes always arrive.
    """
    try:
        begin_job(slot)
        return pickle.dumps(Returned(function()))
    except Exception as error:
        trace = traceback.format_exc()
        try:
            packed = pickle.dumps(Raised(error, trace))
            pickle.loads(packed)
        except Exception:
            return pickle.dumps(Raised(WorkerError(f"{type(error).__name__}: {error}"), trace))
        return packed


# Spawned, never forked: gRPC's threads do not survive a fork.
_SPAWNED = multiprocessing.get_context("spawn")
# As the option -W has it.
_SILENT_TRACKER = "ignore:resource_tracker:UserWarning"


def _start_tracker() -> None:
    """Starts the process of Python that frees what a killed server leaves.

    It is to be silent: it writes to where the server's log goes, and what it says is no JSON.
    """
    sys.warnoptions.append(_SILENT_TRACKER)
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_SILENT_TRACKER)


def _nothing() -> None:
    """A job for a process that is to start."""


def _give_back(slots: FreeSlots, slot: int, _job: Future[bytes]) -> None:
    slots.give_back(slot)


def _begin(slots: SharedSlots, beside_server: bool) -> None:
    open_slots(slots)
    # Visitors come first: what computes results takes the processor time that serving leaves.
    with suppress(OSError):  # a service manager may forbid it
        os.nice(_NICENESS)
    if beside_server:
        with suppress(OSError):
            _leave_a_processor()
    # Ctrl-C reaches the whole group; the server lets its calls finish and then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _leave_a_processor() -> None:
    """Keeps this process and its threads from one of several processors.

    Niceness shares out processor time. It does not wake who serves at once: where all processors
    compute, that takes until the next tick of the scheduler, 4 ms or so.
    """
    if sys.platform != "linux":
        return
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[1:])


def _end_with_parent() -> None:
    """A server that was killed leaves nothing behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a child"
    wait([parent.sentinel])
    os._exit(1)
