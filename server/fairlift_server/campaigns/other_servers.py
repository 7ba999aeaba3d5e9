"""Changes of campaigns that another server of the same database made."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from fairlift.engine.decision import CompiledSnapshot

from fairlift_server.campaigns.live import LiveCampaigns, PublishedSnapshot
from fairlift_server.campaigns.snapshot_build import caught_up
from fairlift_server.store.database import Store, Transaction

log = logging.getLogger("fairlift.campaigns")

# How long a change is unknown at most when its announcement is lost.
POLL_S = 1.0


class OtherServers:
    """Brings the campaigns in memory up to what is stored.

    Args:
        store: of the campaigns.
        live: the campaigns in memory.
        now: the time, in UTC.
    """

    def __init__(self, store: Store, live: LiveCampaigns, now: Callable[[], datetime]) -> None:
        self._store = store
        self._live = live
        self._now = now
        self._reading = asyncio.Lock()
        self._failed = False
        self._away_until_s = 0.0

    async def run(self) -> None:
        """Goes on until it is cancelled; a database that is away is asked again."""
        while True:
            await self._store.wait_for_change(POLL_S)
            await self.catch_up()
            if self._failed:
                await asyncio.sleep(POLL_S)

    async def catch_up(self) -> None:
        """Reads what was changed.

        Whoever is about to refuse something because of a campaign asks first. While the database
        is away nothing is known to have changed.
        """
        if not self._store.is_shared or time.monotonic() < self._away_until_s:
            return
        try:
            await self._read_changes()
        except Exception as error:
            if not self._failed:
                fields = {"reason": " ".join(str(error).split())}
                log.warning("changes of campaigns cannot be read", extra={"fields": fields})
            self._failed = True
            # Callers must not queue up for a database that does not answer.
            self._away_until_s = time.monotonic() + POLL_S
        else:
            self._failed = False

    async def _read_changes(self) -> None:
        async with self._reading:
            before = self._live.published

            def job(
                transaction: Transaction,
            ) -> tuple[PublishedSnapshot, CompiledSnapshot] | None:
                after = caught_up(before, transaction, self._now())
                return None if after is before else (after, self._live.compiled_with(after))

            if (changed := await self._store.read(job)) is not None:
                self._live.publish(*changed)
