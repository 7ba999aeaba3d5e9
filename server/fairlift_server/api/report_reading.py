"""Reads the reports of a running server: it makes the looks that are due, as for every reader."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
from fairlift.engine.errors import FairliftError, Unauthenticated, Unavailable
from fairlift.transport import error_from
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from google.protobuf.message import Message

from fairlift_server.api.own_server import ServerAccess

_PAGE = 200
# The first look of a large shop takes minutes.
_TIMEOUT_S = 1_800.0

Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """A campaign of a server.

    Attributes:
        summary: its line in the list.
        report: its current report; None: the server refuses it.
        refusal: why.
    """

    summary: pb.ReportSummary
    report: pb.Report | None
    refusal: str = ""


class ReportReader:
    """The reports of one server."""

    def __init__(self, access: ServerAccess, stub: ResultsServiceStub) -> None:
        self._access = access
        self._metadata = access.metadata
        self._stub = stub

    def reports(self, language: str) -> Iterator[CampaignReport]:
        """Every campaign that has started and is not archived, by name.

        Raises:
            Unavailable: no server answers.
            FairliftError: the server refuses the calls.
        """
        request = pb.ListReportsRequest(page_size=_PAGE, language=language)
        while True:
            page = self._called(self._stub.ListReports, request)
            for summary in page.reports:
                yield self._report(summary, language)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _report(self, summary: pb.ReportSummary, language: str) -> CampaignReport:
        request = pb.GetResultsRequest(name=summary.campaign, language=language)
        try:
            return CampaignReport(summary, self._called(self._stub.GetResults, request))
        except (Unavailable, Unauthenticated):
            raise
        except FairliftError as error:
            # Such as a plan that was edited in the store: the other reports are still good.
            return CampaignReport(summary, None, str(error))

    def _called(self, method: Callable[..., Response], request: Message) -> Response:
        try:
            return method(request, timeout=_TIMEOUT_S, metadata=self._metadata)
        except grpc.RpcError as failed:
            error = error_from(failed)
            if isinstance(error, Unavailable):
                way_out = (
                    "start it, or name another with --server: reading results makes the looks that "
                    "are due, which is the server's work"
                )
                raise Unavailable(
                    f"no Fairlift server answers at {self._access.address} ({error}); "
                    f"{self._access.fault(str(error)) or way_out}"
                ) from None
            raise error from None


@contextmanager
def report_reader(access: ServerAccess) -> Iterator[ReportReader]:
    """A connection to a server; the first call shows whether it answers."""
    with access.connected() as channel:
        yield ReportReader(access, ResultsServiceStub(channel))
