"""ResultsService: reports, looks and data quality."""

import asyncio
from collections.abc import AsyncIterator

from fairlift.engine.campaign import State
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer
from fairlift.wire.campaign import STATES

from fairlift_server.api.call_guard import Context
from fairlift_server.api.health_messages import health_to
from fairlift_server.api.language import ReaderLanguage, language_of
from fairlift_server.api.look_messages import look_to
from fairlift_server.api.names import campaign_id_of
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.report_messages import report_to
from fairlift_server.api.report_summary_messages import report_summary_to
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.report_list import DEFAULT_STATES


class ResultsApi(ResultsServiceServicer):
    """Implements the service on top of the campaigns' results."""

    def __init__(
        self,
        results: CampaignResults,
        page_tokens: PageTokens,
        *,
        currency: str,
        watch_every_s: float,
    ) -> None:
        self._results = results
        self._page_tokens = page_tokens
        self._currency = currency
        self._watch_every_s = watch_every_s

    async def GetResults(self, request: pb.GetResultsRequest, context: Context) -> pb.Report:
        """The report as of the newest look; makes a look first if one is due."""
        language = language_of(request.language)
        reading = await self._results.read(
            campaign_id_of(request.name), epoch=_checked_epoch(request.epoch)
        )
        return report_to(reading, currency=self._currency, language=language)

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
        return pb.ListReportsResponse(
            reports=(report_summary_to(report, language) for report in reports[:size]),
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
    ) -> AsyncIterator[pb.Report]:
        """The report now, and again after each new look."""
        language, campaign = language_of(request.language), campaign_id_of(request.name)
        looks_sent = -1
        while True:
            reading = await self._results.read(campaign)
            if len(reading.look_times) != looks_sent:
                looks_sent = len(reading.look_times)
                yield report_to(reading, currency=self._currency, language=language)
            await asyncio.sleep(self._watch_every_s)

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """The data quality checks as of now; makes no look."""
        language = language_of(request.language)
        campaign, plan, quality = await self._results.data_quality(campaign_id_of(request.name))
        return health_to(plan, quality, ReaderLanguage.of(campaign, language))


def _checked_epoch(epoch: int) -> int:
    if epoch < 0:
        raise InvalidRequest([Violation("epoch", f"is {epoch}, must be 0 (current) or more")])
    return epoch
