"""ResultsService: what the data say."""

from collections.abc import AsyncIterator
from typing import Any

from fairlift.engine.errors import Unsupported
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceServicer

Context = Any


class ResultsApi(ResultsServiceServicer):
    """Answers from looks."""

    async def GetResults(self, request: pb.GetResultsRequest, context: Context) -> pb.Report:
        """The report as the plan allows it now."""
        raise Unsupported("results are not served yet")

    async def ListLooks(
        self, request: pb.ListLooksRequest, context: Context
    ) -> pb.ListLooksResponse:
        """Every analysis that was ever shown."""
        raise Unsupported("results are not served yet")

    def WatchResults(
        self, request: pb.WatchResultsRequest, context: Context
    ) -> AsyncIterator[pb.Report]:
        """The report now, and whenever a look is due."""
        raise Unsupported("results are not served yet")

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """Whether the data can be trusted."""
        raise Unsupported("results are not served yet")
