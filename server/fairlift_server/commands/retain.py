"""fairlift-server retain: removes old events that no campaign needs."""

import argparse
import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from fairlift.engine.errors import WrongState

from fairlift_server.commands import Command
from fairlift_server.settings import MIN_RETENTION_DAYS, Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days",
        type=int,
        help=f"remove what came in longer ago, {MIN_RETENTION_DAYS} or more; by default "
        "FAIRLIFT_RETENTION_DAYS",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would go and what holds back the rest; also while a server runs",
    )


def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.days is not None:
        settings = replace(settings, retention_days=arguments.days)
    if not settings.retention_days:
        raise WrongState(
            "FAIRLIFT_RETENTION_DAYS is 0, which keeps everything; set it to "
            f"{MIN_RETENTION_DAYS} or more, or give --days"
        )
    if arguments.dry_run:
        _say_what_would_go(settings)
    else:
        counts = asyncio.run(_retain(settings))
        for table, count in counts.items():
            print(f"{table}: {count:,} events were removed")
        print(f"removed {sum(counts.values()):,} events")


def _say_what_would_go(settings: Settings) -> None:
    from fairlift_server.results.retention_plan import RetentionRules, retention_plan
    from fairlift_server.store.database import read_beside
    from fairlift_server.store.old_events import count_old

    rules = RetentionRules.of(settings.retention_days, settings.history_days)
    now_us = time.time_ns() // 1_000
    plan, counts = read_beside(
        settings.database,
        lambda transaction: (
            found := retention_plan(
                transaction, rules, currency=settings.currency, now_us=now_us, as_if_kept=True
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


async def _retain(settings: Settings) -> dict[str, int]:
    from fairlift_server.build import retaining

    async with retaining(settings) as retention:
        return await retention.once()


RETAIN = Command(
    "retain",
    "remove events older than FAIRLIFT_RETENTION_DAYS that no open campaign needs",
    _add_arguments,
    _run,
)
