"""What a server does for a database every minute."""

import asyncio
import logging

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.store.database import Store
from fairlift_server.store.partitions import make_partitions, missing_partitions

log = logging.getLogger("fairlift.store")

_EVERY_S = 60.0


class Upkeep:
    """Makes partitions ahead."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                await self.once()
            except (Overloaded, Unavailable):
                pass  # the store has logged that the database is away
            except Exception:
                # The next round may fare better: the database is back, or less busy.
                log.exception("the upkeep of the database failed")
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> None:
        """One round."""
        if await self._store.read(missing_partitions):
            made = await self._store.write(make_partitions)
            log.info("partitions were made", extra={"fields": {"partitions": len(made)}})
