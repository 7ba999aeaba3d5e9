"""The command fairlift-server: serve, migrate and accept."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from fairlift.engine.errors import FairliftError, Invalid
from fairlift.extras import missing_line

from fairlift_server.logs import JsonFormatter
from fairlift_server.settings import Settings, settings_help, unknown_variables

log = logging.getLogger("fairlift.server")

# The server is imported when it starts: `--help` and errors in settings must not wait for it.


def main() -> None:
    """Runs a command; exit codes: 0 success, 1 failure, 2 wrong usage."""
    arguments = _parser().parse_args()
    # Before anything is started: results are computed in another process, which imports its part
    # when the first report is read.
    if line := missing_line("fairlift-server", "server"):
        print(line, file=sys.stderr)
        sys.exit(2)
    try:
        settings = Settings.from_environment(os.environ)
        _log_to_stderr(settings.log_level)
        for line in unknown_variables(os.environ):
            log.warning(line)
        match arguments.command:
            case "serve":
                import uvloop

                uvloop.run(_serve(settings, arguments.port_file))
            case "migrate":
                _migrate(settings)
            case "accept":
                _migrate(settings, accept=True)
    except Invalid as error:
        sys.exit("\n".join(f"fairlift-server: {violation}" for violation in error.violations))
    except FairliftError as error:
        sys.exit(f"fairlift-server: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairlift-server",
        description="The Fairlift server: assigns variants, records orders and computes results.",
        epilog=f"settings (environment variables):\n{settings_help()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('fairlift')}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve", help="migrate the database, then serve until SIGTERM or Ctrl-C"
    )
    serve.add_argument(
        "--port-file",
        type=Path,
        help="write HOST:PORT to this file once the server listens",
    )
    commands.add_parser("migrate", help="upgrade the database to this version, and exit")
    commands.add_parser(
        "accept",
        help="take the database as it is though writes are missing, such as after restoring an "
        "older back-up, and exit",
    )
    return parser


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


def _migrate(settings: Settings, *, accept: bool = False) -> None:
    from fairlift_server.store.database import Store

    store = Store(Path(settings.database), accept=accept)
    try:
        store.migrate()
        state = f"accepted: {store.contents()}" if accept else "up to date"
    finally:
        store.close()
    print(f"{store.path} is {state}")


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
