"""Results of campaigns: looks made when they are due, written down before anybody sees them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import NotFound, Unavailable, WrongState
from fairlift_stats.sequential.errors import LookEdited

from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.analysis_source import AnalysisSource
from fairlift_server.results.answer_files import answers_folder
from fairlift_server.results.answer_memory import AnswerMemory
from fairlift_server.results.data_quality import DataQuality
from fairlift_server.results.due_campaigns import (
    WITH_LOOKS,
    due_campaigns,
    forget_removed,
    next_is_due,
)
from fairlift_server.results.frozen_look import sealed_to_json
from fairlift_server.results.look import LookResult, stored_looks
from fairlift_server.results.report_input import CampaignLook, ReportInput
from fairlift_server.results.report_list import ListedReport, listed_reports
from fairlift_server.results.report_seal import CheckedLooks, sealed_line
from fairlift_server.results.shared_work import SharedWork, to_the_end
from fairlift_server.results.stored_epoch import StoredEpoch, stored_epoch
from fairlift_server.results.worker_jobs import (
    answer_of_epoch,
    looks_of_campaign,
    looks_of_campaigns,
    quality_of_campaign,
)
from fairlift_server.results.worker_pool import JobProgress, WorkerPool
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.amendments import IdleAmendments, idle_amendments
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.ledger_mark import ledger_mark
from fairlift_server.store.looks import LookRecord, LookTaken, add_look, put_report_line
from fairlift_server.store.sealed_answers import add_sealed_answer

# The contract's limit of how many a page of health lists.
_MAX_AMENDMENTS = 100
# Each time at least one look more is stored.
_MOST_RACES = 5


class ReadingProgress(NamedTuple):
    """How much of a reading is done, from 0 to 1, and how long it has taken so far."""

    share: float
    elapsed_s: float


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
        source: where the ledger is read from, and by which engine; by default the store.
        count_looks: is told how many looks were written down.
        note_unseen_orders: is told, when a campaign was read, its orders of units it never saw.
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
        source: AnalysisSource | None = None,
        count_looks: Callable[[int], None] = lambda _number: None,
        note_unseen_orders: Callable[[str, int], None] = lambda _campaign, _orders: None,
    ) -> None:
        self._store = store
        self._source = source or AnalysisSource(LedgerSource(store.source))
        folder = self._source.ledger.folder if self._source.reads_database else ""
        self._answers = answers_folder(folder)
        self._stored_id = stored_id
        self._count_looks = count_looks
        self._note_unseen_orders = note_unseen_orders
        self._workers = workers
        self._check_workers = check_workers
        self._intake = intake
        self._currency = currency
        self._now = now
        # Held only as long as somebody waits: callers may name any campaign.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._checked_looks = CheckedLooks()
        # Of the readings that run.
        self._progress: dict[tuple[str, int], JobProgress] = {}
        self._readings: SharedWork[tuple[str, int], ReportInput] = SharedWork()
        self._checks: SharedWork[str, tuple[Campaign, AnalysisPlan, DataQuality]] = SharedWork()

    async def read(self, campaign: str, *, epoch: int = 0) -> ReportInput:
        """What the plan allows to say now; looks that are due are made and written down first.

        When all who ask for the same have left, what is computed for them is stopped, unless a look
        may be due: that is made and written down.

        Args:
            campaign: its id.
            epoch: 0 is the current one.

        Raises:
            NotFound: there is no such campaign or epoch.
            WrongState: the campaign has not started, or what was sealed at its start was changed.
        """
        return await self._readings.run(
            (campaign, epoch), lambda: self._read_alone(campaign, epoch)
        )

    def progress(self, campaign: str, *, epoch: int = 0) -> ReadingProgress | None:
        """How far the reading is that runs at present; None: none runs."""
        progress = self._progress.get((campaign, epoch))
        if progress is None:
            return None
        return ReadingProgress(progress.share(), time.monotonic() - progress.began_s)

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
        if self._answers is not None:
            # Of what was erased nothing stays, whether or not anybody reads results.
            await forget_removed(self._store, self._answers)

        def job(transaction: Transaction) -> list[str]:
            campaigns = campaign_store.listed(transaction, states=WITH_LOOKS)
            # Lists then find their looks checked, also the first after a start.
            hashes = {(c.id, c.lifecycle.epoch): c.lifecycle.plan_hash for c in campaigns}
            self._checked_looks.newest(transaction, hashes, version)
            return due_campaigns(transaction, microseconds(self._now()))

        return await self._store.read(job)

    async def make_looks(self, campaigns: Collection[str]) -> dict[str, Exception]:
        """Makes all looks that are due, of all campaigns at once: the ledger is read once.

        What their readers will ask is asked then, to be remembered: what counts as late is another
        question after a look, and the first of them would wait for the answer.

        Returns:
            By campaign, why its looks could not be made.
        """
        stored: dict[str, StoredEpoch] = {}
        failures: dict[str, Exception] = {}
        for campaign in campaigns:
            try:
                stored[campaign] = await self._store.read(partial(self._current, campaign))
            except (NotFound, WrongState) as error:
                failures[campaign] = error
        now, intake = self._now(), await self._intake()
        requests = [epoch.request(now, intake) for epoch in stored.values()]
        memory = await self._memory()
        results = await self._workers.run(looks_of_campaigns, self._source, memory, requests)
        for (campaign, epoch), result in zip(stored.items(), results, strict=True):
            try:
                await self._keep_looks(epoch, result, now)
            except Exception as error:
                failures[campaign] = error
        made = [
            campaign
            for campaign, result in zip(stored, results, strict=True)
            if campaign not in failures and isinstance(result, LookResult) and result.new
        ]
        if made and memory is not None:
            failures |= await self.make_looks(made)
        return failures

    async def _keep_looks(
        self, stored: StoredEpoch, result: LookResult | Exception, now: datetime
    ) -> None:
        campaign = stored.campaign.id
        with _edits_named(campaign):
            if isinstance(result, Exception):
                raise result
        async with self._locks.setdefault(campaign, asyncio.Lock()):
            # A reader, or another server, may have made the same looks meanwhile.
            with suppress(LookTaken):
                await self._written(stored, result, now)

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

    async def keep_answer(self, campaign: str, epoch: int) -> bool:
        """Keeps what the ledger says of an epoch, after its last look: its rows may go then.

        False: it has no last look yet, or windows of its units are open.

        Raises:
            WrongState: what was sealed was changed in the store.
        """
        await self.read(campaign, epoch=epoch)
        stored = await self._store.read(lambda t: self._stored(t, campaign, epoch))
        if stored.sealed_answer is not None:
            return True
        request = stored.request(self._now(), await self._intake())
        content = await self._check_workers.run(answer_of_epoch, self._source, request)
        if content is None:
            return False
        await self._store.write(lambda t: add_sealed_answer(t, campaign, epoch, content))
        return True

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
        with _edits_named(campaign):
            quality = await self._check_workers.run(
                quality_of_campaign, self._source, await self._memory(), request
            )
        self._note_unseen_orders(campaign, quality.signs.seen.unseen)
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
        newest = stored.records[-1] if stored.records else None
        if next_is_due(stored.days, newest, microseconds(now)):
            return await to_the_end(self._made(stored, epoch, now))
        return await self._made(stored, epoch, now)

    async def _made(self, stored: StoredEpoch, epoch: int, now: datetime) -> ReportInput:
        campaign = stored.campaign.id
        request = stored.request(now, await self._intake())
        memory = await self._memory()
        progress = self._progress[campaign, epoch] = JobProgress()
        try:
            with _edits_named(campaign):
                result = await self._workers.run(
                    looks_of_campaign, self._source, memory, request, progress=progress
                )
        finally:
            del self._progress[campaign, epoch]
        # A look must not be parted from its being written down.
        return await to_the_end(self._written(stored, result, now))

    async def _written(self, stored: StoredEpoch, result: LookResult, now: datetime) -> ReportInput:
        """The report, once its new looks are written down.

        Raises:
            LookTaken: another server wrote one of them.
        """
        campaign = stored.campaign
        self._note_unseen_orders(campaign.id, result.quality.signs.seen.unseen)
        times = [record.time for record in stored.records]
        new = [
            LookRecord(number, now, sealed_to_json(look))
            for number, look in enumerate(result.new, start=len(times) + 1)
        ]
        if new:
            line = None if result.line is None else sealed_line(result.new[-1].hash, result.line)
            await self._store.write(
                lambda t: _add_looks(t, campaign.id, stored.plan.epoch, new, line)
            )
            self._count_looks(len(new))
        times.extend(record.time for record in new)
        return ReportInput(campaign, stored.plan, stored.days, result, tuple(times), now)

    async def _memory(self) -> AnswerMemory | None:
        """What is remembered of the ledger as it is now; asked before the ledger is read."""
        if (folder := self._answers) is None:
            return None
        mark = await self._store.read(ledger_mark)
        about = f"{self._source.engine} {mark.text}"
        return AnswerMemory(folder, about, mark.removals, mark.is_settled)

    def _current(self, campaign: str, transaction: Transaction) -> StoredEpoch:
        return self._stored(transaction, campaign, 0)

    def _stored(self, transaction: Transaction, campaign: str, epoch: int) -> StoredEpoch:
        return stored_epoch(
            transaction, campaign, epoch, currency=self._currency, stored_id=self._stored_id
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
