"""All campaigns in a line each, as of their last looks: nothing is computed, and no look made.

What was sealed is checked here as it is for a report: the plan, every look and the line itself.
"""

from collections.abc import Collection
from dataclasses import dataclass

from fairlift.engine.campaign import Campaign, State
from fairlift_stats.messages import Message
from fairlift_stats.sequential.calendar import next_due

from fairlift_server.results.analysis_plan import analysis_plan_of
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_history import campaign_days_of
from fairlift_server.results.report_line import ReportLine
from fairlift_server.results.report_seal import CheckedLooks, checked_line
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Transaction
from fairlift_server.store.history import moves_of
from fairlift_server.store.looks import report_lines_of

# What a list shows if it is asked for nothing else: what there are results of.
DEFAULT_STATES = tuple(state for state in State if state not in (State.DRAFT, State.ARCHIVED))


@dataclass(frozen=True, slots=True)
class ListedReport:
    """One campaign in a list.

    Attributes:
        campaign: as it is now.
        days: of its current epoch; None of a draft.
        line: as of the last look; None before the first.
        first_decision: before the first look, the campaign day whose look is the first to judge.
        edit: what was changed in the store after it was sealed; None while all is as it was. There
            is no line then.
    """

    campaign: Campaign
    days: CampaignDays | None
    line: ReportLine | None
    first_decision: int = 1
    edit: Message | None = None


def listed_reports(
    transaction: Transaction,
    looks: CheckedLooks,
    version: int,
    *,
    currency: str,
    states: Collection[State],
    after: str,
    limit: int,
) -> list[ListedReport]:
    """Campaigns in these states, ordered by id, starting after the id `after`.

    Args:
        transaction: to read in.
        looks: which were checked already.
        version: of the database, by changes that are not the server's own.
        currency: the shop's.
        states: of the campaigns.
        after: an id.
        limit: how many at most.
    """
    campaigns = campaign_store.listed(transaction, states=states, after=after, limit=limit)
    ids = [campaign.id for campaign in campaigns]
    moves = moves_of(transaction, ids)
    lines = report_lines_of(transaction, ids)
    plan_hashes = {(c.id, c.lifecycle.epoch): c.lifecycle.plan_hash for c in campaigns}
    newest = looks.newest(transaction, plan_hashes, version)
    begun = campaign_store.begun_as(transaction, plan_hashes)
    listed = []
    for campaign in campaigns:
        # The current epoch's plan and days are the campaign's own: they change with a new epoch.
        start = campaign.lifecycle.epoch_time
        if start is None:  # a draft
            listed.append(ListedReport(campaign, None, None))
            continue
        key = campaign.id, campaign.lifecycle.epoch
        plan = begun[key].plan
        checked = checked_line(plan, plan_hashes[key], newest[key], lines.get(key))
        if isinstance(checked, Message):
            # A look may have been added since the last list, which writes another line.
            looks.forget(key)
            again = looks.newest(transaction, {key: plan_hashes[key]}, version)[key]
            checked = checked_line(plan, plan_hashes[key], again, lines.get(key))
        line = checked if isinstance(checked, ReportLine) else None
        listed.append(
            ListedReport(
                campaign,
                campaign_days_of(campaign, moves[campaign.id], start=start),
                line,
                1 if checked is not None else _first_decision(campaign, currency),
                checked if isinstance(checked, Message) else None,
            )
        )
    return listed


def _first_decision(campaign: Campaign, currency: str) -> int:
    sequential = analysis_plan_of(campaign, currency=currency).sequential
    return next_due(sequential, 0) or 1
