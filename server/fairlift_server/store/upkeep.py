"""What a server does every minute because others use the same database."""

import asyncio
import logging

from sqlalchemy import Connection

from fairlift_server.events.intake import IntakeWatch
from fairlift_server.store.contents import last_received_us
from fairlift_server.store.database import Store
from fairlift_server.store.partitions import make_partitions, missing_partitions

log = logging.getLogger("fairlift.store")

_EVERY_S = 60.0


class Upkeep:
    """Makes partitions ahead, and notes what came in through other servers.

    Args:
        store: of the ledger.
        watch: of the intake: silence at one server is none while others take events in.
    """

    def __init__(self, store: Store, watch: IntakeWatch) -> None:
        self._store = store
        self._watch = watch

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                await self.once()
            except Exception:
                # The next round may fare better: the database is back, or less busy.
                log.exception("the upkeep of the database failed")
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> None:
        """One round."""
        received_us, missing = await self._store.read(_state)
        if received_us is not None:
            self._watch.received_elsewhere(received_us)
        if missing:
            made = await self._store.write(make_partitions)
            log.info("partitions were made", extra={"fields": {"partitions": len(made)}})


def _state(connection: Connection) -> tuple[int | None, bool]:
    return last_received_us(connection), bool(missing_partitions(connection))
