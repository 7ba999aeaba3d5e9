"""Results of campaigns: looks made when they are due, written down before anybody sees them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from weakref import WeakValueDictionary

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import NotFound, WrongState
from fairlift.engine.plan_hash import plan_hash
from fairlift_stats.sequential.errors import LookEdited
from fairlift_stats.verdict.standings import lines_of

from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_history import campaign_days_of
from fairlift_server.results.data_quality import DataQuality
from fairlift_server.results.kept_look import KeptLook, log_of, sealed_from_json, sealed_to_json
from fairlift_server.results.look import LookRequest, LookResult, check_data, make_looks
from fairlift_server.results.shared_work import SharedWork
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.campaigns import microseconds, moment
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.looks import LookRecord, add_look, looks_of

_WITH_LOOKS = (State.RUNNING, State.PAUSED, State.STOPPED)


@dataclass(frozen=True, slots=True)
class ListedLook:
    """A look as a list shows it.

    Attributes:
        number: counted from 1.
        time: when it was made.
        boundaries: by primary metric and treatment, the z that would have been a success.
    """

    number: int
    time: datetime
    kept_look: KeptLook
    epoch: int
    plan_hash: str
    boundaries: Mapping[tuple[str, str], float | None]


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What a report is written from.

    Attributes:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        plan: how it is analysed.
        days: of the epoch.
        result: the looks and what they say.
        look_times: when each look was made, the newest last.
        time: of this reading.
    """

    campaign: Campaign
    plan: AnalysisPlan
    days: CampaignDays
    result: LookResult
    look_times: tuple[datetime, ...]
    time: datetime

    @property
    def next_look_time(self) -> datetime | None:
        """When the next look is due; None when there is none, or while the campaign is paused."""
        looks = self.result.looks
        if self.days.is_paused or (looks and looks[-1].look.closing is not None):
            return None
        return self.look_time((looks[-1].look.day if looks else 0) + 1)

    @property
    def next_decision_time(self) -> datetime | None:
        """When the next look that judges success is due; None as for the next look."""
        verdict = self.result.verdict
        if verdict is None or verdict.next_due is None or self.next_look_time is None:
            return None
        return self.look_time(verdict.next_due)

    def look_time(self, day: int) -> datetime | None:
        """When the look of this campaign day, counted from 1, is due; None if it never comes."""
        calendar_day = next(islice(self.days.calendar_days(), day - 1, None), None)
        if calendar_day is None:
            return None
        return moment(self.days.end_us(calendar_day) + self.days.settle_us)

    def listed_look(self, number: int) -> ListedLook:
        """The look with this number, counted from 1."""
        looks = self.result.looks[:number]
        return _listed(looks, self.look_times[number - 1], self.campaign)


@dataclass(frozen=True, slots=True)
class _StoredEpoch:
    """What the store holds of one epoch of a campaign."""

    campaign: Campaign
    plan: AnalysisPlan
    days: CampaignDays
    records: list[LookRecord]

    def may_be_due(self, now_us: int) -> bool:
        """Whether the clock has passed the next day to be looked at."""
        looks_made = 0
        if self.records:
            last = KeptLook.from_json(sealed_from_json(self.records[-1].content).content).look
            if last.closing is not None:
                return False
            looks_made = last.day
        following = next(islice(self.days.calendar_days(), looks_made, None), None)
        return following is not None and (
            self.days.end_us(following) + self.days.settle_us <= now_us
        )

    def request(self, now: datetime) -> LookRequest:
        return LookRequest(
            self.plan,
            self.campaign.lifecycle.plan_hash,
            self.days,
            tuple(sealed_from_json(record.content) for record in self.records),
            microseconds(self.records[-1].time) if self.records else None,
            microseconds(now),
        )


