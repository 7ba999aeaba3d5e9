"""fairlift-server serve: answers until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import gc
import signal
from pathlib import Path

from fairlift_server.commands import Command
from fairlift_server.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port-file",
        type=Path,
        help="write HOST:PORT to this file once the server listens",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    import uvloop

    uvloop.run(_serve(settings, arguments.port_file))


async def _serve(settings: Settings, port_file: Path | None) -> None:
    from fairlift_server.build import serving

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as server:
        # Everything loaded by now stays alive: keep the collector from walking it during calls.
        gc.collect()
        gc.freeze()
        address = f"{settings.listen.rpartition(':')[0]}:{server.port}"
        print(f"listening on {address}", flush=True)
        if port_file is not None:
            # Atomic: a program that waits for the file never reads half an address.
            new_file = port_file.with_name(port_file.name + ".new")
            new_file.write_text(f"{address}\n")
            new_file.replace(port_file)
        await stop.wait()


SERVE = Command(
    "serve", "migrate the database, then serve until SIGTERM or Ctrl-C", _add_arguments, _run
)
