"""`FairliftError` and its subclasses: all errors that Fairlift raises.

FairliftError
├── Invalid                 an input breaks rules; carries all violations
│   ├── InvalidCampaign     a campaign, its audience or its plan
│   │   └── InvalidAudience the short form of an audience; points at the character
│   ├── InvalidEvent        an exposure, action, order, amendment, …
│   └── InvalidRequest      a call: a page token, a name, an unknown field
├── NotFound                no campaign, token or epoch of that name
├── AlreadyExists           the id is taken
├── Conflict                the object is not in the state that the caller expects
│   ├── StaleEtag           it changed since it was read
│   ├── WrongState          such as starting a stopped campaign
│   ├── ChangeRefused       would change the plan after the start
│   └── NeedsNewEpoch       would mix two experiments
├── NotAllowed              the caller
│   ├── Unauthenticated     has no valid token
│   └── PermissionDenied    has a token without this right
├── Overloaded              the server sheds load; try again
├── Unavailable             the server cannot be reached, or did not answer in time
└── Unsupported             the server does not offer this
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: the field (such as `variants[1].weight`; empty: all of it) and a message.

    `code` tells rules apart that are about one field; programs read it, and not the message.
    """

    field: str
    message: str
    code: str = dataclasses.field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def below(self, prefix: str) -> "Violation":
        """The same violation, seen from the message that holds the field `prefix`."""
        if not self.field or self.field.startswith("["):
            return replace(self, field=prefix + self.field)
        return replace(self, field=f"{prefix}.{self.field}") if prefix else self


class FairliftError(Exception):
    """The root of all errors; its message is one sentence: the value, the rule, a way out."""


class Invalid(FairliftError):
    """An input breaks rules; `violations` has all of them."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(map(str, self.violations)))

    def below(self, prefix: str) -> "Invalid":
        """The same error, seen from the message that holds the field `prefix`."""
        return type(self)(violation.below(prefix) for violation in self.violations)

    def __reduce__(self) -> tuple[Callable[..., "Invalid"], tuple[object, ...]]:
        return type(self), (self.violations,)


class InvalidCampaign(Invalid):
    """A campaign, its audience or its plan breaks rules."""


class InvalidAudience(InvalidCampaign):
    """The short form of an audience cannot be read; `position` is the character, from 0."""

    def __init__(self, message: str, *, text: str, position: int) -> None:
        self.text = text
        self.position = position
        super().__init__([Violation("", f"character {position + 1}: {message}")])

    @property
    def pointer(self) -> str:
        """Two lines: the text around the position, and a caret below the character."""
        start = max(0, self.position - 40)
        excerpt = "".join(
            sign if sign.isprintable() else " " for sign in self.text[start : self.position + 30]
        )
        return f"{excerpt}\n{' ' * (self.position - start)}^"

    def below(self, prefix: str) -> InvalidCampaign:
        """The same violation, seen from the message that holds the field `prefix`."""
        return InvalidCampaign(violation.below(prefix) for violation in self.violations)

    def __reduce__(self) -> tuple[Callable[..., Invalid], tuple[object, ...]]:
        message = self.violations[0].message.partition(": ")[2]
        return _invalid_audience, (message, self.text, self.position)


def _invalid_audience(message: str, text: str, position: int) -> InvalidAudience:
    return InvalidAudience(message, text=text, position=position)


class InvalidEvent(Invalid):
    """An event breaks rules."""


class InvalidRequest(Invalid):
    """A call breaks rules that are not those of a campaign or an event."""


class NotFound(FairliftError):
    """There is no campaign, token or epoch of that name."""


class AlreadyExists(FairliftError):
    """The id is taken."""


class Conflict(FairliftError):
    """The object is not in the state that the caller expects."""


class StaleEtag(Conflict):
    """The object changed since the caller read it."""


class WrongState(Conflict):
    """The campaign's state does not allow this."""


class ChangeRefused(Conflict):
    """The change would alter the plan after the start."""


class NeedsNewEpoch(Conflict):
    """The change would mix two experiments; it needs consent to a new epoch."""


class NotAllowed(FairliftError):
    """The caller may not do this."""


class Unauthenticated(NotAllowed):
    """The caller has no valid token."""


class PermissionDenied(NotAllowed):
    """The caller's token lacks this right."""


class Overloaded(FairliftError):
    """The server sheds load; the same call may pass a little later."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Unavailable(FairliftError):
    """The server cannot be reached, did not answer in time, or is without its database.

    `retry_after_s`: when the same call may pass; None: at once, at another server.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Unsupported(FairliftError):
    """The server does not offer this."""
