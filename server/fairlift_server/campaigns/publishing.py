"""Writes a change of campaigns and publishes it: one at a time."""

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TypeVar

from fairlift.engine.decision import CompiledSnapshot

from fairlift_server.campaigns.live import LiveCampaigns, PublishedSnapshot
from fairlift_server.campaigns.snapshot_build import caught_up, check_snapshot_size, with_changes
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store import history
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.locks import lock_campaigns

T = TypeVar("T")

# How long a thread may keep the interpreter while a change is written and another one waits: an
# assignment waits for it several times. At other times it is what `serve` sets.
_SHORT_TURN_S: Final = 0.0001


class Publishing:
    """What is in memory, and checked against, is what is stored.

    Args:
        store: of the campaigns.
        live: the campaigns in memory.
        now: the time, in UTC.
    """

    def __init__(self, store: Store, live: LiveCampaigns, now: Callable[[], datetime]) -> None:
        self._store = store
        self._live = live
        self._now = now
        self._one_at_a_time = asyncio.Lock()

    async def write(
        self,
        job: Callable[[Transaction, PublishedSnapshot], T],
        *,
        changed: Collection[str],
        may_be_refused: bool = True,
    ) -> T:
        """What the job returns, after its changes of these campaigns are stored and published.

        Raises:
            InvalidRequest: the snapshot would become too large, and the change may be refused.
        """

        def run_and_build(
            transaction: Transaction,
        ) -> tuple[T, PublishedSnapshot, CompiledSnapshot]:
            lock_campaigns(transaction)
            before = caught_up(self._live.published, transaction, self._now())
            result = job(transaction, before)
            history.chain(transaction)
            campaign_store.count_change(transaction, changed)
            after = with_changes(before, transaction, changed, self._now())
            if may_be_refused:
                check_snapshot_size(before, after)
            # Here and not on the event loop, where assignments would wait for it.
            return result, after, self._live.compiled_with(after)

        async def locked() -> T:
            async with self._one_at_a_time:
                with _short_turns():
                    result, published, compiled = await self._store.write(run_and_build)
                self._live.publish(published, compiled)
            return result

        # A caller who hangs up must not leave a stored change unpublished.
        return await asyncio.shield(asyncio.create_task(locked()))


@contextmanager
def _short_turns() -> Iterator[None]:
    """Lets the event loop interrupt the writer often; one at a time in a process."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(_SHORT_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)