class CampaignResults:
    """What the data say about campaigns.

    Args:
        store: of campaigns, events and looks.
        workers: compute reports.
        check_workers: check data quality, which must not wait for the reports of large campaigns.
        currency: the shop's.
        now: the time, in UTC.
    """

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        check_workers: WorkerPool,
        *,
        currency: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._workers = workers
        self._check_workers = check_workers
        self._currency = currency
        self._now = now
        # Held only as long as somebody waits: callers may name any campaign.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._readings: SharedWork[tuple[str, int], ReportInput] = SharedWork()
        self._checks: SharedWork[str, tuple[Campaign, AnalysisPlan, DataQuality]] = SharedWork()

    async def read(self, campaign: str, *, epoch: int = 0) -> ReportInput:
        """What the plan allows to say now; looks that are due are made and written down first.

        Args:
            campaign: its id.
            epoch: 0 is the current one.

        Raises:
            NotFound: there is no such campaign or epoch.
            WrongState: the campaign has not started, or what was sealed at its start was changed.
        """
        # A reader who goes away must not part a look from its being written down.
        return await self._readings.run(
            (campaign, epoch), lambda: self._read_alone(campaign, epoch)
        )

    async def due_campaigns(self) -> list[str]:
        """Campaigns that have a day without a look whose events may all have arrived."""

        def job(transaction: Transaction) -> list[str]:
            now_us = microseconds(self._now())
            campaigns = campaign_store.listed(transaction, states=_WITH_LOOKS)
            stored = (self._stored(transaction, campaign.id, 0) for campaign in campaigns)
            return [epoch.campaign.id for epoch in stored if epoch.may_be_due(now_us)]

        return await self._store.read(job)

    async def data_quality(self, campaign: str) -> tuple[Campaign, AnalysisPlan, DataQuality]:
        """Whether the data can be trusted; makes no look."""
        return await self._checks.run(campaign, lambda: self._data_quality(campaign))

    async def looks(self, campaign: str, *, epoch: int, after: int, limit: int) -> list[ListedLook]:
        """Looks from the first after `after`."""
        stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        kept_looks = [
            KeptLook.from_json(sealed_from_json(record.content).content)
            for record in stored.records
        ]
        return [
            _listed(kept_looks[:number], record.time, stored.campaign)
            for number, record in enumerate(stored.records[: after + limit], start=1)
            if number > after
        ]

    async def _data_quality(self, campaign: str) -> tuple[Campaign, AnalysisPlan, DataQuality]:
        stored = await self._store.read(lambda t: self._stored(t, campaign, 0))
        request = stored.request(self._now())
        quality = await self._check_workers.run(_check_data, self._store.path, request)
        return stored.campaign, stored.plan, quality

    async def _read_alone(self, campaign: str, epoch: int) -> ReportInput:
        # Two readers of one epoch, once by its number and once as the current one, would make the
        # same looks.
        async with self._locks.setdefault(campaign, asyncio.Lock()):
            return await self._read(campaign, epoch)

    async def _read(self, campaign: str, epoch: int) -> ReportInput:
        stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        now = self._now()
        try:
            result = await self._workers.run(_make_looks, self._store.path, stored.request(now))
        except LookEdited as error:
            raise WrongState(
                f"campaign {campaign}: {error}; restore the database from a backup"
            ) from None
        times = [record.time for record in stored.records]
        new = [
            LookRecord(number, now, sealed_to_json(look))
            for number, look in enumerate(result.new, start=len(times) + 1)
        ]
        if new:
            await self._store.write(lambda t: _add_looks(t, campaign, stored.plan.epoch, new))
        times.extend(record.time for record in new)
        return ReportInput(stored.campaign, stored.plan, stored.days, result, tuple(times), now)

    def _stored(self, transaction: Transaction, campaign: str, epoch: int) -> _StoredEpoch:
        of_epoch = _campaign_of_epoch(transaction, campaign, epoch)
        _check_seal(of_epoch)
        return _StoredEpoch(
            of_epoch,
            analysis_plan_of(of_epoch, currency=self._currency),
            campaign_days_of(transaction, of_epoch),
            looks_of(transaction, campaign, of_epoch.lifecycle.epoch),
        )


def _listed(looks: Sequence[KeptLook], time: datetime, campaign: Campaign) -> ListedLook:
    """The last of these looks."""
    plan = looks[0].plan
    log = log_of(plan, looks)
    return ListedLook(
        len(looks),
        time,
        looks[-1],
        campaign.lifecycle.epoch,
        campaign.lifecycle.plan_hash,
        {
            (metric.name, arm): lines_of(plan, log, metric.name, arm)[-1].success
            for metric in plan.primaries
            for arm in plan.treatments
        },
    )


def _add_looks(transaction: Transaction, campaign: str, epoch: int, new: list[LookRecord]) -> None:
    for record in new:
        add_look(transaction, campaign, epoch, record)


def _check_seal(campaign: Campaign) -> None:
    """Refuse a plan that is not the one that was sealed at the start."""
    plan, sealed_hash = campaign.plan, campaign.lifecycle.plan_hash
    assert plan is not None, "a campaign without a plan cannot start"
    if (found_hash := plan_hash(plan)) != sealed_hash:
        raise WrongState(
            f"campaign {campaign.id}: its plan has the hash {found_hash[:12]}, the plan that was "
            f"sealed at the start has {sealed_hash[:12]}: it was changed in the store; restore the "
            "database from a backup"
        )


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


def _make_looks(path: Path, request: LookRequest) -> LookResult:
    from fairlift_server.analysis.duckdb_engine import answers

    return make_looks(lambda queries: answers(path, queries), request)


def _check_data(path: Path, request: LookRequest) -> DataQuality:
    from fairlift_server.analysis.duckdb_engine import answers

    return check_data(lambda queries: answers(path, queries), request)
