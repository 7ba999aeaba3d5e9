"""What pages read from the server, each time anew: lists, reports, looks, and news of both."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_ARCHIVED, Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from google.protobuf.message import Message

from fairlift_cli.all_results import all_reports
from fairlift_cli.campaign_commands import all_campaigns
from fairlift_cli.campaign_status import is_running
from fairlift_cli.looks_command import all_looks
from fairlift_cli.report.shared_visitors import MOST_COMPARED
from fairlift_cli.server_connection import ServerConnection, ServerStream, full_name

# A reader who waits longer has left; the server goes on and answers the next time.
_PAGE_TIMEOUT_S = 60.0
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

    def report(self, campaign: str, language: str, epoch: int = 0) -> pb.Report:
        """The report of a campaign; epoch 0 is the current one."""
        request = pb.GetResultsRequest(name=full_name(campaign), language=language, epoch=epoch)
        return self.server.call(self.server.results.GetResults, request, timeout_s=_PAGE_TIMEOUT_S)

    def campaign(self, campaign: str, language: str, epoch: int = 0) -> ReadCampaign:
        """The report of a campaign, its looks and its plan."""
        report = self.report(campaign, language, epoch)
        # After the report: reading it makes the looks that are due.
        looks = tuple(all_looks(self.server, campaign, epoch=report.epoch))
        request = GetCampaignRequest(name=full_name(campaign))
        sealed = self.server.call(self.server.campaigns.GetCampaign, request)
        return ReadCampaign(report, looks, sealed)

    def watch(self, campaign: str) -> ServerStream:
        """The report now, and again after each look."""
        request = pb.WatchResultsRequest(name=full_name(campaign))
        return self.server.watch(self.server.results.WatchResults, request)


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
    for field, value in message.ListFields():
        if field.name in _SENTENCES:
            message.ClearField(field.name)
        elif isinstance(value, Message):
            _leave_out_sentences(value)


def versions(stream: ServerStream) -> Iterator[str]:
    """The version of each report that a stream brings."""
    for report in stream:
        if isinstance(report, pb.Report):
            yield report_version(report)
