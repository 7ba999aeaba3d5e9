"""Results of campaigns: looks made when they are due, written down before anybody sees them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import NotFound, WrongState

from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.kept_look import KeptLook
from fairlift_server.results.look import DataQuality, LookResult, check_data, make_look
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.looks import LookRecord, add_look, looks_of


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What a report is written from.

    Attributes:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        plan: how it is analysed.
        result: the looks and what they say.
        look_times: of each look, the newest last.
        time: of this reading.
    """

    campaign: Campaign
    plan: AnalysisPlan
    result: LookResult
    look_times: tuple[datetime, ...]
    time: datetime


class CampaignResults:
    """What the data say about campaigns."""

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        *,
        currency: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._workers = workers
        self._currency = currency
        self._now = now
        # Held only as long as somebody waits: callers may name any campaign.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, campaign: str, *, epoch: int = 0) -> ReportInput:
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
            reading = asyncio.create_task(self._read(campaign, epoch))
            # A reader who goes away must not part a look from its being written down.
            return await asyncio.shield(reading)

    async def data_quality(self, campaign: str) -> tuple[Campaign, AnalysisPlan, DataQuality]:
        """Whether the data can be trusted; makes no look."""
        of_epoch, plan, stored = await self._store.read(lambda t: self._stored(t, campaign, 0))
        contents = [record.content for record in stored]
        quality = await self._workers.run(
            _check_data, self._store.path, plan, contents, self._now()
        )
        return of_epoch, plan, quality

    async def looks(
        self, campaign: str, *, epoch: int, after: int, limit: int
    ) -> list[tuple[LookRecord, KeptLook, int, str]]:
        """Looks from the first after `after`: each with its content, epoch and plan's hash."""

        def job(transaction: Transaction) -> list[tuple[LookRecord, KeptLook, int, str]]:
            of_epoch = _campaign_of_epoch(transaction, campaign, epoch)
            number = of_epoch.lifecycle.epoch
            records = looks_of(transaction, campaign, number)[after : after + limit]
            return [
                (
                    record,
                    KeptLook.from_json(record.content),
                    number,
                    of_epoch.lifecycle.plan_hash,
                )
                for record in records
            ]

        return await self._store.read(job)

    async def _read(self, campaign: str, epoch: int) -> ReportInput:
        of_epoch, plan, stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        now = self._now()
        contents = [record.content for record in stored]
        result = await self._workers.run(_make_look, self._store.path, plan, contents, now)
        times = [record.time for record in stored]
        if result.is_new:
            times.append(now)
            new = LookRecord(len(times), now, result.looks[-1].to_json())
            await self._store.write(lambda t: add_look(t, campaign, plan.epoch, new))
        return ReportInput(of_epoch, plan, result, tuple(times), now)

    def _stored(
        self, transaction: Transaction, campaign: str, epoch: int
    ) -> tuple[Campaign, AnalysisPlan, list[LookRecord]]:
        of_epoch = _campaign_of_epoch(transaction, campaign, epoch)
        plan = analysis_plan_of(of_epoch, currency=self._currency)
        return of_epoch, plan, looks_of(transaction, campaign, of_epoch.lifecycle.epoch)


def _campaign_of_epoch(transaction: Transaction, campaign: str, epoch: int) -> Campaign:
    """The campaign as it was when the epoch began, with its name and lifecycle as they are now."""
    current = campaign_store.get(transaction, campaign)
    if current is None:
        raise NotFound(f"campaign {campaign!r} does not exist")
    epochs = campaign_store.epochs_of(transaction, campaign).get(campaign, {})
    if not epochs:
        raise WrongState(
            f"campaign {campaign} is {current.lifecycle.state} and was never started, "
            "so it has no results"
        )
    began = epochs.get(epoch or current.lifecycle.epoch)
    if began is None:
        raise NotFound(f"campaign {campaign} has epochs 1 to {len(epochs)}, not {epoch}")
    lifecycle = replace(current.lifecycle, epoch=began.campaign.lifecycle.epoch)
    return replace(began.campaign, display_name=current.display_name, lifecycle=lifecycle)


# DuckDB and Ibis are imported where they run: in the worker processes, never in the server.


def _make_look(path: Path, plan: AnalysisPlan, stored: list[str], now: datetime) -> LookResult:
    from fairlift_server.analysis.duckdb_engine import answers

    return make_look(lambda queries: answers(path, queries), plan, stored, now)


def _check_data(path: Path, plan: AnalysisPlan, stored: list[str], now: datetime) -> DataQuality:
    from fairlift_server.analysis.duckdb_engine import answers

    return check_data(lambda queries: answers(path, queries), plan, stored, now)
