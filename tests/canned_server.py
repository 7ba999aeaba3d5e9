"""A gRPC server whose reports a test writes by hand, and which a test may end and start again."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from fairlift.v1 import campaign_pb2, campaign_service_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.results_service_pb2_grpc import (
    ResultsServiceServicer,
    add_ResultsServiceServicer_to_server,
)

Context = grpc.ServicerContext


@contextmanager
def canned_server() -> Iterator["CannedServer"]:
    """A server that listens until the block ends."""
    server = CannedServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class CannedServer(ResultsServiceServicer):
    """Answers with the reports that it was given, in whatever language.

    Attributes:
        address: the same after `stop` and `start`.
        token: that calls must carry; empty for none.
        calls: the names of the methods that were called.
        progress: of reports that are not there yet, for those who watch; None: they are.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.token = ""
        self.calls: list[str] = []
        self.progress: pb.ReportProgress | None = None
        self._reports: dict[str, pb.Report] = {}
        self._summaries: dict[str, pb.ReportSummary] = {}
        self._looks: dict[str, Sequence[pb.Look]] = {}
        self._campaigns: dict[str, campaign_pb2.Campaign] = {}
        self._changed = threading.Condition()
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Listens; `stop` ends it."""
        server = grpc.server(ThreadPoolExecutor(32))
        add_ResultsServiceServicer_to_server(self, server)
        # Two methods of the service are enough.
        get_campaign = grpc.unary_unary_rpc_method_handler(
            self._get_campaign,
            campaign_service_pb2.GetCampaignRequest.FromString,
            campaign_pb2.Campaign.SerializeToString,
        )
        list_campaigns = grpc.unary_unary_rpc_method_handler(
            self._list_campaigns,
            campaign_service_pb2.ListCampaignsRequest.FromString,
            campaign_service_pb2.ListCampaignsResponse.SerializeToString,
        )
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "GetCampaign": get_campaign,
            "ListCampaigns": list_campaigns,
        }
        server.add_registered_method_handlers("fairlift.v1.CampaignService", handlers)
        assert server.add_insecure_port(self.address)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Ends at once; calls and streams break."""
        server, self._server = self._server, None
        assert server is not None
        server.stop(0).wait(5)
        with self._changed:
            self._changed.notify_all()

    def publish(
        self,
        report: pb.Report,
        summary: pb.ReportSummary,
        looks: Sequence[pb.Look] = (),
        campaign: campaign_pb2.Campaign | None = None,
    ) -> None:
        """Gives a campaign a report; whoever watches it is told."""
        with self._changed:
            self._reports[report.campaign] = report
            self._summaries[report.campaign] = summary
            self._looks[report.campaign] = looks
            self._campaigns[report.campaign] = campaign or campaign_pb2.Campaign(
                name=report.campaign
            )
            self._changed.notify_all()

    def clear(self) -> None:
        """Forgets all reports."""
        with self._changed:
            self._reports.clear()
            self._summaries.clear()
            self._campaigns.clear()
            self.token = ""
            self.progress = None

    def GetResults(  # noqa: N802 - the contract names the methods
        self, request: pb.GetResultsRequest, context: Context
    ) -> pb.Report:
        self._check("GetResults", context)
        found = self._reports.get(request.name)
        if found is None or request.epoch > found.epoch:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} does not exist")
        return found

    def ListReports(  # noqa: N802 - the contract names the methods
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        self._check("ListReports", context)
        every = [self._summaries[name] for name in sorted(self._summaries)]
        archived = campaign_pb2.CAMPAIGN_STATE_ARCHIVED
        wanted = [
            each
            for each in every
            if each.state in request.states or (not request.states and each.state != archived)
        ]
        return pb.ListReportsResponse(reports=wanted)

    def ListLooks(  # noqa: N802 - the contract names the methods
        self, request: pb.ListLooksRequest, context: Context
    ) -> pb.ListLooksResponse:
        self._check("ListLooks", context)
        return pb.ListLooksResponse(looks=self._looks.get(request.name, ()))

    def WatchResults(  # noqa: N802 - the contract names the methods
        self, request: pb.WatchResultsRequest, context: Context
    ) -> Iterator[pb.Report]:
        self._check("WatchResults", context)
        if request.name not in self._reports:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} does not exist")
        while self.progress is not None and context.is_active():
            if request.with_progress:
                yield pb.Report(campaign=request.name, progress=self.progress)
            time.sleep(0.1)
        sent: tuple[object, ...] = ()
        while context.is_active() and self._server is not None:
            report = self._reports[request.name]
            version = (report.look.number, report.verdict.kind, report.verdict.cause)
            if version != sent:
                sent = version
                yield report
            with self._changed:
                self._changed.wait(0.5)

    def GetHealth(  # noqa: N802 - the contract names the methods
        self, request: pb.GetHealthRequest, context: Context
    ) -> pb.Health:
        return self.GetResults(pb.GetResultsRequest(name=request.name), context).health

    def _get_campaign(
        self, request: campaign_service_pb2.GetCampaignRequest, context: Context
    ) -> campaign_pb2.Campaign:
        self._check("GetCampaign", context)
        return self._campaigns[request.name]

    def _list_campaigns(
        self, _: campaign_service_pb2.ListCampaignsRequest, context: Context
    ) -> campaign_service_pb2.ListCampaignsResponse:
        self._check("ListCampaigns", context)
        return campaign_service_pb2.ListCampaignsResponse(
            campaigns=(self._campaigns[name] for name in sorted(self._campaigns))
        )

    def _check(self, method: str, context: Context) -> None:
        self.calls.append(method)
        metadata = dict(context.invocation_metadata())
        if self.token and metadata.get("authorization") != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the call has no valid token")
