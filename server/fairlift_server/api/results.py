"""ResultsService: what the data say."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer
from fairlift.wire.campaign import campaign_id

from fairlift_server.api.paging import Pages
from fairlift_server.api.report_writing import health_to, look_to, report_to
from fairlift_server.api.stop_writing import put_stop
from fairlift_server.api.tongue import Tongue, language_of
from fairlift_server.results import Finding, Results

# Any: one context serves every method here; none of them looks at its messages through it.
Context = grpc.aio.ServicerContext[Any, Any]


class ResultsApi(ResultsServiceServicer):
    """Answers from looks."""

    def __init__(
        self, results: Results, pages: Pages, *, currency: str, watch_every_s: float
    ) -> None:
        self._results = results
        self._pages = pages
        self._currency = currency
        self._watch_every_s = watch_every_s

    async def GetResults(self, request: pb.GetResultsRequest, context: Context) -> pb.Report:
        """The report as the plan allows it now."""
        language = language_of(request.language)
        finding = await self._results.find(_named(request.name), epoch=_epoch(request.epoch))
        return self._report(finding, language)

    async def ListLooks(
        self, request: pb.ListLooksRequest, context: Context
    ) -> pb.ListLooksResponse:
        """A page of the looks, oldest first."""
        name, epoch = _named(request.name), _epoch(request.epoch)
        listing = f"looks/{name}/{epoch}"
        size = self._pages.size(request.page_size)
        after = int(self._pages.after(listing, request.page_token) or 0)
        found = await self._results.looks(name, epoch=epoch, after=after, limit=size + 1)
        more = self._pages.token(listing, str(found[size - 1][0].number)) if found[size:] else ""
        return pb.ListLooksResponse(
            looks=(
                look_to(row.number, row.time, content, epoch=number, plan_hash=plan_hash)
                for row, content, number, plan_hash in found[:size]
            ),
            next_page_token=more,
        )

    async def WatchResults(
        self, request: pb.WatchResultsRequest, context: Context
    ) -> AsyncIterator[pb.Report]:
        """The report now, and again whenever a new look was due."""
        language, name = language_of(request.language), _named(request.name)
        looks = -1
        while True:
            finding = await self._results.find(name)
            if len(finding.look_times) != looks:
                looks = len(finding.look_times)
                yield self._report(finding, language)
            await asyncio.sleep(self._watch_every_s)

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """Whether the data can be trusted."""
        language = language_of(request.language)
        campaign, study, vital = await self._results.vital(_named(request.name))
        return health_to(study, vital, Tongue.of(campaign, language))

    def _report(self, finding: Finding, language: str) -> pb.Report:
        report = report_to(finding, currency=self._currency, language=language)
        put_stop(report.verdict, finding.campaign, Tongue.of(finding.campaign, language))
        return report


def _named(name: str) -> str:
    found = campaign_id(name)
    if not found:
        raise InvalidRequest([Violation("name", "is missing, must be campaigns/ and an id")])
    return found


def _epoch(epoch: int) -> int:
    if epoch < 0:
        raise InvalidRequest([Violation("epoch", f"is {epoch}, must be 0 (current) or more")])
    return epoch
