"""Results: looks made when they are due, written down before anybody sees them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import NotFound, WrongState

from fairlift_server.calculators import Calculators
from fairlift_server.examination import Examined, Vital, check, examine
from fairlift_server.look_content import LookContent
from fairlift_server.store import campaigns as kept
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.looks import KeptLook, add_look, looks
from fairlift_server.study import Study, study


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report is written from.

    Attributes:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        study: what was asked.
        found: what the ledger answered.
        look_times: of each look, the newest last.
        time: of this examination.
    """

    campaign: Campaign
    study: Study
    found: Examined
    look_times: tuple[datetime, ...]
    time: datetime


class Results:
    """What the data say about campaigns."""

    def __init__(
        self,
        store: Store,
        calculators: Calculators,
        *,
        currency: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._calculators = calculators
        self._currency = currency
        self._now = now
        # Held only as long as somebody looks: any name may be asked for.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, campaign: str, *, epoch: int = 0) -> Finding:
        """What the plan allows to say now; a new look is written down first, if one is due.

        Args:
            campaign: its id.
            epoch: 0 is the current one.

        Raises:
            NotFound: there is no such campaign or epoch.
            WrongState: the campaign has not started.
        """
        # One look at a time: two that came at once would both spend.
        async with self._locks.setdefault(campaign, asyncio.Lock()):
            finding = asyncio.create_task(self._find(campaign, epoch))
            # A reader who goes away must not part a look from its being written down.
            return await asyncio.shield(finding)

    async def vital(self, campaign: str) -> tuple[Campaign, Study, Vital]:
        """Whether the data can be trusted; makes no look."""
        asked, then, rows = await self._store.read(lambda t: self._asked(t, campaign, 0))
        contents = [row.content for row in rows]
        vital = await self._calculators.run(_check, self._store.path, asked, contents, self._now())
        return then, asked, vital

    async def looks(
        self, campaign: str, *, epoch: int, after: int, limit: int
    ) -> list[tuple[KeptLook, LookContent, int, str]]:
        """Looks from the first after `after`: each with its content, epoch and plan's hash."""

        def job(transaction: Transaction) -> list[tuple[KeptLook, LookContent, int, str]]:
            then = _epoch(transaction, campaign, epoch)
            number = then.lifecycle.epoch
            rows = looks(transaction, campaign, number)[after : after + limit]
            return [
                (row, LookContent.from_json(row.content), number, then.lifecycle.plan_hash)
                for row in rows
            ]

        return await self._store.read(job)

    async def _find(self, campaign: str, epoch: int) -> Finding:
        asked, then, rows = await self._store.read(lambda t: self._asked(t, campaign, epoch))
        now = self._now()
        found = await self._calculators.run(
            _examine,
            self._store.path,
            asked,
            [row.content for row in rows],
            now,
            then.time_zone,
        )
        times = [row.time for row in rows]
        if found.is_new:
            times.append(now)
            new = KeptLook(len(times), now, found.looks[-1].to_json())
            await self._store.write(lambda t: add_look(t, campaign, asked.epoch, new))
        return Finding(then, asked, found, tuple(times), now)

    def _asked(
        self, transaction: Transaction, campaign: str, epoch: int
    ) -> tuple[Study, Campaign, list[KeptLook]]:
        then = _epoch(transaction, campaign, epoch)
        asked = study(then, currency=self._currency)
        return asked, then, looks(transaction, campaign, then.lifecycle.epoch)


def _epoch(transaction: Transaction, campaign: str, epoch: int) -> Campaign:
    """The campaign as it was when the epoch began, with its name and lifecycle as they are now."""
    current = kept.get(transaction, campaign)
    if current is None:
        raise NotFound(f"campaign {campaign!r} does not exist")
    epochs = kept.epochs(transaction, campaign).get(campaign, {})
    if not epochs:
        raise WrongState(
            f"campaign {campaign} is {current.lifecycle.state} and was never started, "
            "so it has no results"
        )
    found = epochs.get(epoch or current.lifecycle.epoch)
    if found is None:
        raise NotFound(f"campaign {campaign} has epochs 1 to {len(epochs)}, not {epoch}")
    lifecycle = replace(current.lifecycle, epoch=found.campaign.lifecycle.epoch)
    return replace(found.campaign, display_name=current.display_name, lifecycle=lifecycle)


# DuckDB and Ibis are imported where they run: in the processes that compute, never in the server.


def _examine(path: Path, asked: Study, rows: list[str], now: datetime, zone: str) -> Examined:
    from fairlift_server.analysis.duck import answers

    return examine(lambda questions: answers(path, questions), asked, rows, now, zone)


def _check(path: Path, asked: Study, rows: list[str], now: datetime) -> Vital:
    from fairlift_server.analysis.duck import answers

    return check(lambda questions: answers(path, questions), asked, rows, now)
