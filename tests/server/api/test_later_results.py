"""ResultsService behind its loader."""

from collections.abc import AsyncIterator
from typing import Any, cast

from fairlift.v1.results_service_pb2 import Report, WatchResultsRequest
from fairlift_server.api.call_record import Context
from fairlift_server.api.later_results import LaterResultsApi
from fairlift_server.api.results import ResultsApi


class OpenResults:
    """A service whose stream says when it has ended."""

    def __init__(self) -> None:
        self.has_ended = False

    async def WatchResults(self, *_: object) -> AsyncIterator[Report]:  # noqa: N802  # the contract's name
        try:
            yield Report()
            yield Report()
        finally:
            self.has_ended = True


async def test_a_stream_that_ends_early_ends_at_once() -> None:
    loaded = OpenResults()

    async def load() -> ResultsApi:
        return cast("ResultsApi", loaded)

    # Any: a generator, which the type of the contract leaves open.
    stream: Any = LaterResultsApi(load).WatchResults(WatchResultsRequest(), cast("Context", None))
    await anext(stream)
    await stream.aclose()

    assert loaded.has_ended
