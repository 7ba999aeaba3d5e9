"""fairlift-server parked: the events that wait until they can be judged."""

import argparse
import time
from datetime import timedelta

from fairlift_server.commands import Command
from fairlift_server.settings import Settings

# More than the server ever keeps by default.
_MAX_LISTED = 1_000_000


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        type=_limit,
        default=100,
        help=f"list as many, those that came first, 0 to {_MAX_LISTED:,}; 100 by default",
    )


def _limit(text: str) -> int:
    """How many lines to list.

    Raises:
        argparse.ArgumentTypeError: it is no whole number in the range.
    """
    rule = f"must be a whole number, 0 to {_MAX_LISTED}"
    try:
        limit = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is {text!r}, {rule}") from None
    if not 0 <= limit <= _MAX_LISTED:
        raise argparse.ArgumentTypeError(f"is {text}, {rule}")
    return limit


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.parked_events import parked_lines, summarized
    from fairlift_server.store.value_limits import waits_for_limits

    summary, lines = read_beside(
        settings.database,
        lambda transaction: (
            summarized(transaction),
            parked_lines(transaction, limit=arguments.limit),
        ),
    )
    now_s = time.time()
    for line in lines:
        age = timedelta(seconds=max(0, round(now_s - line.received_us / 1e6)))
        message = f"{line.field}: {line.message}" if line.field else line.message
        awaited = line.waits_for.removesuffix("/0")  # any epoch of a campaign
        if waits_for_limits(awaited):
            awaited = "a higher limit"
        state = f"waits for {awaited}" if awaited else "was refused"
        print(f"{line.event_id}  {state} ({line.reason}), {age} old: {message}")
    print(f"waiting: {summary.waiting_total}; refused in the end: {summary.refused}")


PARKED = Command(
    "parked",
    "list the events that wait until they can be judged, also while a server runs",
    _add_arguments,
    _run,
)
