"""What can be wrong instead of a page: its status, and the words that say it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fairlift_stats.locale import text
from fairlift_stats.messages import Message, Verbatim

from fairlift_cli.failures import CommandRefused, Failure, Unreachable

ProblemName: TypeAlias = Literal[
    "no_server", "no_campaign", "token_refused", "no_page", "only_reads", "not_signed_on",
    "wrong_host", "failed", "broken", "too_many",
]  # fmt: skip

_STATUS: Final[dict[ProblemName, int]] = {
    "no_server": 503,
    "no_campaign": 404,
    # Not 401: the browser has no password to ask for.
    "token_refused": 403,
    "no_page": 404,
    "only_reads": 405,
    "not_signed_on": 403,
    "wrong_host": 421,
    "failed": 502,
    "broken": 500,
    "too_many": 503,
}
_OF_CODES: Final[dict[str, ProblemName]] = {
    "NOT_FOUND": "no_campaign",
    "INVALID_ARGUMENT": "no_campaign",
    "UNAUTHENTICATED": "token_refused",
    "PERMISSION_DENIED": "token_refused",
}


@dataclass(frozen=True, slots=True)
class PageProblem:
    """Why there is no page.

    Attributes:
        name: one of a few kinds.
        detail: what the action names: an address, or the server's reason.
        version: as open pages are told of it, so that they are not read again and again.
    """

    name: ProblemName
    detail: str = ""
    version: str = ""

    @property
    def status(self) -> int:
        """Of the response."""
        return _STATUS[self.name]

    def title(self, language: str) -> str:
        """What is wrong."""
        return text(Message.of(f"web.{self.name}"), language)

    def action(self, language: str) -> str:
        """What to do."""
        detail = Verbatim(self.detail)
        message = Message.of(f"web.{self.name}_action", address=detail, reason=detail)
        return text(message, language)


def problem_of(failure: Failure) -> PageProblem:
    """What a call to the server ended in; never a token, and no address of the server."""
    match failure:
        case Unreachable():
            return PageProblem("no_server")
        case CommandRefused(code=code):
            return PageProblem(_OF_CODES.get(code, "failed"), str(failure), version=code)
        case _:
            return PageProblem("failed", str(failure))
