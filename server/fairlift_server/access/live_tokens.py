"""The tokens in memory: who a caller is costs a hash, and never a question to the database.

That holds for bad tokens too: the table is whole, so what is not in it is refused at once.
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fairlift_server.access.roles import Role
from fairlift_server.access.token_text import environment_of, secret_hash_of
from fairlift_server.store.tokens import StoredToken

# What FAIRLIFT_TOKEN is called in the history and in lists; no other token can have this name.
SETTING = "FAIRLIFT_TOKEN"
_NAME = "tokens/"
# By so many bytes of its hash a token is looked up; the others are compared in constant time.
_KEY_BYTES = 8
# Longer ones are nobody's.
_MAX_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class Grant:
    """Who calls.

    Attributes:
        token: its name, such as tokens/ci; empty on an open server.
        role: what it may do.
    """

    token: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Secret:
    hash: bytes
    grant: Grant
    ends_us: int | None
    is_revoked: bool
    environment: str


OPEN = Grant("", Role.ADMIN)


class LiveTokens:
    """What is valid now.

    Args:
        environment: of this server; empty: it has no name.
        setting: the token of FAIRLIFT_TOKEN, which may do everything; empty: none.
        is_open: callers need no token as long as there is none.
        now_us: microseconds since 1970.
    """

    def __init__(
        self, *, environment: str, setting: str, is_open: bool, now_us: Callable[[], int]
    ) -> None:
        self.environment = environment
        self.has_setting = bool(setting)
        self._may_be_open = is_open and not setting
        self._now_us = now_us
        grant = Grant(_NAME + SETTING, Role.ADMIN)
        # Of the settings of this server, so of its environment.
        self._setting = (
            [_Secret(secret_hash_of(setting), grant, None, False, environment)] if setting else []
        )
        self._used: set[str] = set()
        # Names of those that this server refuses though their end may not be stored.
        self._ended_here: set[str] = set()
        self.replace(())

    def replace(self, tokens: Iterable[StoredToken]) -> None:
        """These tokens, and that of the setting, are all that there are."""
        tokens = list(tokens)
        self._ended_here &= {_NAME + token.id for token in tokens if token.revoked_us is None}
        secrets = [*self._setting, *(secret for token in tokens for secret in _secrets(token))]
        self._ends_us = sorted(each.ends_us for each in secrets if each.ends_us is not None)
        by_key: dict[bytes, list[_Secret]] = {}
        for secret in secrets:
            by_key.setdefault(secret.hash[:_KEY_BYTES], []).append(secret)
        self._by_key = by_key
        # While there is none, no call has to be asked who makes it.
        self.has_relays = any(each.grant.role is Role.RELAY for each in secrets)
        # One that was revoked counts: a server does not open when its last token ends.
        self.is_open = self._may_be_open and not secrets

    def grant(self, token: str) -> Grant | None:
        """Who a caller with this token is; None: it is not valid here and now."""
        if self.is_open:
            return OPEN
        secret = self._secret(token)
        if secret is None or secret.is_revoked or secret.grant.token in self._ended_here:
            return None
        if secret.ends_us is not None and secret.ends_us <= self._now_us():
            return None
        if secret.environment not in ("", self.environment):
            return None
        self._used.add(secret.grant.token)
        return secret.grant

    def end(self, identifier: str) -> None:
        """Refuses a stored token from now on, until its end is stored or this server ends."""
        name = _NAME + identifier
        if any(secret.grant.token == name for each in self._by_key.values() for secret in each):
            self._ended_here.add(name)

    def foreign_environment(self, token: str) -> str:
        """The environment that a token names, if it is another one than the server's."""
        named = environment_of(token)
        return named if named and named != self.environment else ""

    def name(self, token: str) -> str:
        """Of a token, also of one that has ended since its call began; empty: it is unknown."""
        secret = None if self.is_open else self._secret(token)
        return "" if secret is None else secret.grant.token

    def any_ended(self, since_us: int, until_us: int) -> bool:
        """Whether a secret has expired in this time."""
        return any(since_us < ends_us <= until_us for ends_us in self._ends_us)

    def take_used(self) -> list[str]:
        """The ids of the stored tokens that were used since this was asked last."""
        used, self._used = self._used, set()
        return sorted(name.removeprefix(_NAME) for name in used if name != _NAME + SETTING)

    def _secret(self, token: str) -> _Secret | None:
        if not token or len(token) > _MAX_TOKEN:
            return None
        digest = secret_hash_of(token)
        for secret in self._by_key.get(digest[:_KEY_BYTES], ()):
            if hmac.compare_digest(secret.hash, digest):
                return secret
        return None


def _secrets(token: StoredToken) -> Iterable[_Secret]:
    grant = Grant(_NAME + token.id, Role(token.role))
    is_revoked = token.revoked_us is not None
    yield _Secret(token.secret_hash, grant, token.expires_us, is_revoked, token.environment)
    if token.old_secret_hash is not None:
        ends = (token.expires_us, token.old_secret_expires_us)
        ends_us = min(each for each in ends if each is not None)
        yield _Secret(token.old_secret_hash, grant, ends_us, is_revoked, token.environment)
