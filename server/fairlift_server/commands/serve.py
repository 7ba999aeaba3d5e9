"""fairlift-server serve: answers until SIGTERM or Ctrl-C, in one process or in several."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from fairlift_server.commands import Command
from fairlift_server.settings import Settings

# How long a worker may take after its calls have ended: waiting events, the journal, processes.
_END_S = 30.0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port-file",
        type=Path,
        help="write HOST:PORT to this file once the server listens",
    )
    # How a supervisor starts its workers.
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--heartbeat", type=int, help=argparse.SUPPRESS)


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.worker is None and settings.journal:
        from fairlift_server.events.journal_files import gather

        gather(Path(settings.journal), workers=settings.workers)
    if arguments.worker is None and settings.workers > 1:
        sys.exit(asyncio.run(_supervise(settings, arguments.port_file)))
    import uvloop

    uvloop.run(_serve(settings, arguments))


async def _serve(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.build import serving
    from fairlift_server.workers.heartbeat import beat

    stop = asyncio.Event()
    _on_signals(stop.set)
    # Kept until the end of the process: a worker that drains is heard too.
    tasks = set[asyncio.Task[None]]()
    async with serving(settings, worker=arguments.worker) as server:
        # Everything loaded by now stays alive: keep the collector from walking it during calls.
        gc.collect()
        gc.freeze()
        if arguments.worker is None:
            _announce(settings, server.port, arguments.port_file)
        else:
            tasks.add(asyncio.create_task(beat(arguments.heartbeat, stop.set), name="heartbeat"))
        await stop.wait()


async def _supervise(settings: Settings, port_file: Path | None) -> int:
    from fairlift_server.workers.shared_port import SharedPort
    from fairlift_server.workers.supervisor import SupervisionPace, Supervisor, WorkerCommand

    with SharedPort(settings.listen) as shared:

        def command(number: int, beats: int) -> WorkerCommand:
            arguments = ["serve", "--worker", str(number), "--heartbeat", str(beats)]
            changed = {"FAIRLIFT_LISTEN": shared.listen}
            if settings.journal:
                from fairlift_server.events.journal_files import worker_folder

                changed["FAIRLIFT_JOURNAL"] = str(worker_folder(Path(settings.journal), number))
            return WorkerCommand(
                [sys.executable, "-m", "fairlift_server", *arguments], {**os.environ, **changed}
            )

        pace = SupervisionPace(
            silence_s=settings.worker_silence_s,
            stop_s=settings.drain_delay_s + 2 * settings.drain_s + _END_S,
        )
        supervisor = Supervisor(command, settings.workers, pace)
        _on_signals(supervisor.stop)
        return await supervisor.run(lambda: _announce(settings, shared.port, port_file))


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _announce(settings: Settings, port: int, port_file: Path | None) -> None:
    address = f"{settings.listen.rpartition(':')[0]}:{port}"
    print(f"listening on {address}", flush=True)
    if port_file is not None:
        # Atomic: a program that waits for the file never reads half an address.
        new_file = port_file.with_name(port_file.name + ".new")
        new_file.write_text(f"{address}\n")
        new_file.replace(port_file)


SERVE = Command(
    "serve", "migrate the database, then serve until SIGTERM or Ctrl-C", _add_arguments, _run
)
