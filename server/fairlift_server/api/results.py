"""ResultsService: reports, looks and data quality."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from fairlift.engine.campaign import State
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer
from fairlift.wire.campaign import STATES

from fairlift_server.api.call_classes import CallClass
from fairlift_server.api.call_record import Context
from fairlift_server.api.health_messages import health_to, idle_amendment_to
from fairlift_server.api.language import ReaderLanguage, language_of
from fairlift_server.api.look_messages import look_to
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.api.names import campaign_id_of
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.report_messages import report_to
from fairlift_server.api.report_summary_messages import report_summary_to
from fairlift_server.api.verdict_messages import verdict_input
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_results import CampaignResults, ReadingProgress
from fairlift_server.results.current_verdict import current_verdict
from fairlift_server.results.data_quality import DataQuality, campaign_checks
from fairlift_server.results.health_check import HealthCheck
from fairlift_server.results.report_input import ReportInput
from fairlift_server.results.report_list import DEFAULT_STATES
from fairlift_server.results.shared_work import SharedWork
from fairlift_server.results.shop_quality import (
    AmendmentQuality,
    IntakeQuality,
    currency_gaps,
    shop_checks,
)
from fairlift_server.store.amendments import IdleAmendments

# As the contract says.
_PROGRESS_EVERY_S = 1.0


class ResultsApi(ResultsServiceServicer):
    """Implements the service on top of the campaigns' results."""

    def __init__(
        self,
        results: CampaignResults,
        page_tokens: PageTokens,
        turns: LoopTurns,
        *,
        currency: str,
        environment: str = "",
        watch_every_s: float,
        intake: Callable[[], Awaitable[IntakeQuality]],
    ) -> None:
        self._results = results
        self._turns = turns
        self._page_tokens = page_tokens
        self._currency = currency
        self._environment = environment
        self._watch_every_s = watch_every_s
        self._intake = intake
        # Writing a report takes milliseconds of the event loop: once for all who wait for it.
        self._reports: SharedWork[tuple[str, int, str], bytes] = SharedWork()

    async def GetResults(  # type: ignore[override]  # the guard sends bytes as they are
        self, request: pb.GetResultsRequest, context: Context
    ) -> bytes:
        """The report as of the newest look, encoded; makes a look first if one is due."""
        language = language_of(request.language)
        campaign, epoch = campaign_id_of(request.name), _checked_epoch(request.epoch)

        async def encoded_report() -> bytes:
            reading = await self._results.read(campaign, epoch=epoch)
            return (await self._report(reading, language)).SerializeToString()

        return await self._reports.run((campaign, epoch, language), encoded_report)

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        """A page of campaigns, each as of its last look; makes no look."""
        language = language_of(request.language)
        requested = sorted({STATES.get(number, State.ARCHIVED) for number in request.states})
        states = requested or DEFAULT_STATES
        listing = f"reports/{','.join(states)}"
        size = self._page_tokens.size(request.page_size)
        after = self._page_tokens.after(listing, request.page_token)
        reports = await self._results.listed(states=states, after=after, limit=size + 1)
        gaps = bool(currency_gaps(await self._intake()))
        return pb.ListReportsResponse(
            reports=(
                report_summary_to(report, language, currency=self._currency, has_currency_gaps=gaps)
                for report in reports[:size]
            ),
            next_page_token=self._page_tokens.next_token(
                listing, reports, size, lambda report: report.campaign.id
            ),
        )

    async def ListLooks(
        self, request: pb.ListLooksRequest, context: Context
    ) -> pb.ListLooksResponse:
        """A page of looks, oldest first."""
        campaign, epoch = campaign_id_of(request.name), _checked_epoch(request.epoch)
        listing = f"looks/{campaign}/{epoch}"
        size = self._page_tokens.size(request.page_size)
        after = int(self._page_tokens.after(listing, request.page_token) or 0)
        looks = await self._results.looks(campaign, epoch=epoch, after=after, limit=size + 1)
        return pb.ListLooksResponse(
            looks=map(look_to, looks[:size]),
            next_page_token=self._page_tokens.next_token(
                listing, looks, size, lambda look: str(look.listed.number)
            ),
        )

    async def WatchResults(
        self, request: pb.WatchResultsRequest, context: Context
    ) -> AsyncGenerator[pb.Report]:
        """The report now, and again when a look, the campaign's state or its verdict is new."""
        language, campaign = language_of(request.language), campaign_id_of(request.name)
        sent: object = None
        while True:
            async with aclosing(self._read_with_progress(campaign)) as steps:
                async for step in steps:
                    if isinstance(step, ReportInput):
                        verdict = current_verdict(verdict_input(step))
                        version = (len(step.look_times), step.campaign.lifecycle, verdict)
                        if version != sent:
                            sent = version
                            yield await self._report(step, language)
                    elif request.with_progress:
                        yield pb.Report(campaign=request.name, progress=_progress_to(step))
            await asyncio.sleep(self._watch_every_s)

    async def _read_with_progress(
        self, campaign: str
    ) -> AsyncGenerator[ReadingProgress | ReportInput]:
        """Every second how far the reading is, and at last what it gives."""
        reading = asyncio.create_task(self._results.read(campaign))
        try:
            while not (await asyncio.wait([reading], timeout=_PROGRESS_EVERY_S))[0]:
                if (progress := self._results.progress(campaign)) is not None:
                    yield progress
            yield reading.result()
        finally:
            reading.cancel()

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """The data quality checks as of now; makes no look."""
        language = language_of(request.language)
        name = campaign_id_of(request.name)
        campaign, plan, quality = await self._results.data_quality(name)
        idle = await self._results.idle_amendments(name)
        intake = await self._intake()
        reader = ReaderLanguage.of(campaign, language)
        health = health_to(_all_checks(plan, quality, intake, idle), reader)
        some_wait = intake.parked.waiting_total > 0
        health.amendments.extend(
            idle_amendment_to(amendment, reader, some_wait=some_wait) for amendment in idle.newest
        )
        return health

    async def _report(self, reading: ReportInput, language: str) -> pb.Report:
        """The report, with the answer of GetHealth to whether the data can be trusted."""
        epoch = reading.campaign.lifecycle.epoch
        idle = await self._results.idle_amendments(reading.campaign.id, epoch=epoch, limit=0)
        intake = await self._intake()
        await self._turns.wait(CallClass.RESULTS)  # it takes milliseconds to write
        checks = _all_checks(reading.plan, reading.result.quality, intake, idle)
        report = report_to(reading, checks, currency=self._currency, language=language)
        report.environment = self._environment
        return report


def _all_checks(
    plan: AnalysisPlan, quality: DataQuality, intake: IntakeQuality, idle: IdleAmendments
) -> tuple[HealthCheck, ...]:
    """Whether the data can be trusted: the campaign's own checks, then those of the shop."""
    amendments = AmendmentQuality(idle.any_came, idle.contradicting)
    return (*campaign_checks(plan, quality), *shop_checks(intake, amendments))


def _progress_to(progress: ReadingProgress) -> pb.ReportProgress:
    return pb.ReportProgress(share=progress.share, elapsed_s=progress.elapsed_s)


def _checked_epoch(epoch: int) -> int:
    if epoch < 0:
        raise InvalidRequest([Violation("epoch", f"is {epoch}, must be 0 (current) or more")])
    return epoch
