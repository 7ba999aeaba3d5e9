"""The command fairlift-server: serve, migrate, accept and parked."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from fairlift.engine.errors import FairliftError, Invalid
from fairlift.extras import missing_line

from fairlift_server.logs import JsonFormatter
from fairlift_server.settings import Settings, settings_help, unknown_variables

log = logging.getLogger("fairlift.server")

# More than the server ever keeps by default.
_MAX_LISTED = 1_000_000

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
            case "parked":
                _list_parked(settings, arguments.limit)
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
    parked = commands.add_parser(
        "parked",
        help="list the events that wait until they can be judged, also while a server runs",
    )
    parked.add_argument(
        "--limit",
        type=_limit,
        default=100,
        help=f"list as many, those that came first, 0 to {_MAX_LISTED:,}; 100 by default",
    )
    return parser


def _limit(text: str) -> int:
    """How many lines to list.

    Raises:
        argparse.ArgumentTypeError: it is no whole number in the range.
    """
    rule = f"must be a whole number, 0 to {_MAX_LISTED}"
    try:
        limit = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is {text!r}, {rule}") from None
    if not 0 <= limit <= _MAX_LISTED:
        raise argparse.ArgumentTypeError(f"is {text}, {rule}")
    return limit


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


def _list_parked(settings: Settings, limit: int) -> None:
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.parked_events import parked_lines, summarized

    summary, lines = read_beside(
        Path(settings.database),
        lambda transaction: (summarized(transaction), parked_lines(transaction, limit=limit)),
    )
    now_s = time.time()
    for line in lines:
        age = timedelta(seconds=max(0, round(now_s - line.received_us / 1e6)))
        message = f"{line.field}: {line.message}" if line.field else line.message
        awaited = line.waits_for.removesuffix("/0")  # any epoch of a campaign
        state = f"waits for {awaited}" if awaited else "was refused"
        print(f"{line.event_id}  {state} ({line.reason}), {age} old: {message}")
    print(f"waiting: {summary.waiting_total}; refused in the end: {summary.refused}")


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
