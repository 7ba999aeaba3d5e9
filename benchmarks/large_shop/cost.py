"""What a function costs in a process of its own: time of the clock and of the CPU, and memory."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one call.

    Attributes:
        wall_s, cpu_s: seconds; the CPU's of all threads, and of PostgreSQL where it is asked.
        peak_gb: the most memory that the process had.
        value: what the function returned.
    """

    wall_s: float
    cpu_s: float
    peak_gb: float
    value: Any


def cost_of(
    function: Callable[..., Any],
    *arguments: object,
    first: tuple[object, ...] = (),
    postmaster: int = 0,
) -> Cost:
    """The cost of one call.

    Args:
        function: of a module.
        arguments: of the call.
        first: of a call before it that does not count: a worker of a server has imported all that
            it needs, and knows the statements of a plan.
        postmaster: the process id of PostgreSQL, whose ended backends count too; 0: none is asked.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(int).result()  # the process is there
        before = _cpu_of_ended_s(postmaster)
        wall_s, cpu_s, peak_gb, value = pool.submit(_call, function, arguments, first).result()
        if postmaster:
            time.sleep(0.5)  # its backends end when the connection is gone
        cpu_s += _cpu_of_ended_s(postmaster) - before
    return Cost(wall_s, cpu_s, peak_gb, value)


def _call(
    function: Callable[..., Any], arguments: tuple[Any, ...], first: tuple[Any, ...]
) -> tuple[float, float, float, Any]:
    if first:
        function(*first)
    wall, cpu = time.perf_counter(), time.process_time()
    value = function(*arguments)
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    # Of this process alone: getrusage counts from before the program was loaded.
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.partition("VmHWM:")[2].split()[0])
    return wall_s, cpu_s, peak_kb / 1024**2, value


def _cpu_of_ended_s(process: int) -> float:
    """CPU seconds of the children of a process that have ended; Linux counts hundredths."""
    if not process:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / 100
