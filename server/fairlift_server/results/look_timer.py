"""Makes looks when they are due, whether somebody reads them or not."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.results.campaign_results import CampaignResults

log = logging.getLogger("fairlift.results")

# A day whose events are still coming in is tried again after so long.
_TRY_AGAIN = timedelta(minutes=10)


class LookTimer:
    """Makes the looks of the campaigns whose next one may be due, every so often."""

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
            try:
                await self.make_due_looks()
            except (Overloaded, Unavailable):
                pass  # the store has logged that the database is away
            except Exception:
                # The next round may fare better: a full disk was cleared, a process restarted.
                log.exception("looks could not be made")
            await asyncio.sleep(self._every_s)

    async def make_due_looks(self) -> None:
        """One round over all campaigns."""
        now = self._now()
        due = await self._results.due_campaigns()
        self._tried = {
            campaign: self._tried[campaign] for campaign in due if campaign in self._tried
        }
        ready = [
            campaign
            for campaign in due
            if campaign not in self._tried or now >= self._tried[campaign] + _TRY_AGAIN
        ]
        if not ready:
            return
        self._tried |= dict.fromkeys(ready, now)
        try:
            failures = await self._results.make_looks(ready)
        except Exception:
            log.warning("looks of several campaigns could not be made together", exc_info=True)
            failures = await self._one_by_one(ready)
        for campaign, error in failures.items():
            log.error(
                "no look could be made",
                exc_info=error,
                extra={"fields": {"campaign": campaign}},
            )

    async def _one_by_one(self, campaigns: Sequence[str]) -> dict[str, Exception]:
        """Makes the looks of each campaign alone: one that ends its process ends no other's."""
        failures: dict[str, Exception] = {}
        for campaign in campaigns:
            try:
                await self._results.read(campaign)
            except Exception as error:
                failures[campaign] = error
        return failures
