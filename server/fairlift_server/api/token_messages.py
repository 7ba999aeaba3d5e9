"""Tokens as messages."""

from datetime import timedelta

from fairlift.engine.errors import Invalid, InvalidRequest, Violation
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.wire.enums import EnumTable
from fairlift.wire.values import time_to
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.access.live_tokens import SETTING
from fairlift_server.access.roles import Role
from fairlift_server.store.campaigns import moment
from fairlift_server.store.tokens import StoredToken

ROLE_NAMES = EnumTable(Role, pb.TokenRole, "TOKEN_ROLE")
_PREFIX = "tokens/"


def token_to(token: StoredToken) -> pb.Token:
    """The token as a message, without a secret."""
    return pb.Token(
        name=_PREFIX + token.id,
        display_name=token.display_name,
        role=ROLE_NAMES.to(Role(token.role)),
        create_time=time_to(moment(token.created_us)),
        expire_time=_time(token.expires_us),
        revoke_time=_time(token.revoked_us),
        last_use_time=_time(token.last_used_us),
        environment=token.environment,
        old_secret_expire_time=_time(token.old_secret_expires_us),
    )


def setting_token(environment: str) -> pb.Token:
    """What FAIRLIFT_TOKEN is."""
    return pb.Token(
        name=_PREFIX + SETTING,
        display_name="set in the environment of the server",
        role=pb.TOKEN_ROLE_ADMIN,
        environment=environment,
    )


def token_id_of(name: str) -> str:
    """The id in a name such as tokens/ci.

    Raises:
        InvalidRequest: the name is not of this form.
    """
    identifier = name.removeprefix(_PREFIX)
    if not identifier or identifier == name:
        raise InvalidRequest([Violation("name", f"is {name[:100]!r}, must be tokens/ and an id")])
    return identifier


def role_of(number: int) -> Role:
    """The role.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return ROLE_NAMES.need(number, "role")
    except Invalid as error:
        raise InvalidRequest(error.violations) from None


def time_span(message: Duration) -> timedelta:
    """The duration; one that is out of all bounds is shortened, and refused by its own rule."""
    days = max(-(10**6), min(10**6, message.seconds // 86_400))
    rest = message.seconds % 86_400 if abs(days) < 10**6 else 0
    return timedelta(days, rest, message.nanos // 1_000)


def _time(time_us: int | None) -> Timestamp | None:
    return None if time_us is None else time_to(moment(time_us))
