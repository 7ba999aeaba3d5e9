"""How a command can fail: with exit code 1 when the answer is no, 2 when there is no answer."""

FINE = 0
REFUSED = 1
NOT_REACHED = 2


class Failure(Exception):
    """A command cannot do what it was asked for; the text says why, and what to do."""

    exit_code = REFUSED


class Refused(Failure):
    """The server, or a rule, says no; `code` is the name of the gRPC status, if there was one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class Unreachable(Failure):
    """The server is not there, or does not answer in time."""

    exit_code = NOT_REACHED


class Misused(Failure):
    """The command was given what it cannot work with, such as a path to nothing."""

    exit_code = NOT_REACHED
