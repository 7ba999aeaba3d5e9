"""The supervisor of workers, tried on little programs in their place."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fairlift_server.workers.supervisor import SupervisionPace, Supervisor, WorkerCommand

PACE = SupervisionPace(silence_s=2.0, stop_s=10.0, first_pause_s=0.01, longest_pause_s=0.1)
# Notes its start in a file, says that it listens, and then does what the test wants.
PREAMBLE = """
import os, signal, sys, time
folder, number, beats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(f"{folder}/{number}.starts", "a") as file:
    file.write(f"{os.getpid()}\\n")
def beat():
    os.write(beats, b".")
def serve():
    while True:
        beat()
        time.sleep(0.1)
"""
SERVES = "serve()"


class Workers:
    """Where workers note their starts."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self._program = PREAMBLE + textwrap.dedent(program)

    def command(self, number: int, beats: int) -> WorkerCommand:
        arguments = [str(self.folder), str(number), str(beats)]
        return WorkerCommand([sys.executable, "-c", self._program, *arguments], os.environ)

    def pids(self, number: int) -> list[int]:
        path = self.folder / f"{number}.starts"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@asynccontextmanager
async def supervised(
    workers: Workers, count: int, pace: SupervisionPace = PACE
) -> AsyncIterator[tuple[Supervisor, "asyncio.Task[int]"]]:
    """A supervisor whose workers listen."""
    supervisor = Supervisor(workers.command, count, pace)
    listening = asyncio.Event()
    running = asyncio.create_task(supervisor.run(listening.set))
    try:
        async with asyncio.timeout(30):
            await listening.wait()
        yield supervisor, running
    finally:
        supervisor.stop()
        await running


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, object]]:
    return [
        record.fields  # type: ignore[attr-defined]  # of our log lines
        for record in caplog.records
        if record.getMessage() == message
    ]


async def test_a_worker_that_was_killed_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(tmp_path, SERVES)
    async with supervised(workers, 3):
        (killed,) = workers.pids(1)
        os.kill(killed, signal.SIGKILL)
        await until(lambda: len(workers.pids(1)) == 2)
        # The others stay.
        assert [len(workers.pids(number)) for number in (0, 2)] == [1, 1]
    (line,) = lines(caplog, "a worker ended")
    assert (line["worker"], line["exit_code"]) == (1, -signal.SIGKILL)


async def test_a_frozen_worker_is_killed_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(tmp_path, SERVES)
    async with supervised(workers, 2):
        (frozen,) = workers.pids(0)
        os.kill(frozen, signal.SIGSTOP)
        began_s = time.monotonic()
        await until(lambda: len(workers.pids(0)) == 2)
        assert time.monotonic() - began_s > PACE.silence_s - 0.2
        assert not is_alive(frozen)
        assert len(workers.pids(1)) == 1
    assert lines(caplog, "a worker hangs and is killed")[0]["worker"] == 0


async def test_a_stopped_supervisor_kills_no_worker_when_it_goes_on(tmp_path: Path) -> None:
    workers = Workers(tmp_path, SERVES)
    async with supervised(workers, 2):
        # Nothing of this process runs, and the workers' beats wait in their pipes.
        time.sleep(PACE.silence_s + 0.5)  # a frozen process is what is meant
        await asyncio.sleep(1.5)
        assert [len(workers.pids(number)) for number in (0, 1)] == [1, 1]


async def test_a_worker_that_always_dies_does_not_spin(tmp_path: Path) -> None:
    # Given a worker that listened once, and dies at once whenever it is started again
    program = """
    if number and len(open(f"{folder}/1.starts").readlines()) > 1:
        sys.exit(3)
    serve()
    """
    workers = Workers(tmp_path, program)
    pace = SupervisionPace(first_pause_s=0.1, longest_pause_s=60.0, stop_s=10.0)
    async with supervised(workers, 2, pace):
        os.kill(workers.pids(1)[0], signal.SIGKILL)
        await asyncio.sleep(4)

        # Then each start comes twice as late as the one before: 0.1, 0.2, 0.4, 0.8, 1.6 s
        assert 3 <= len(workers.pids(1)) <= 8
        assert len(workers.pids(0)) == 1


