"""fairlift-server serve: answers until SIGTERM or Ctrl-C, in one process or in several."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fairlift_server.commands import Command
from fairlift_server.monitoring.systemd import notify
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.store.database import Store

# How long a worker may take after its calls have ended: waiting events, the journal, processes.
_END_S = 30.0
# New objects between two runs of the garbage collector; one over so many takes milliseconds.
_COLLECTED_OBJECTS = 50_000
# After which a thread gives the interpreter away. The one that writes needs it for a moment between
# two statements, of which a transaction has a dozen; the database idles until it has it.
_TURN_S = 0.0002


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
    # gRPC writes lines of its own that are no JSON, one for each compressed message that it
    # refuses; what matters of them comes as an error too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if arguments.worker is None:
        from fairlift_server.importing.work_folder import remove_left_over

        remove_left_over()
    if arguments.worker is None and settings.journal:
        from fairlift_server.events.journal_files import gather

        gather(Path(settings.journal), workers=settings.workers)
    if arguments.worker is None and settings.workers > 1:
        sys.exit(asyncio.run(_supervise(settings, arguments.port_file)))
    import uvloop

    uvloop.run(_serve(settings, arguments))


async def _serve(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.build import serving
    from fairlift_server.reload import Reload
    from fairlift_server.workers.heartbeat import beat

    stop = asyncio.Event()
    _on_signals(stop.set)
    loop = asyncio.get_running_loop()
    # Until the server serves, there is nothing to read again.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    # Kept until the end of the process: a worker that drains is heard too.
    tasks = set[asyncio.Task[None]]()
    # Of several workers, the first one starts alone.
    needs_token = not arguments.worker and not settings.is_open and not settings.token
    if needs_token and settings.first_token_file:
        from fairlift_server.first_token import check_first_token_file

        check_first_token_file(settings)
    after_start = partial(_give_first_token, settings) if needs_token else None
    async with serving(settings, worker=arguments.worker, after_start=after_start) as server:
        # Everything loaded by now stays alive: keep the collector from walking it during calls.
        gc.collect()
        gc.freeze()
        # By default it would walk the events of a batch dozens of times: a third of the ingest.
        gc.set_threshold(_COLLECTED_OBJECTS)
        sys.setswitchinterval(_TURN_S)
        reload = Reload(settings, server)
        loop.add_signal_handler(signal.SIGHUP, reload.run)
        if arguments.worker is None:
            _announce(settings, server.port, arguments.port_file)
        else:
            tasks.add(asyncio.create_task(beat(arguments.heartbeat, stop.set), name="heartbeat"))
        await stop.wait()
        if arguments.worker is None:
            notify("STOPPING=1")


async def _give_first_token(settings: Settings, store: "Store") -> None:
    from fairlift_server.first_token import give_first_token

    if text := await give_first_token(settings, store):
        print(text, flush=True)


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

        def stop() -> None:
            notify("STOPPING=1")
            supervisor.stop()

        _on_signals(stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.reload)
        return await supervisor.run(lambda: _announce(settings, shared.port, port_file))


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _announce(settings: Settings, port: int, port_file: Path | None) -> None:
    address = f"{settings.listen.rpartition(':')[0]}:{port}"
    print(f"listening on {address}", flush=True)
    notify("READY=1")
    if port_file is not None:
        # Atomic: a program that waits for the file never reads half an address.
        new_file = port_file.with_name(port_file.name + ".new")
        new_file.write_text(f"{address}\n")
        new_file.replace(port_file)


SERVE = Command(
    "serve", "migrate the database, then serve until SIGTERM or Ctrl-C", _add_arguments, _run
)
