"""The program fairlift-server."""

import argparse
import logging
import os
import sys
from importlib.metadata import version
from typing import NoReturn

from fairlift.engine.errors import FairliftError, Invalid
from fairlift.extras import missing_line

from fairlift_server.commands import add_command
from fairlift_server.commands.analyze import ANALYZE
from fairlift_server.commands.audit import AUDIT
from fairlift_server.commands.backup import BACKUP
from fairlift_server.commands.check_config import CHECK_CONFIG
from fairlift_server.commands.export import EXPORT
from fairlift_server.commands.import_files import IMPORT
from fairlift_server.commands.migrate import ACCEPT, MIGRATE
from fairlift_server.commands.move import MOVE
from fairlift_server.commands.parked import PARKED
from fairlift_server.commands.restore import RESTORE
from fairlift_server.commands.retain import RETAIN
from fairlift_server.commands.serve import SERVE
from fairlift_server.commands.shop_settings import SETTINGS
from fairlift_server.commands.sources import SOURCES
from fairlift_server.commands.token import TOKEN
from fairlift_server.commands.unit import UNIT
from fairlift_server.logs import JsonFormatter
from fairlift_server.setting_variables import settings_help, unknown_variables
from fairlift_server.settings_file import CONFIG, read_settings

log = logging.getLogger("fairlift.server")

_INTERRUPTED = 130


def main() -> None:
    """Runs a command; exit codes: 0 success, 1 failure, 2 wrong usage, 130 Ctrl-C."""
    arguments = _parser().parse_args()
    # Before anything is started: results are computed in another process, which imports its part
    # when the first report is read.
    if line := missing_line("fairlift-server", "server"):
        print(line, file=sys.stderr)
        sys.exit(2)
    try:
        if arguments.config:
            os.environ[CONFIG] = arguments.config
        settings = read_settings(os.environ)
        _log_to_stderr(settings.log_level)
        for line in unknown_variables(os.environ):
            log.warning(line)
        try:
            arguments.run(settings, arguments)
        finally:
            sys.stdout.flush()
    except Invalid as error:
        sys.exit("\n".join(f"fairlift-server: {violation}" for violation in error.violations))
    except FairliftError as error:
        sys.exit(f"fairlift-server: {error}")
    except KeyboardInterrupt:
        print("fairlift-server: interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        _end_unread()


def _end_unread() -> NoReturn:
    """Ends without a word when nobody reads on, such as `head` that has what it wants."""
    # What was not written yet would fail once more at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairlift-server",
        description="The Fairlift server: assigns variants, records orders and computes results.",
        epilog=f"settings (environment variables):\n{settings_help()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('fairlift')}")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help='a TOML file of settings, such as `listen = "0.0.0.0:50051"`; variables win over it',
    )
    parsers = parser.add_subparsers(dest="command", required=True)
    for command in (
        SERVE, IMPORT, MIGRATE, MOVE, BACKUP, RESTORE, ACCEPT, PARKED, UNIT, RETAIN, EXPORT,
        SOURCES, ANALYZE, CHECK_CONFIG, TOKEN, SETTINGS, AUDIT,
    ):  # fmt: skip
        add_command(parsers, command)
    return parser


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
