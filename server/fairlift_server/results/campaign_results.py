"""Results of campaigns: looks made when they are due, written down before anybody sees them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from weakref import WeakValueDictionary

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import NotFound, Unavailable, WrongState
from fairlift.engine.plan_hash import plan_hash
from fairlift_stats.sequential.errors import LookEdited

from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_history import (
    campaign_days_of,
    campaign_of_epoch,
    epoch_start,
)
from fairlift_server.results.data_quality import DataQuality
from fairlift_server.results.kept_look import KeptLook, sealed_from_json, sealed_to_json
from fairlift_server.results.listed_look import ListedLook
from fairlift_server.results.look import (
    LookRequest,
    LookResult,
    check_data,
    make_looks,
    stored_looks,
)
from fairlift_server.results.report_list import ListedReport, listed_reports
from fairlift_server.results.report_seal import CheckedLooks, sealed_line
from fairlift_server.results.shared_work import SharedWork
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.amendments import IdleAmendments, idle_amendments
from fairlift_server.store.campaigns import microseconds, moment
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.looks import (
    LookRecord,
    LookTaken,
    add_look,
    looks_of,
    put_report_line,
)

# The contract's limit of how many a page of health lists.
_MAX_AMENDMENTS = 100
# Each time at least one look more is stored.
_MOST_RACES = 5
_WITH_LOOKS = (State.RUNNING, State.PAUSED, State.STOPPED)


@dataclass(frozen=True, slots=True)
class CampaignLook:
    """A look of one epoch of a campaign, with the time at which it was made."""

    listed: ListedLook
    time: datetime
    epoch: int
    plan_hash: str
    days: CampaignDays


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

    def look_time(self, day: int) -> datetime | None:
        """When the look of this campaign day, counted from 1, is due; None if it never comes."""
        campaign_day = self.days.nth(day)
        return None if campaign_day is None else moment(campaign_day.due_us)

    def look(self, number: int) -> CampaignLook:
        """The look with this number, counted from 1."""
        lifecycle = self.campaign.lifecycle
        return CampaignLook(
            self.result.listed[number - 1],
            self.look_times[number - 1],
            lifecycle.epoch,
            lifecycle.plan_hash,
            self.days,
        )


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
            content = sealed_from_json(self.records[-1].content).content
            try:
                last = KeptLook.from_json(content).look
            except (ValueError, KeyError, TypeError):
                return True  # It was edited: a reading says so, by its number.
            if last.closing is not None:
                return False
            looks_made = last.day
        following = self.days.nth(looks_made + 1)
        return following is not None and following.due_us <= now_us

    def request(self, now: datetime, intake: Intake) -> LookRequest:
        return LookRequest(
            self.plan,
            self.campaign.lifecycle.plan_hash,
            self.days,
            tuple(sealed_from_json(record.content) for record in self.records),
            microseconds(self.records[-1].time) if self.records else None,
            microseconds(now),
            intake,
        )


class CampaignResults:
    """What the data say about campaigns.

    Args:
        store: of campaigns, events and looks.
        workers: compute reports.
        check_workers: check data quality, which must not wait for the reports of large campaigns.
        currency: the shop's.
        now: the time, in UTC.
        intake: when events could come in.
        stored_id: from an id of a unit to the id as it is stored.
    """

    def __init__(
        self,
        store: Store,
        workers: WorkerPool,
        check_workers: WorkerPool,
        *,
        currency: str,
        now: Callable[[], datetime],
        intake: Callable[[], Awaitable[Intake]],
        stored_id: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._stored_id = stored_id
        self._workers = workers
        self._check_workers = check_workers
        self._intake = intake
        self._currency = currency
        self._now = now
        # Held only as long as somebody waits: callers may name any campaign.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._checked_looks = CheckedLooks()
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

    async def listed(
        self, *, states: Collection[State], after: str, limit: int
    ) -> list[ListedReport]:
        """Campaigns in these states as of their last looks, ordered by id, after the id `after`."""
        looks, version = self._checked_looks, await self._store.foreign_version()
        return await self._store.read(
            lambda t: listed_reports(
                t,
                looks,
                version,
                currency=self._currency,
                states=states,
                after=after,
                limit=limit,
            )
        )

    async def due_campaigns(self) -> list[str]:
        """Campaigns that have a day without a look whose events may all have arrived."""
        version = await self._store.foreign_version()

        def job(transaction: Transaction) -> list[str]:
            now_us = microseconds(self._now())
            campaigns = campaign_store.listed(transaction, states=_WITH_LOOKS)
            # Lists then find their looks checked, also the first after a start.
            hashes = {(c.id, c.lifecycle.epoch): c.lifecycle.plan_hash for c in campaigns}
            self._checked_looks.newest(transaction, hashes, version)
            stored = (self._stored(transaction, campaign.id, 0) for campaign in campaigns)
            return [epoch.campaign.id for epoch in stored if epoch.may_be_due(now_us)]

        return await self._store.read(job)

    async def data_quality(self, campaign: str) -> tuple[Campaign, AnalysisPlan, DataQuality]:
        """Whether the data can be trusted; makes no look."""
        return await self._checks.run(campaign, lambda: self._data_quality(campaign))

    async def idle_amendments(
        self, campaign: str, *, epoch: int = 0, limit: int = _MAX_AMENDMENTS
    ) -> IdleAmendments:
        """Amendments of the shop's orders since the epoch began that change nothing."""

        def job(transaction: Transaction) -> IdleAmendments:
            start_us = self._stored(transaction, campaign, epoch).days.start_us
            return idle_amendments(transaction, since_us=start_us, limit=limit)

        return await self._store.read(job)

    async def looks(
        self, campaign: str, *, epoch: int, after: int, limit: int
    ) -> list[CampaignLook]:
        """Looks from the first after `after`.

        Raises:
            NotFound: there is no such campaign or epoch.
            WrongState: the campaign has not started, or a look was changed in the store.
        """
        stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        request = stored.request(self._now(), await self._intake())
        with _edits_named(campaign):
            listed = await self._workers.run(stored_looks, request)
        lifecycle = stored.campaign.lifecycle
        return [
            CampaignLook(look, record.time, lifecycle.epoch, lifecycle.plan_hash, stored.days)
            for look, record in zip(listed, stored.records, strict=True)
        ][after : after + limit]

    async def _data_quality(self, campaign: str) -> tuple[Campaign, AnalysisPlan, DataQuality]:
        stored = await self._store.read(lambda t: self._stored(t, campaign, 0))
        request = stored.request(self._now(), await self._intake())
        quality = await self._check_workers.run(_check_data, self._store.source, request)
        return stored.campaign, stored.plan, quality

    async def _read_alone(self, campaign: str, epoch: int) -> ReportInput:
        # Two readers of one epoch, once by its number and once as the current one, would make the
        # same looks.
        async with self._locks.setdefault(campaign, asyncio.Lock()):
            for _attempt in range(_MOST_RACES):
                try:
                    return await self._read(campaign, epoch)
                except LookTaken:
                    continue  # by another server: its looks are read, and what follows them
            raise Unavailable("other servers make the looks of this campaign; ask again")

    async def _read(self, campaign: str, epoch: int) -> ReportInput:
        stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        now = self._now()
        request = stored.request(now, await self._intake())
        with _edits_named(campaign):
            result = await self._workers.run(_make_looks, self._store.source, request)
        times = [record.time for record in stored.records]
        new = [
            LookRecord(number, now, sealed_to_json(look))
            for number, look in enumerate(result.new, start=len(times) + 1)
        ]
        if new:
            line = None if result.line is None else sealed_line(result.new[-1].hash, result.line)
            await self._store.write(lambda t: _add_looks(t, campaign, stored.plan.epoch, new, line))
        times.extend(record.time for record in new)
        return ReportInput(stored.campaign, stored.plan, stored.days, result, tuple(times), now)

    def _stored(self, transaction: Transaction, campaign: str, epoch: int) -> _StoredEpoch:
        current = campaign_store.get(transaction, campaign)
        if current is None:
            raise NotFound(f"campaign {campaign!r} does not exist")
        epochs = campaign_store.epochs_of(transaction, campaign).get(campaign, {})
        of_epoch = campaign_of_epoch(current, epochs, epoch)
        _check_seal(of_epoch)
        moves = campaign_store.moves_of(transaction, [campaign])[campaign]
        number = of_epoch.lifecycle.epoch
        start = epoch_start(epochs, number)
        assert start is not None, "an epoch has a beginning"
        days = campaign_days_of(
            of_epoch, moves, start=start, next_start=epoch_start(epochs, number + 1)
        )
        plan = analysis_plan_of(of_epoch, currency=self._currency)
        # The campaign keeps them as they were chosen; the ledger has them as they are stored.
        overrides = {*of_epoch.overrides, *current.overrides}
        return _StoredEpoch(
            of_epoch,
            replace(plan, entry=days.entry_rules(map(self._stored_id, overrides))),
            days,
            looks_of(transaction, campaign, of_epoch.lifecycle.epoch),
        )


@contextmanager
def _edits_named(campaign: str) -> Iterator[None]:
    """Says whose look it is that was changed in the store."""
    try:
        yield
    except LookEdited as error:
        raise WrongState(
            f"campaign {campaign}: {error}; restore the database from a backup"
        ) from None


def _add_looks(
    transaction: Transaction,
    campaign: str,
    epoch: int,
    new: list[LookRecord],
    line: str | None,
) -> None:
    for record in new:
        add_look(transaction, campaign, epoch, record)
    if line is not None:
        put_report_line(transaction, campaign, epoch, line)


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


# DuckDB and Ibis are imported where they run: in the worker processes, never in the server.


def _make_looks(source: str, request: LookRequest) -> LookResult:
    from fairlift_server.analysis.duckdb_engine import answers

    return make_looks(lambda queries: answers(source, queries), request)


def _check_data(source: str, request: LookRequest) -> DataQuality:
    from fairlift_server.analysis.duckdb_engine import answers

    return check_data(lambda queries: answers(source, queries), request)
