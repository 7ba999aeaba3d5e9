"""What a report is written from, and each look of it."""

from dataclasses import dataclass
from datetime import datetime

from fairlift.engine.campaign import Campaign

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.listed_look import ListedLook
from fairlift_server.results.look import LookResult
from fairlift_server.store.campaigns import moment


@dataclass(frozen=True, slots=True)
class CampaignLook:
    """A look of one epoch of a campaign, with the time at which it was made."""

    listed: ListedLook
    time: datetime
    epoch: int
    plan_hash: str
    days: CampaignDays


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What a report is written from.

    Attributes:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        plan: how it is analysed.
        days: of the epoch.
        result: the looks and what they say.
        look_times: when each look was made, the newest last.
        time: of this reading.
    """

    campaign: Campaign
    plan: AnalysisPlan
    days: CampaignDays
    result: LookResult
    look_times: tuple[datetime, ...]
    time: datetime

    @property
    def next_look_time(self) -> datetime | None:
        """When the next look is due; None when there is none, or while the campaign is paused."""
        looks = self.result.looks
        if self.days.is_paused or (looks and looks[-1].look.closing is not None):
            return None
        return self.look_time((looks[-1].look.day if looks else 0) + 1)

    def look_time(self, day: int) -> datetime | None:
        """When the look of this campaign day, counted from 1, is due; None if it never comes."""
        campaign_day = self.days.nth(day)
        return None if campaign_day is None else moment(campaign_day.due_us)

    def look(self, number: int) -> CampaignLook:
        """The look with this number, counted from 1."""
        lifecycle = self.campaign.lifecycle
        return CampaignLook(
            self.result.listed[number - 1],
            self.look_times[number - 1],
            lifecycle.epoch,
            lifecycle.plan_hash,
            self.days,
        )
