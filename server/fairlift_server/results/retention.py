"""Removes old events that no campaign needs, after the answers of closed campaigns were kept."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.retention_plan import RetentionPlan, retention_plan
from fairlift_server.results.retention_rules import EVERY_S, RetentionRules
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.old_events import (
    Bounds,
    id_range,
    removable_rows,
    removable_tables,
    remove_rows,
)
from fairlift_server.store.old_partitions import count_rows, drop, forget_some, old_partitions

T = TypeVar("T")

log = logging.getLogger("fairlift.results")

# Events that come in wait for one transaction at most: it is to take so long.
_TARGET_S = 0.05
_FEWEST, _MOST = 50, 5_000
# Of each second, the share in which rows are removed.
_SHARE = 0.2


class Retention:
    """Removes old events at a quiet pace.

    It may be stopped at any moment: an answer is kept before the first of its events goes, and the
    next round finds what is left.

    Args:
        store: of the events.
        results: keep the answers.
        rules: how long events are kept, as it is set now.
        currency: the shop's.
        now: the time, in UTC.
        share: of the time in which rows are removed, above 0; 1: without a rest.
    """

    def __init__(
        self,
        store: Store,
        results: CampaignResults,
        rules: Callable[[Transaction], RetentionRules],
        *,
        currency: str,
        now: Callable[[], datetime],
        share: float = _SHARE,
    ) -> None:
        self._store = store
        self._results = results
        self._rules = rules
        self._currency = currency
        self._now = now
        self._share = share
        self._batch = _FEWEST

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                await self.once()
            except (Overloaded, Unavailable):
                pass  # the store has logged that the database is away
            except Exception:
                # The next round may fare better: a full disk was cleared, a process restarted.
                log.exception("old events could not be removed")
            await asyncio.sleep(EVERY_S)

    async def once(self) -> dict[str, int]:
        """One round; how many events went, by table."""
        rules = await self._store.read(self._rules)
        if not rules.days:
            return {}
        for epoch in (await self._plan(rules)).to_keep:
            try:
                await self._results.keep_answer(epoch.campaign, epoch.epoch)
            except Exception:
                fields = {"campaign": epoch.campaign, "epoch": epoch.epoch}
                log.exception("no answer could be kept", extra={"fields": fields})
        bounds = (await self._plan(rules)).bounds
        removed = Counter[str]()
        for partition in await self._store.read(lambda t: old_partitions(t, bounds)):
            removed[partition.rpartition("_")[0]] += await self._drop(partition, bounds)
        for table in await self._store.read(lambda t: removable_tables(t, bounds)):
            removed[table.removesuffix("_other")] += await self._remove(table, bounds)
        counts = {table: count for table, count in removed.items() if count}
        if counts:
            log.info("old events were removed", extra={"fields": counts})
            # What was removed still stands in the log of the database.
            await self._store.empty_log()
        return counts

    async def _plan(self, rules: RetentionRules) -> RetentionPlan:
        now_us = microseconds(self._now())
        return await self._store.read(
            lambda t: retention_plan(t, rules, currency=self._currency, now_us=now_us)
        )

    async def _remove(self, table: str, bounds: Bounds) -> int:
        start, end = await self._store.read(partial(id_range, table=table, bounds=bounds))
        removed = 0
        while start < end:
            look = partial(
                removable_rows, table=table, span=(start, end), bounds=bounds, most=self._batch
            )
            ids, start = await self._store.read(look)
            if ids:
                removed += await self._paced(
                    partial(remove_rows, table=table, ids=ids, bounds=bounds)
                )
        return removed

    async def _drop(self, partition: str, bounds: Bounds) -> int:
        rows = await self._store.read(partial(count_rows, partition=partition))
        after: int | None = 0
        while after is not None:
            forget = partial(
                forget_some, partition=partition, after=after, bounds=bounds, most=self._batch
            )
            after = await self._paced(forget)
        is_gone = await self._store.write(partial(drop, partition=partition, bounds=bounds))
        return rows if is_gone else 0

    async def _paced(self, job: Callable[[Transaction], T]) -> T:
        """One transaction, and a rest; the next takes about as long as is wanted."""
        begun = time.monotonic()
        answer = await self._store.write(job)
        took_s = max(time.monotonic() - begun, 1e-4)
        self._batch = max(_FEWEST, min(_MOST, round(self._batch * min(2.0, _TARGET_S / took_s))))
        await asyncio.sleep(took_s * (1 / self._share - 1))
        return answer
