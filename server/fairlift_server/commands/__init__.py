"""The commands of fairlift-server, one module each.

A command says its arguments at once, and imports what it runs only when it runs: `--help` and
errors in settings must not wait for it.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from fairlift_server.settings import Settings

# What argparse hands out for a parser's subcommands; it is generic in the parser's class.
Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Command(NamedTuple):
    """A command.

    Attributes:
        name: as it is typed.
        help: one line.
        add_arguments: to its parser.
        run: with the settings and the parsed arguments.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Settings, argparse.Namespace], None]


def add_command(parsers: Parsers, command: Command) -> None:
    """Adds a command to the parser of the program."""
    parser = parsers.add_parser(command.name, help=command.help, description=command.help)
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def without_arguments(_parser: argparse.ArgumentParser) -> None:
    """Adds none."""
