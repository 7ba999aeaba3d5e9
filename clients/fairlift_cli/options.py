"""Options that several commands share, and the parsing of their values."""

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import click

Command = TypeVar("Command", bound=Callable[..., Any])
LANGUAGE = click.option(
    "--language", type=click.Choice(["en", "es", "ro"]), default="en", show_default=True,
    envvar="FAIRLIFT_LANGUAGE", show_envvar=True, help="Language of the output.",
)  # fmt: skip
EPOCH = click.option(
    "--epoch", type=click.IntRange(min=1), help="The epoch to show; default: the current one."
)


def server_options(command: Command) -> Command:
    """Adds the options of a command that calls a server; they become its argument `target`."""

    # Any: click passes options of any type by name.
    @functools.wraps(command)
    def with_target(
        *arguments: Any, address: str, token: str, plaintext: bool, ca: bytes | None, **options: Any
    ) -> Any:
        from fairlift_cli.server_connection import Target

        target = Target(address, token, plaintext, ca)
        return command(*arguments, target=target, **options)

    decorated: Any = with_target
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
        click.option(
            "--ca", type=click.Path(path_type=Path, exists=True, dir_okay=False),
            envvar="FAIRLIFT_CA", show_envvar=True,
            help="CA certificate to trust instead of the system's, in PEM format.",
            callback=_certificate,
        ),
        click.option("--plaintext", is_flag=True, help="Connect to another machine without TLS."),
        click.option(
            "--token", envvar="FAIRLIFT_TOKEN", default="", show_envvar=True, callback=_token,
            help="Token that the server requires.",
        ),
        click.option(
            "--server", "address", metavar="HOST:PORT", envvar="FAIRLIFT_SERVER",
            default="127.0.0.1:50051", show_default=True, show_envvar=True, callback=_address,
            help="Address of the server.",
        ),
    ):  # fmt: skip
        decorated = option(decorated)
    return cast("Command", decorated)


def _address(_: click.Context, option: click.Parameter, text: str) -> str:
    """The server's address: host and port, or another gRPC name."""
    host, _colon, port = text.rpartition(":")
    if (
        "/" in text
        or text.startswith("unix:")
        or (host and port.isdecimal() and int(port) < 65_536)
    ):
        return text
    raise click.BadParameter(f"is {text!r}, must be like 127.0.0.1:50051", param=option)


def _token(_: click.Context, option: click.Parameter, text: str) -> str:
    """The token, if a header can carry it, without blanks around it; it is never printed."""
    # A token that was read from a file ends with a line break; server and SDK leave it out too.
    token = text.strip()
    if token.isascii() and (token.isprintable() or not token):
        return token
    message = "contains a line break or a non-ASCII character; was more than the token copied?"
    raise click.BadParameter(message, param=option)


def _certificate(_: click.Context, option: click.Parameter, path: Path | None) -> bytes | None:
    """The content of the certificate file."""
    if path is None:
        return None
    content = path.read_bytes()
    if b"-----BEGIN CERTIFICATE-----" not in content:
        message = f"{path} is not a PEM certificate: it has no line -----BEGIN CERTIFICATE-----"
        raise click.BadParameter(message, param=option)
    return content


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
