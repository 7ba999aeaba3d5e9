"""ResultsService before it is loaded: the mathematics comes with the first call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer

from fairlift_server.api.call_record import Context

if TYPE_CHECKING:
    from fairlift_server.api.results import ResultsApi


class LaterResultsApi(ResultsServiceServicer):
    """Hands every call to the service that `load` gives."""

    def __init__(self, load: Callable[[], Awaitable["ResultsApi"]]) -> None:
        self._load = load

    async def GetResults(  # type: ignore[override]  # the guard sends bytes as they are
        self, request: pb.GetResultsRequest, context: Context
    ) -> bytes:
        """See ResultsApi."""
        return await (await self._load()).GetResults(request, context)

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        """See ResultsApi."""
        return await (await self._load()).ListReports(request, context)

    async def ListLooks(
        self, request: pb.ListLooksRequest, context: Context
    ) -> pb.ListLooksResponse:
        """See ResultsApi."""
        return await (await self._load()).ListLooks(request, context)

    async def WatchResults(
        self, request: pb.WatchResultsRequest, context: Context
    ) -> AsyncIterator[pb.Report]:
        """See ResultsApi."""
        # Else its stream would stay open until the garbage collection.
        async with aclosing((await self._load()).WatchResults(request, context)) as reports:
            async for report in reports:
                yield report

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """See ResultsApi."""
        return await (await self._load()).GetHealth(request, context)
