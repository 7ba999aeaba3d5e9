"""fairlift-server settings: shows and changes what holds for all servers of a database."""

import argparse
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fairlift_server.commands import Command
from fairlift_server.events.ledger import MAX_AMOUNT_MICROS
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.store.shop_settings import ShopSettings

_MICROS = 1_000_000
_NONE = "none"
_DAYS = {None: "as FAIRLIFT_RETENTION_DAYS says", 0: "for ever"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exposure-tokens",
        choices=("off", "issued", "required"),
        help="whether assignments come with a token, and whether exposures must carry it; issue "
        "them a day before you require them",
    )
    parser.add_argument(
        "--largest-order",
        type=_order_limit,
        default=argparse.SUPPRESS,  # None is a limit that is taken away
        metavar="AMOUNT",
        help="orders above it, in the shop's currency, wait and are not counted; none: no limit",
    )
    parser.add_argument(
        "--largest-action-value",
        type=_action_limit,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="likewise of an action's value, such as nps=10; NAME=none: no limit; may be repeated",
    )
    parser.add_argument(
        "--retention-days",
        type=_days,
        default=argparse.SUPPRESS,  # None is a setting that is taken away
        metavar="DAYS",
        help="days that events are kept for, in place of FAIRLIFT_RETENTION_DAYS; 0: for ever; "
        "none: as that variable says",
    )
    parser.add_argument(
        "--new-exposure-key",
        action="store_true",
        help="replace the key of exposure tokens; the new one signs after a minute, and tokens "
        "of the key before stay valid for 24 hours",
    )
    parser.add_argument("--reason", default="", help="of the change, kept in the history")
    parser.set_defaults(refuse_usage=parser.error)


def _order_limit(text: str) -> int | None:
    """A limit in micros; None: there is to be none.

    Raises:
        argparse.ArgumentTypeError: it is no amount that an order may have.
    """
    amount = _limit(text)
    if amount is None:
        return None
    micros = round(amount * _MICROS)
    if not 0 < micros <= MAX_AMOUNT_MICROS:
        rule = f"must be above 0 and at most {MAX_AMOUNT_MICROS // _MICROS:,}, or {_NONE}"
        raise argparse.ArgumentTypeError(f"is {text!r}, {rule}")
    return micros


def _limit(text: str) -> float | None:
    """A limit; None: there is to be none.

    Raises:
        argparse.ArgumentTypeError: it is no number.
    """
    if text == _NONE:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        rule = f"must be a number, such as 20000, or {_NONE}"
        raise argparse.ArgumentTypeError(f"is {text!r}, {rule}")
    return value


def _days(text: str) -> int | None:
    """Days; None: each server is to use its own.

    Raises:
        argparse.ArgumentTypeError: it is no number of days.
    """
    if text == _NONE:
        return None
    if not text.isdecimal():
        rule = f"must be a number of days, such as 90, or {_NONE}"
        raise argparse.ArgumentTypeError(f"is {text!r}, {rule}")
    return int(text)


def _action_limit(text: str) -> tuple[str, float | None]:
    name, _, value = text.partition("=")
    return name, _limit(value)


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.access.settings_changes import change_settings
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.program_author import program_author
    from fairlift_server.store.shop_settings import shop_settings
    from fairlift_server.store.write_beside import write_beside

    given = (
        arguments.exposure_tokens,
        hasattr(arguments, "largest_order"),
        arguments.largest_action_value,
        hasattr(arguments, "retention_days"),
        arguments.new_exposure_key,
    )
    if not any(given):
        if arguments.reason:
            arguments.refuse_usage("--reason: nothing is changed; name what to change, too")
        _show(read_beside(settings.database, shop_settings), settings.currency)
        return
    changed = write_beside(
        settings.database,
        lambda transaction: change_settings(
            transaction,
            _wanted(shop_settings(transaction), arguments),
            time_us=time.time_ns() // 1_000,
            author=program_author(),
            reason=arguments.reason,
            new_exposure_key=arguments.new_exposure_key,
        ),
    )
    _show(changed, settings.currency)


def _wanted(before: "ShopSettings", arguments: argparse.Namespace) -> "ShopSettings":
    """The settings with what was given in place of what they are."""
    from fairlift_server.store.shop_settings import ExposureTokenUse

    wanted = before
    if arguments.exposure_tokens:
        use = ExposureTokenUse(arguments.exposure_tokens)
        wanted = replace(wanted, exposure_tokens=use)
    if hasattr(arguments, "largest_order"):
        wanted = replace(wanted, largest_order_micros=arguments.largest_order)
    if hasattr(arguments, "retention_days"):
        wanted = replace(wanted, retention_days=arguments.retention_days)
    values = {**before.largest_action_values, **dict(arguments.largest_action_value)}
    return replace(
        wanted,
        largest_action_values={name: each for name, each in values.items() if each is not None},
    )


def _show(settings: "ShopSettings", currency: str) -> None:
    micros = settings.largest_order_micros
    order = "no limit" if micros is None else f"{micros / _MICROS:,.2f} {currency}"
    values = sorted(settings.largest_action_values.items())
    actions = ", ".join(f"{name} {value:g}" for name, value in values) or "no limit"
    print(f"exposure tokens: {settings.exposure_tokens}")
    print(f"largest order: {order}")
    print(f"largest values of actions: {actions}")
    days = settings.retention_days
    print(f"days that events are kept for: {_DAYS.get(days, days)}")


SETTINGS = Command(
    "settings",
    "show and change what holds for all servers of a database, also while servers run",
    _add_arguments,
    _run,
)
