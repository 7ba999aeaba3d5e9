"""The same batch a hundred times, by eight senders at once: each event counts once."""

import asyncio
from collections import Counter
from pathlib import Path

from fairlift.v1 import event_service_pb2 as pb
from sqlalchemy import create_engine, text

from tests.databases import database_in
from tests.server import shop
from tests.server.client import running

SENDERS, TIMES = 8, 100
KINDS = ("exposures", "orders", "actions", "identity_links")


async def test_a_batch_that_is_replayed_counts_once(tmp_path: Path) -> None:
    batch = [
        event
        for number in range(10)
        for event in (
            shop.exposure(f"v{number}"),
            shop.order(f"v{number}", f"o{number}"),
            shop.action(f"v{number}", "view"),
            shop.identity(f"v{number}", f"c{number}"),
        )
    ]
    seen: Counter[int] = Counter()
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign())

        async def sender(times: int) -> None:
            for _ in range(times):
                seen.update(outcome.status for outcome in await caller.record(*batch))

        shares = [TIMES // SENDERS + (number < TIMES % SENDERS) for number in range(SENDERS)]
        await asyncio.gather(*map(sender, shares))

    assert seen == {
        pb.EVENT_STATUS_ACCEPTED: len(batch),
        pb.EVENT_STATUS_DUPLICATE: (TIMES - 1) * len(batch),
    }
    database = database_in(tmp_path)
    engine = create_engine(database if "://" in str(database) else f"sqlite:///{database}")
    with engine.connect() as connection:
        counts = [
            connection.execute(text(f"SELECT count(*) FROM {kind}")).scalar_one() for kind in KINDS
        ]
    engine.dispose()
    assert counts == [10] * 4
