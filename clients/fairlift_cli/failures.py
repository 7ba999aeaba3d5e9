"""The failures of a command, and its exit codes: 1 refused, 2 not reached or wrong usage."""

from collections.abc import Sequence

FINE = 0
REFUSED = 1
NOT_REACHED = 2


class Failure(Exception):
    """A command failed; the message says why and what to do."""

    exit_code = REFUSED


class CommandRefused(Failure):
    """The server or a rule refused.

    Attributes:
        code: the name of the gRPC status, if there is one.
        violations: what the server names one by one: field paths and messages.
    """

    def __init__(
        self, message: str, *, code: str = "", violations: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.code = code
        self.violations = tuple(violations)
        super().__init__(message)


class Unreachable(Failure):
    """The server cannot be reached, or did not answer in time."""

    exit_code = NOT_REACHED


class Misused(Failure):
    """The command got an argument that it cannot use, such as a path that does not exist."""

    exit_code = NOT_REACHED
