"""Makes looks when they are due, whether somebody reads them or not."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.results.campaign_results import CampaignResults

log = logging.getLogger("fairlift.results")

# A day whose events are still coming in is tried again after so long.
_TRY_AGAIN = timedelta(minutes=10)


class LookTimer:
    """Reads the campaigns whose next look may be due, every so often."""

    def __init__(
        self, results: CampaignResults, *, every_s: float, now: Callable[[], datetime]
    ) -> None:
        self._results = results
        self._every_s = every_s
        self._now = now
        self._tried: dict[str, datetime] = {}

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.make_due_looks()
            except (Overloaded, Unavailable):
                pass  # the store has logged that the database is away
            except Exception:
                # The next round may fare better: a full disk was cleared, a process restarted.
                log.exception("looks could not be made")

    async def make_due_looks(self) -> None:
        """One round over all campaigns."""
        now = self._now()
        due = await self._results.due_campaigns()
        self._tried = {
            campaign: self._tried[campaign] for campaign in due if campaign in self._tried
        }
        for campaign in due:
            if campaign in self._tried and now < self._tried[campaign] + _TRY_AGAIN:
                continue
            self._tried[campaign] = now
            try:
                await self._results.read(campaign)
            except Exception:
                log.exception("no look could be made", extra={"fields": {"campaign": campaign}})
