"""What pages read from the server, each time anew: lists, reports, looks, and news of both."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_ARCHIVED, Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from google.protobuf.message import Message

from fairlift_cli.all_results import all_reports
from fairlift_cli.campaign_commands import all_campaigns
from fairlift_cli.campaign_status import is_running
from fairlift_cli.looks_command import all_looks
from fairlift_cli.report.shared_visitors import MOST_COMPARED
from fairlift_cli.report_reading import watched_report
from fairlift_cli.server_connection import (
    RESULTS_TIMEOUT_S,
    ServerConnection,
    ServerStream,
    full_name,
)
from fairlift_cli.web.long_reports import PATIENCE_S, LongReports, Tell

# A file cannot say how far it is, and is waited for.
_FILE_PATIENCE_S = 60.0
_SENTENCES = ("sentence", "action", "assumptions")


@dataclass(frozen=True, slots=True)
class ReadCampaign:
    """A report, the looks that its course over time is drawn from, and the sealed plan."""

    report: pb.Report
    looks: tuple[pb.Look, ...]
    campaign: Campaign


@dataclass(frozen=True, slots=True)
class ServerReader:
    """The calls that pages make; no page causes a call for each campaign.

    Every method raises Unreachable or CommandRefused, as `ServerConnection.call` does.
    """

    server: ServerConnection
    long_reports: LongReports = field(default_factory=LongReports)

    def summaries(self, language: str, *, archived: bool = False) -> list[pb.ReportSummary]:
        """Every campaign that has started, as of its last look; or those that are archived."""
        states = [CAMPAIGN_STATE_ARCHIVED] if archived else []
        return list(all_reports(self.server, language=language, states=states))

    def running_campaigns(self, summaries: Sequence[pb.ReportSummary]) -> list[Campaign]:
        """The campaigns themselves, which say who shares visitors; none where too many run."""
        # More are not compared, so that lists of very many stay quick.
        if not 2 <= running_count(summaries) <= MOST_COMPARED:
            return []
        return list(all_campaigns(self.server, archived=False))

    def report(
        self, campaign: str, language: str, epoch: int = 0, *, is_file: bool = False
    ) -> pb.Report:
        """The report of a campaign; epoch 0 is the current one.

        Raises:
            StillReading: it takes long; less soon for a file, which cannot be read again.
        """
        patience_s = _FILE_PATIENCE_S if is_file else PATIENCE_S
        read = partial(self._read, campaign, language, epoch)
        return self.long_reports.report((campaign, language, epoch), read, patience_s=patience_s)

    def campaign(
        self, campaign: str, language: str, epoch: int = 0, *, is_file: bool = False
    ) -> ReadCampaign:
        """The report of a campaign, its looks and its plan.

        Raises:
            StillReading: as `report` does.
        """
        report = self.report(campaign, language, epoch, is_file=is_file)
        # After the report: reading it makes the looks that are due.
        looks = tuple(all_looks(self.server, campaign, epoch=report.epoch))
        request = GetCampaignRequest(name=full_name(campaign))
        sealed = self.server.call(self.server.campaigns.GetCampaign, request)
        return ReadCampaign(report, looks, sealed)

    def watch(self, campaign: str) -> ServerStream:
        """The report now, and again after each look."""
        request = pb.WatchResultsRequest(name=full_name(campaign))
        return self.server.watch(self.server.results.WatchResults, request)

    def _read(self, campaign: str, language: str, epoch: int, tell: Tell) -> pb.Report:
        if not epoch:
            return watched_report(self.server, campaign, language=language, tell=tell)
        request = pb.GetResultsRequest(name=full_name(campaign), language=language, epoch=epoch)
        results = self.server.results
        return self.server.call(results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)


def running_count(summaries: Sequence[pb.ReportSummary]) -> int:
    """How many campaigns visitors still enter."""
    return sum(map(is_running, summaries))


def report_version(report: pb.Report) -> str:
    """Names what a campaign's page shows, in whatever language.

    A verdict may change without a look: when a campaign is stopped or paused.
    """
    return f"{report.epoch}.{report.look.number}.{report.verdict.kind}.{report.verdict.cause}"


def list_version(summaries: list[pb.ReportSummary]) -> str:
    """Names what the list of campaigns shows, in whatever language."""
    digest = hashlib.sha256()
    for summary in summaries:
        plain = pb.ReportSummary()
        plain.CopyFrom(summary)
        _leave_out_sentences(plain)
        digest.update(plain.SerializeToString(deterministic=True))
    return digest.hexdigest()[:16]


def _leave_out_sentences(message: Message) -> None:
    """Clears what is written in the reader's language, here and in the messages within."""
    for each, value in message.ListFields():
        if each.name in _SENTENCES:
            message.ClearField(each.name)
        elif isinstance(value, Message):
            _leave_out_sentences(value)


def versions(stream: ServerStream) -> Iterator[str]:
    """The version of each report that a stream brings."""
    for report in stream:
        if isinstance(report, pb.Report):
            yield report_version(report)
