"""Options that several commands share, and the parsing of their values."""

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from fairlift_cli.failures import Misused
from fairlift_cli.server_address import (
    ON_THIS_MACHINE,
    certificate_in,
    is_server_address,
    sent_token,
)

if TYPE_CHECKING:
    from fairlift_cli.server_connection import Target

Command = TypeVar("Command", bound=Callable[..., Any])
LANGUAGE = click.option(
    "--language", type=click.Choice(["en", "es", "ro"]), default="en", show_default=True,
    envvar="FAIRLIFT_LANGUAGE", show_envvar=True, help="Language of the output.",
)  # fmt: skip
EPOCH = click.option(
    "--epoch", type=click.IntRange(min=1), help="The epoch to show; default: the current one."
)


def server_options(command: Command) -> Command:
    """Adds the options of a command that calls a server once, `--json` among them."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    return target_options(as_json(command))


def environment_option(command: Command) -> Command:
    """Adds `--env` to a command; the root command, which has it too, reads the variable."""
    option = click.option(
        "--env", "environment", metavar="NAME",
        help="Environment of fairlift.yaml, such as production: its server, token and certificate. "
        "[env var: FAIRLIFT_ENV]",
    )  # fmt: skip
    return option(command)


def target_options(command: Command) -> Command:
    """Adds the options that name a server; they become the command's argument `target`."""

    # Any: click passes options of any type by name.
    @functools.wraps(command)
    def with_target(
        *arguments: Any, address: str | None, token: str, plaintext: bool, ca: bytes | None,
        environment: str | None, **options: Any,
    ) -> Any:  # fmt: skip
        target = _target(address, token, ca, plaintext=plaintext, environment=environment)
        return command(*arguments, target=target, **options)

    decorated: Any = with_target
    for option in (
        click.option(
            "--ca", type=click.Path(path_type=Path, exists=True, dir_okay=False),
            envvar="FAIRLIFT_CA", show_envvar=True,
            help="CA certificate to trust instead of the system's, in PEM format; turns on TLS.",
            callback=_certificate,
        ),
        click.option("--plaintext", is_flag=True, help="Connect to another machine without TLS."),
        click.option(
            "--token", envvar="FAIRLIFT_TOKEN", default="", show_envvar=True, callback=_token,
            help="Token that the server requires.",
        ),
        click.option(
            "--server", "address", metavar="HOST:PORT", envvar="FAIRLIFT_SERVER",
            show_default=f"the server of fairlift.yaml, or {ON_THIS_MACHINE}", show_envvar=True,
            callback=_address, help="Address of the server.",
        ),
        environment_option,
    ):  # fmt: skip
        decorated = option(decorated)
    return cast("Command", decorated)


def _target(
    address: str | None, token: str, ca: bytes | None, *, plaintext: bool, environment: str | None
) -> "Target":
    """What an option says counts first, then an environment that was chosen, then variables.

    Raises:
        Misused: the project file does not say what it must.
    """
    from fairlift_cli.server_choice import environment_of_project, server_of_project
    from fairlift_cli.server_connection import Target

    context = click.get_current_context()
    program = context.find_root()  # fairlift --env NAME COMMAND
    of_program = program.params.get("environment")
    is_flag = program.get_parameter_source("environment") is ParameterSource.COMMANDLINE
    if environment and of_program and is_flag and of_program != environment:
        raise click.UsageError(f"--env is {of_program} and {environment}; name one of them")
    name = environment or of_program
    if not name:
        return Target(address or server_of_project(), token, plaintext, ca)
    chosen = environment_of_project(name)

    def is_option(parameter: str) -> bool:
        return context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE

    return Target(
        address if address and is_option("address") else chosen.environment.server,
        token if is_option("token") else sent_token(chosen.token()) or token,
        plaintext,
        ca if is_option("ca") else certificate_in(chosen.ca()) or ca,
        name,
    )


def _address(_: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """The server's address: host and port, or another gRPC name."""
    if text is None or is_server_address(text):
        return text
    shown = text.rpartition("@")[2]
    raise click.BadParameter(
        f"is {shown!r}, must be HOST:PORT, such as shop.example:443", param=option
    )


def _token(_: click.Context, option: click.Parameter, text: str) -> str:
    try:
        return sent_token(text)
    except Misused as error:
        raise click.BadParameter(str(error), param=option) from None


def _certificate(_: click.Context, option: click.Parameter, path: Path | None) -> bytes | None:
    try:
        return certificate_in(path)
    except Misused as error:
        raise click.BadParameter(str(error), param=option) from None


def parse_share(_: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """A share written as 3% or as 0.03."""
    if text is None:
        return None
    # Many languages write a decimal comma: 3,5 %.
    written = text.replace(",", ".", 1) if "." not in text else text
    try:
        number = float(written.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise click.BadParameter(f"is {text}, must be between 0% and 100%", param=option)
    return number


def parse_time(_: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """A moment in ISO 8601; without an offset it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a time; write 2026-11-02 or 2026-11-02T08:00+01:00", param=option
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_weekly(
    _: click.Context, option: click.Parameter, text: str | None
) -> tuple[float, ...] | None:
    """New units, week by week."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        digits, weeks_apart = text.replace(",", ""), text.replace(",", ", ")
        raise click.BadParameter(
            f"{text} may be one week of {digits} or several weeks; write {digits}, or "
            f'"{weeks_apart}" with blanks',
            param=option,
        )
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    weeks = tuple(float(part) for part in parts if part.isascii() and part.isdecimal())
    if len(weeks) < len(parts) or not all(0 < count < 1e12 for count in weeks):
        message = f"is {text}, must be whole numbers above 0, such as 20000 or 20000,18000"
        raise click.BadParameter(message, param=option)
    return weeks
