"""A shop with campaigns that have ended and one that runs, and all that it is shown of them."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1 import plan_pb2, results_service_pb2
from fairlift.v1.event_service_pb2 import Event
from fairlift_server.offline_results import retaining
from fairlift_server.results.retention import Retention
from fairlift_server.results.retention_rules import RetentionRules
from google.protobuf.message import Message

from tests.databases import database_in
from tests.server import shop
from tests.server.client import Caller, Clock, beside, running, settings_of, workers
from tests.server.crowds import NAME, start
from tests.server.random_shop import COUPONS, START, random_shop

DAY = timedelta(days=1)
RUNNING = "campaigns/gift-wrap"
DAYS = 30
# When everything about the campaign that has ended is old.
LATER = START + 100 * DAY


def chosen(folder: Path) -> dict[str, object]:
    """The settings of a server in this folder."""
    database = database_in(folder)
    files = beside(folder, {}) if database.startswith("postgresql") else {}
    return {"listen": "127.0.0.1:0", "database": database, "retention_days": DAYS, **files}


@asynccontextmanager
async def served(folder: Path, clock: Clock) -> AsyncIterator[Caller]:
    async with running(folder, clock=clock) as caller:
        yield caller


@asynccontextmanager
async def cleaning(folder: Path, clock: Clock) -> AsyncIterator[Retention]:
    """What removes old events, of a database that no server uses."""
    settings = settings_of(chosen(folder))
    rules = RetentionRules.of(DAYS, settings.history_days)
    async with retaining(settings, lambda _: rules, workers=workers(), clock=clock) as made:
        yield made


async def history(caller: Caller, seed: int) -> None:
    """A campaign with all kinds of events that has ended, and one that still runs."""
    made, clock = random_shop(random.Random(seed)), caller.clock
    plan = shop.campaign(
        variants=COUPONS,
        segments=["country"],
        secondary=[
            plan_pb2.PlannedMetric(metric=name)
            for name in ("most_spent", "retention_d1_7", "first_purchase_rate", "refund_rate")
        ],
    )
    quantile = plan.plan.metrics.add(name="most_spent").quantile
    quantile.of.order, quantile.at = plan_pb2.ORDER_MEASURE_REVENUE, 0.9
    await start(caller, plan, at=START)
    clock.set(START + 49 * DAY)
    for first in range(0, len(made.events), 500):
        await caller.accepted(made.events[first : first + 500])
    await caller.campaigns.StopCampaign(campaigns.StopCampaignRequest(name=NAME))
    clock.set(START + 70 * DAY)
    await caller.start(shop.campaign("gift-wrap", segments=["country"], covariate_days=14))
    for day in range(60, 95, 5):
        clock.set(START + day * DAY + timedelta(hours=20))
        await caller.accepted(visits(random.Random(f"{seed} {day}"), START + day * DAY, day > 70))
    clock.set(LATER)


def visits(rng: random.Random, day: datetime, exposed: bool) -> Iterator[Event]:
    """What known and new visitors do on a day, some of them in the campaign that runs."""
    for number in range(60):
        unit, at = f"v{rng.randrange(400)}", day + timedelta(minutes=15 * number)
        if exposed:
            variant = "control" if int(unit[1:]) % 2 else "free"
            yield shop.exposure(unit, variant, at=at, campaign=RUNNING, country="ES")
        if rng.random() < 0.4:
            yield shop.order(unit, f"{day:%j}-{number}", shop.line(20.0 + number), at=at)
        yield shop.action(unit, "view", at=at)


async def shown(caller: Caller, now: datetime) -> list[Message]:
    """Everything that is shown of the campaigns at a moment, without the moment itself."""
    found: list[Message] = []
    for _again in range(2):  # the first reading makes the looks that are due
        found = []
        for name in (NAME, RUNNING):
            caller.clock.set(now)
            request = results_service_pb2.GetResultsRequest(name=name)
            report = await caller.results.GetResults(request, timeout=120)
            report.ClearField("create_time")
            listing = results_service_pb2.ListLooksRequest(name=name, page_size=500)
            found += [report, await caller.results.ListLooks(listing)]
    return found