async def test_a_first_start_that_fails_ends_all(tmp_path: Path) -> None:
    workers = Workers(tmp_path, "sys.exit(4) if number == 1 else serve()")
    supervisor = Supervisor(workers.command, 3, PACE)
    announced: list[bool] = []

    async with asyncio.timeout(30):
        code = await supervisor.run(lambda: announced.append(True))

    assert (code, announced) == (4, [])
    for number in range(3):
        assert not any(map(is_alive, workers.pids(number)))
        assert len(workers.pids(number)) <= 1


async def test_the_others_start_when_the_first_one_has_prepared_the_database(
    tmp_path: Path,
) -> None:
    workers = Workers(tmp_path, "time.sleep(1 - number)\nserve()")
    supervisor = Supervisor(workers.command, 2, PACE)
    running = asyncio.create_task(supervisor.run(lambda: None))
    await until(lambda: len(workers.pids(0)) == 1)
    await asyncio.sleep(0.3)
    assert workers.pids(1) == []
    await until(lambda: len(workers.pids(1)) == 1)
    supervisor.stop()
    assert await running == 0


async def test_a_stop_lets_workers_drain_and_kills_those_that_do_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(
        tmp_path,
        """
        def drain(*_):
            time.sleep(0.5)
            open(f"{folder}/{number}.drained", "w")
            sys.exit(0)
        signal.signal(signal.SIGTERM, drain if number else signal.SIG_IGN)
        serve()
        """,
    )
    pace = SupervisionPace(stop_s=2.0)
    async with supervised(workers, 3, pace) as (supervisor, running):
        supervisor.stop()
        assert await running == 0
    assert sorted(path.name for path in tmp_path.glob("*.drained")) == ["1.drained", "2.drained"]
    assert lines(caplog, "workers did not end in time and are killed") == [{"workers": [0]}]
    assert not any(is_alive(pid) for number in range(3) for pid in workers.pids(number))


async def test_a_program_that_does_not_exist_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = str(tmp_path / "missing")
    supervisor = Supervisor(lambda _n, _b: WorkerCommand([missing], {}), 2, PACE)
    async with asyncio.timeout(10):
        assert await supervisor.run(lambda: None) == 1
    assert lines(caplog, "a worker cannot be started")[0]["reason"] == "No such file or directory"


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="counts descriptors by Linux's /proc"
)
async def test_no_descriptor_is_left_by_restarts(tmp_path: Path) -> None:
    workers = Workers(tmp_path, SERVES)
    async with supervised(workers, 1):
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # of this process
        for start in range(1, 6):
            os.kill(workers.pids(0)[-1], signal.SIGKILL)
            await until(lambda start=start: len(workers.pids(0)) == start + 1)  # type: ignore[misc]
        assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208


def test_workers_end_when_their_supervisor_was_killed(tmp_path: Path) -> None:
    # Given a worker with the real heartbeat, and a supervisor that is killed
    program = """
    import asyncio
    from fairlift_server.workers.heartbeat import beat
    async def main():
        stop = asyncio.Event()
        task = asyncio.create_task(beat(beats, stop.set))
        await stop.wait()
        open(f"{folder}/ended", "w")
    asyncio.run(main())
    """
    workers = Workers(tmp_path, program)
    reading, writing = os.pipe()
    command = workers.command(0, writing)
    worker = subprocess.Popen(command.arguments, env=command.environment, pass_fds=(writing,))
    os.close(writing)
    assert os.read(reading, 1) == b"."

    # When the pipe closes
    os.close(reading)

    # Then the worker ends by itself
    assert worker.wait(30) == 0
    assert (tmp_path / "ended").exists()
