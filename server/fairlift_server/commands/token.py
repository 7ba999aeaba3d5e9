"""fairlift-server token: makes, lists, rotates and revokes tokens, also while servers run."""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fairlift_server.commands import Command
from fairlift_server.commands.durations import time_span_from
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.access.token_changes import NewSecret
    from fairlift_server.store.tokens import StoredToken

# As in access/roles.py, which is not loaded for `--help`.
_ROLES = ("evaluate", "relay", "storefront", "reader", "editor", "admin")
_PREFIX = "tokens/"
# A token that is not used for so long may not be needed any more.
_FORGOTTEN = timedelta(days=90)
# Servers learn of changes within a second.
_KNOWN_EVERYWHERE_S = 1.0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a token, and print it this one time")
    create.add_argument("--role", required=True, choices=_ROLES, help="what it may do")
    create.add_argument("--name", required=True, help="what it is for, such as: our backend")
    create.add_argument(
        "--lifetime",
        type=time_span_from,
        metavar="90d",
        help="after which it ends; default: it does not",
    )
    verbs.add_parser("list", help="list the tokens, without their secrets")
    rotate = verbs.add_parser(
        "rotate", help="make a second secret of a token, and print it this one time"
    )
    rotate.add_argument(
        "--overlap",
        type=time_span_from,
        metavar="24h",
        default=timedelta(days=1),
        help="how long the first one stays valid; 0: it ends at once; default: 24h",
    )
    revoke = verbs.add_parser("revoke", help="end a token, for all servers, within a second")
    for verb in (rotate, revoke):
        verb.add_argument("token", metavar="NAME", help="as in the list, such as tokens/ci")
    for verb in (create, rotate, revoke):
        verb.add_argument("--reason", default="", help="kept in the history")


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.access.roles import Role
    from fairlift_server.access.token_changes import TokenChanges
    from fairlift_server.store.program_author import program_author
    from fairlift_server.store.write_beside import write_beside

    if arguments.verb == "list":
        _list(settings)
        return
    changes = TokenChanges(settings.environment, has_setting=bool(settings.token))
    by = {
        "time_us": time.time_ns() // 1_000,
        "author": program_author(),
        "reason": arguments.reason,
    }
    if arguments.verb == "create":
        role, lifetime = Role(arguments.role), arguments.lifetime
        _show(
            write_beside(
                settings.database,
                lambda transaction: changes.create(
                    transaction, arguments.name, role, lifetime=lifetime, **by
                ),
            )
        )
    elif arguments.verb == "rotate":
        identifier, overlap = arguments.token.removeprefix(_PREFIX), arguments.overlap
        made = write_beside(
            settings.database,
            lambda transaction: changes.rotate(transaction, identifier, overlap=overlap, **by),
        )
        _show(made)
    else:
        identifier = arguments.token.removeprefix(_PREFIX)
        write_beside(
            settings.database, lambda transaction: changes.revoke(transaction, identifier, **by)
        )
        print(f"{_PREFIX}{identifier} is revoked")


def _show(made: "NewSecret") -> None:
    """The secret on standard output, for scripts; what it is, on standard error, for people."""
    # Who puts it into use at once must not be refused by a server that does not know it yet.
    time.sleep(_KNOWN_EVERYWHERE_S)
    token = made.token
    place = f", environment {token.environment}" if token.environment else ""
    ends = (
        "does not end; --lifetime 365d makes one that does"
        if token.expires_us is None
        else f"ends {_shown(token.expires_us)}"
    )
    print(
        f"{_PREFIX}{token.id}, role {token.role}{place}; it {ends}; shown only now:",
        file=sys.stderr,
    )
    print(made.secret)


def _list(settings: Settings) -> None:
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.tokens import all_tokens

    now_us = time.time_ns() // 1_000
    tokens = read_beside(settings.database, all_tokens)
    for token in tokens:
        place = f", environment {token.environment}" if token.environment else ""
        print(f"{_PREFIX}{token.id}  {token.role}{place}, {_state(token, now_us)}")
    if settings.token:
        print(f"{_PREFIX}FAIRLIFT_TOKEN  admin, set in the environment of the server")
    unused = [f"{_PREFIX}{token.id}" for token in tokens if _is_forgotten(token, now_us)]
    if unused:
        print(
            f"not used for {_FORGOTTEN.days} days, and never ending: {', '.join(unused)}; revoke "
            "what nobody needs",
            file=sys.stderr,
        )


def _is_forgotten(token: "StoredToken", now_us: int) -> bool:
    if token.revoked_us is not None or token.expires_us is not None:
        return False
    since_us = token.created_us if token.last_used_us is None else token.last_used_us
    return now_us - since_us > _FORGOTTEN // timedelta(microseconds=1)


def _state(token: "StoredToken", now_us: int) -> str:
    if token.revoked_us is not None:
        return f"revoked {_shown(token.revoked_us)}"
    if token.expires_us is not None and token.expires_us <= now_us:
        return f"expired {_shown(token.expires_us)}"
    parts = [f"made {_shown(token.created_us)}"]
    ends_us = token.expires_us
    parts.append("never ends" if ends_us is None else f"expires {_shown(ends_us)}")
    old_us = token.old_secret_expires_us
    if old_us is not None and old_us > now_us:
        parts.append(f"its older secret ends {_shown(old_us)}")
    used = token.last_used_us
    parts.append("never used" if used is None else f"last used {_shown(used)}")
    return ", ".join(parts)


def _shown(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


TOKEN = Command(
    "token",
    "make, list, rotate and revoke tokens, also while servers run",
    _add_arguments,
    _run,
)
