"""Schedules that are over, or that end before the plan can decide."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fairlift.engine.campaign import Campaign

from fairlift_cli.checks.judgement import Judgement


def schedule_judgements(campaign: Campaign, *, now: datetime) -> Iterator[Judgement]:
    """What is doubtful in the schedule of one campaign."""
    end, start = campaign.end_time, campaign.start_time
    if end is None:
        return
    if end <= now:
        yield Judgement(
            "FL412",
            "schedule.end_time",
            f"is over since {end.astimezone(ZoneInfo(campaign.time_zone)):%Y-%m-%d %H:%M} "
            f"({campaign.time_zone}): the campaign lets nobody in any more; remove its file or "
            "choose another time",
        )
    elif campaign.plan is not None:
        # What started longer ago than its plan lasts does not run by it any more.
        has_to_start = start is None or start < now - timedelta(days=campaign.plan.maximum_days)
        begin = now if has_to_start or start is None else start
        days = (end - begin).days
        if days < campaign.plan.minimum_days:
            told = f"no decision before day {campaign.plan.minimum_days}"
        elif days < campaign.plan.maximum_days:
            told = f"{campaign.plan.maximum_days} days of entry"
        else:
            return
        condition = ", unless the campaign has started" if has_to_start else ""
        yield Judgement(
            "FL413",
            "schedule.end_time",
            f"comes {days} days after {'today' if has_to_start else 'start_time'}, and the plan "
            f"has {told}; let the schedule end later or plan fewer days{condition}",
        )
