"""Makes, rotates and revokes tokens, in the caller's transaction, with an entry in the history."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from fairlift.engine.change import FieldChange
from fairlift.engine.errors import InvalidRequest, NotFound, Violation, WrongState

from fairlift_server.access.live_tokens import SETTING
from fairlift_server.access.roles import Role
from fairlift_server.access.token_text import new_token, secret_hash_of
from fairlift_server.store.campaigns import moment
from fairlift_server.store.database import Transaction
from fairlift_server.store.history import Author, add_entry, changed_field
from fairlift_server.store.locks import lock_history
from fairlift_server.store.tokens import StoredToken, all_tokens, put_token

MAX_NAME = 100
DEFAULT_OVERLAP = timedelta(days=1)
_LONGEST = timedelta(days=36_500)
_MAX_ID = 50


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A token, and the only copy of its new secret."""

    token: StoredToken
    secret: str


@dataclass(frozen=True, slots=True)
class TokenChanges:
    """Changes tokens of one environment.

    Attributes:
        environment: of the servers; empty: it has no name.
        has_setting: whether FAIRLIFT_TOKEN is set: it may do everything.
    """

    environment: str
    has_setting: bool

    def create(
        self,
        transaction: Transaction,
        display_name: str,
        role: Role,
        *,
        time_us: int,
        author: Author,
        lifetime: timedelta | None = None,
        reason: str = "",
    ) -> NewSecret:
        """A new token; its id is made from its name.

        Raises:
            InvalidRequest: the name or the lifetime breaks a rule.
            WrongState: it would be the first token, and none for an administrator.
        """
        lock_history(transaction)
        tokens = all_tokens(transaction)
        if not tokens and not self.has_setting and role is not Role.ADMIN:
            raise WrongState(
                "there is no token for an administrator yet, and from the first token on the "
                "server answers nobody without one; make one of the role admin first"
            )
        name = _checked_name(display_name)
        secret = new_token(self.environment)
        token = StoredToken(
            _new_id(name, {each.id for each in tokens}),
            name,
            role.value,
            self.environment,
            time_us,
            None if lifetime is None else time_us + _checked("lifetime", lifetime),
            None,
            None,
            secret_hash_of(secret),
            None,
            None,
        )
        put_token(transaction, token)
        fields = [
            changed_field("role", None, role),
            changed_field("environment", None, self.environment),
            changed_field("expire_time", None, _shown(token.expires_us)),
        ]
        _note(transaction, token, "create", time_us, author, fields, reason)
        return NewSecret(token, secret)

    def rotate(
        self,
        transaction: Transaction,
        identifier: str,
        *,
        time_us: int,
        author: Author,
        overlap: timedelta = DEFAULT_OVERLAP,
        reason: str = "",
    ) -> NewSecret:
        """A second secret of a token; the first ends after the overlap.

        Raises:
            NotFound: there is no such token.
            WrongState: it has ended, or has two secrets already and the overlap is not 0.
            InvalidRequest: the overlap is negative.
        """
        lock_history(transaction)
        token = _existing(transaction, identifier)
        _refuse_ended(token, time_us)
        overlap_us = _checked("overlap", overlap, may_be_0=True)
        old_us = token.old_secret_expires_us
        if overlap_us and old_us is not None and old_us > time_us:
            raise WrongState(
                f"tokens/{token.id} has two secrets until {_shown(old_us)}; rotate it afterwards, "
                "or with an overlap of 0, which ends both at once"
            )
        secret = new_token(self.environment)
        rotated = replace(
            token,
            environment=self.environment,
            secret_hash=secret_hash_of(secret),
            old_secret_hash=token.secret_hash if overlap_us else None,
            old_secret_expires_us=time_us + overlap_us if overlap_us else None,
        )
        put_token(transaction, rotated)
        ends = _shown(rotated.old_secret_expires_us) or _shown(time_us)
        field = changed_field("old_secret_expire_time", _shown(old_us), ends)
        _note(transaction, rotated, "rotate", time_us, author, [field], reason)
        return NewSecret(rotated, secret)

    def revoke(
        self,
        transaction: Transaction,
        identifier: str,
        *,
        time_us: int,
        author: Author,
        reason: str = "",
    ) -> StoredToken:
        """The token, which is not valid any more; one that was revoked before is as it was.

        Raises:
            NotFound: there is no such token.
            WrongState: it is that of FAIRLIFT_TOKEN.
        """
        lock_history(transaction)
        token = _existing(transaction, identifier)
        if token.revoked_us is not None:
            return token
        revoked = replace(token, revoked_us=time_us)
        put_token(transaction, revoked)
        field = changed_field("revoke_time", None, _shown(time_us))
        _note(transaction, revoked, "revoke", time_us, author, [field], reason)
        return revoked


def _existing(transaction: Transaction, identifier: str) -> StoredToken:
    if identifier == SETTING:
        raise WrongState(
            f"tokens/{SETTING} is set in the environment of the server; change it there, and start "
            "the server again"
        )
    for token in all_tokens(transaction):
        if token.id == identifier:
            return token
    raise NotFound(
        f"there is no token tokens/{identifier}; `fairlift-server token list` shows those there are"
    )


def _refuse_ended(token: StoredToken, time_us: int) -> None:
    if token.revoked_us is not None:
        raise WrongState(f"tokens/{token.id} is revoked; make a new one")
    if token.expires_us is not None and token.expires_us <= time_us:
        raise WrongState(f"tokens/{token.id} has expired; make a new one")


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        rule = f"must have 1 to {MAX_NAME} printable characters, such as: backend of the shop"
        raise InvalidRequest([Violation("display_name", f"is {name[:MAX_NAME]!r}, {rule}")])
    return name


def _checked(field: str, time: timedelta, *, may_be_0: bool = False) -> int:
    """Microseconds."""
    if not timedelta() <= time <= _LONGEST or not (time or may_be_0):
        least = "0" if may_be_0 else "more than 0"
        rule = f"is {time.total_seconds():g} s, must be {least} and at most {_LONGEST.days} days"
        raise InvalidRequest([Violation(field, rule)])
    return time // timedelta(microseconds=1)


def _new_id(name: str, taken: Collection[str]) -> str:
    """The name in small letters and hyphens, with a number where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain)[:_MAX_ID].strip("-") or "token"
    number, identifier = 1, stem
    while identifier in taken:
        number += 1
        identifier = f"{stem}-{number}"
    return identifier


def _shown(time_us: int | None) -> str:
    return "" if time_us is None else moment(time_us).isoformat(timespec="seconds")


def _note(
    transaction: Transaction,
    token: StoredToken,
    verb: str,
    time_us: int,
    author: Author,
    fields: list[FieldChange],
    reason: str,
) -> None:
    add_entry(
        transaction,
        f"tokens/{token.id}",
        verb=verb,
        time_us=time_us,
        author=author,
        fields=[field for field in fields if field.before != field.after],
        reason=reason,
    )
