"""The status of a campaign in words, for lists."""

from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_RUNNING, CampaignState
from fairlift.v1.results_service_pb2 import ReportSummary
from fairlift_stats.messages import Number

from fairlift_cli.campaign_commands import state_word
from fairlift_cli.figures import NO_VALUE, Figures

# A newer server may know more.
_KNOWN = CampaignState.values()[1:]


def status_word(figures: Figures, report: ReportSummary) -> str:
    """Whether visitors enter, are only measured, or the campaign is over."""
    if report.state not in _KNOWN:
        return NO_VALUE
    if not is_entry_over(report):
        return figures.say(f"list.{state_word(report.state)}")
    if report.day >= report.last_day:
        return figures.say("list.ended")
    return figures.say("list.measuring", day=Number(report.last_day))


def is_running(report: ReportSummary) -> bool:
    """Whether visitors still enter the campaign's analysis."""
    return report.state == CAMPAIGN_STATE_RUNNING and not report.last_day


def is_entry_over(report: ReportSummary) -> bool:
    """Whether the plan has ended entry of a campaign that was not stopped by hand."""
    return report.state == CAMPAIGN_STATE_RUNNING and bool(report.last_day)


def planned_progress(report: ReportSummary) -> int:
    """How many of the planned units there are: those whose windows are over."""
    # A server of an earlier version says only how many have entered.
    return report.analysed_units if report.HasField("analysed_units") else report.units


def state_name(report: ReportSummary) -> str:
    """The state's stable name, such as running; empty for one that is not known here.

    A campaign whose entry is over has ended, though its last visitors may still be measured.
    """
    if is_entry_over(report):
        return "ended"
    return state_word(report.state) if report.state in _KNOWN else ""
