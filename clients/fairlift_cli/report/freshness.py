"""Whether the campaign still runs, and on which day its data end."""

from datetime import date

from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_RUNNING, Campaign, CampaignState
from fairlift_stats.messages import Number

from fairlift_cli.campaign_commands import state_word
from fairlift_cli.local_time import local_time
from fairlift_cli.report.report_context import ReportContext

# A weekend without a visitor is no news.
_SILENT_DAYS = 3
# 28 is the contract's value of an absent `maximum_days`.
_MAXIMUM_DAYS = 28


def status(context: ReportContext) -> str:
    """Running, paused, ended and so on; empty where the campaign was not read."""
    campaign, report = context.campaign, context.report
    if campaign is None or campaign.state not in CampaignState.values()[1:]:  # a newer server's
        return ""
    if campaign.state != CAMPAIGN_STATE_RUNNING or not report.HasField("look"):
        return context.say(f"list.{state_word(campaign.state)}")
    if not report.HasField("next_look_time"):
        return context.say("list.ended")
    days_are_over = report.look.day >= _maximum_days(campaign)
    return context.say("report.measuring" if days_are_over else "list.running")


def data_end(context: ReportContext) -> str:
    """That nothing was counted for days, while visitors are expected; else empty.

    Once entry is over nobody new is counted, and no order outside the windows of those who entered.
    """
    report = context.report
    days = [day.date for day in report.days if day.entered_units or day.orders]
    if not (days and report.HasField("next_look_time") and report.HasField("create_time")):
        return ""
    if _is_entry_over(context):
        return ""
    newest = max(days)
    today = local_time(report.create_time, report.time_zone).date()
    silent = (today - date.fromisoformat(newest)).days
    if silent < _SILENT_DAYS:
        return ""
    day = context.figures.calendar_day(newest)
    return context.say("report.data_end", by="days", day=day, days=Number(silent))


def _is_entry_over(context: ReportContext) -> bool:
    """Whether the plan's days are over, or its units have come."""
    campaign, report = context.sealed_campaign, context.report
    if campaign is None:
        return False
    if report.HasField("look") and report.look.day >= _maximum_days(campaign):
        return True
    planned = campaign.plan.planned_units
    return 0 < planned <= sum(total.units for total in report.totals)


def _maximum_days(campaign: Campaign) -> int:
    plan = campaign.plan
    return plan.maximum_days if plan.HasField("maximum_days") else _MAXIMUM_DAYS


def data_shown(context: ReportContext) -> str:
    """Which data the pictures show, where the decision was made with older ones; else empty."""
    verdict, look = context.report.verdict, context.report.look
    if not verdict.HasField("decided_time") or verdict.decided_time == look.as_of_time:
        return ""
    decided = context.figures.day_ended(verdict.decided_time)
    return context.say("report.data_shown", day=context.day_of(look), decided=decided)
