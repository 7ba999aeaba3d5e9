"""fairlift-server retain: removes old events that no campaign needs."""

import argparse
import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from fairlift.engine.errors import InvalidRequest, Violation, WrongState

from fairlift_server.commands import Command
from fairlift_server.commands.interruption import interruptible
from fairlift_server.events.retention_days import MIN_RETENTION_DAYS, RETENTION_RULE, may_retain
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.results.retention_rules import RetentionRules
    from fairlift_server.store.database import Transaction


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days",
        type=int,
        help=f"remove what came in longer ago, {MIN_RETENTION_DAYS} or more; by default "
        "what `fairlift-server settings` shows, else FAIRLIFT_RETENTION_DAYS",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would go and what holds back the rest; also while a server runs",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    days = arguments.days
    if days is not None and not may_retain(days):
        raise InvalidRequest([Violation("--days", f"is {days}, {RETENTION_RULE}")])
    rules = partial(_rules, settings=settings, days=days)
    if arguments.dry_run:
        _say_what_would_go(settings, rules)
    else:
        with interruptible("the removal", "run it again: it goes on where it was stopped"):
            counts = asyncio.run(_retain(settings, rules))
        for table, count in counts.items():
            print(f"{table}: {count:,} events were removed")
        print(f"removed {sum(counts.values()):,} events")


def _rules(transaction: "Transaction", settings: Settings, days: int | None) -> "RetentionRules":
    """By the days that were given; else as the servers of the database have them."""
    from fairlift_server.results.retention_rules import RetentionRules
    from fairlift_server.store.shop_settings import shop_settings

    if days is not None:
        rules, source = RetentionRules.of(days, settings.history_days), "--days"
    else:
        rules = RetentionRules.stored(
            transaction, server_days=settings.retention_days, history_days=settings.history_days
        )
        is_unset = shop_settings(transaction).retention_days is None
        source = "FAIRLIFT_RETENTION_DAYS" if is_unset else "retention_days of the shop's settings"
    if not rules.days:
        raise WrongState(
            f"{source} is 0, which keeps everything; give --days {MIN_RETENTION_DAYS} or more, or "
            f"set it for good: `fairlift-server settings --retention-days {MIN_RETENTION_DAYS}`"
        )
    return rules


def _say_what_would_go(
    settings: Settings, rules: "Callable[[Transaction], RetentionRules]"
) -> None:
    from fairlift_server.results.retention_plan import retention_plan
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.old_events import count_old

    now_us = time.time_ns() // 1_000
    plan, counts = read_beside(
        settings.database,
        lambda transaction: (
            found := retention_plan(
                transaction,
                rules(transaction),
                currency=settings.currency,
                now_us=now_us,
                as_if_kept=True,
            ),
            count_old(transaction, found.bounds),
        ),
    )
    for epoch in plan.to_keep:
        print(f"campaign {epoch.campaign}, epoch {epoch.epoch}: its answer would be kept")
    for epoch in plan.held:
        since = "" if epoch.since_us is None else f" from {_day(epoch.since_us)} on"
        orders = ", and all orders, for first purchases" if epoch.needs_orders else ""
        print(
            f"campaign {epoch.campaign}, epoch {epoch.epoch}: needs events{since}{orders}: "
            f"{epoch.why}"
        )
    for table, count in counts.items():
        print(f"{table}: {count:,} would go")
    print(f"events that came in before {_day(plan.bounds.received_us)} are old")


def _day(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d")


async def _retain(
    settings: Settings, rules: "Callable[[Transaction], RetentionRules]"
) -> dict[str, int]:
    from fairlift_server.offline_results import retaining

    async with retaining(settings, rules) as retention:
        return await retention.once()


RETAIN = Command(
    "retain",
    "remove old events that no open campaign needs",
    _add_arguments,
    _run,
)
