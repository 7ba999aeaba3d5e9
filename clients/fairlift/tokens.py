"""What a client says of itself: its token, and the environment that it belongs to."""

import re
from collections.abc import Callable
from typing import TypeAlias

from fairlift.engine.errors import Unavailable

# A function is called before every call, so that tokens can rotate.
Token: TypeAlias = str | Callable[[], str] | None


_ENVIRONMENT = re.compile(r"([a-z][a-z0-9-]{0,31})?")


def check_environment(name: str) -> None:
    """Refuses a name that no server can have; raises ValueError."""
    if _ENVIRONMENT.fullmatch(name) is None:
        raise ValueError(
            f"the environment is {name!r}, must be up to 32 small letters, digits and hyphens, "
            "such as production"
        )


def token_from(function: Callable[[], str]) -> str:
    """What the function returns; raises Unavailable when it fails."""
    try:
        return sendable(function())
    except Exception as error:  # it is the caller's code: it reads files, calls other servers, …
        raise Unavailable(f"the token function failed: {type(error).__name__}: {error}") from error


def sendable(token: str | None) -> str:
    """The token, if a header can carry it; empty when there is none."""
    if not isinstance(token, str | None):
        raise ValueError(f"the token is {type(token).__name__}, must be a text")
    text = (token or "").strip()
    # Without the token itself: the message may be logged.
    strange = next((character for character in text if not " " <= character <= "~"), None)
    if strange is not None:
        raise ValueError(f"the token holds {strange!a}, must be of printable ASCII characters")
    return text
