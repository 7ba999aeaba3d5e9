"""What the report draws, kept while it stays the same: pictures take longer than all else."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_RUNNING,
    CAMPAIGN_STATE_STOPPED,
    Campaign,
)
from fairlift_report.page import campaign_page, campaign_parts, portfolio_parts
from fairlift_report.view import CampaignView
from fairlift_stats.locale import LANGUAGES
from markupsafe import Markup

from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_cli.web.server_reader import ReadCampaign

_MOST_PAGES = 64


def campaign_markup(read: ReadCampaign, language: str) -> Markup:
    """The parts of a campaign's page."""
    # When it was read stands in the file alone; it would make every page a new one.
    return _drawn(replace(_view(read, language), created=""))


def report_file(read: ReadCampaign, language: str) -> str:
    """A campaign's report as one HTML file."""
    return campaign_page(_view(read, language))


def list_markup(
    summaries: Sequence[pb.ReportSummary],
    language: str,
    *,
    address: str,
    campaigns: Sequence[Campaign] = (),
) -> Markup:
    """The list of campaigns; each leads to `address` and its id.

    With `campaigns` it says which of them share visitors.
    """
    view = portfolio_view(summaries, language=language, campaigns=campaigns)
    return portfolio_parts(view, link=lambda campaign: address + quote(campaign))


def prepare_list() -> None:
    """Loads templates and the names of numbers once, before the first reader waits for them."""
    for state in (CAMPAIGN_STATE_RUNNING, CAMPAIGN_STATE_STOPPED):
        row = pb.ReportSummary(
            campaign="campaigns/none", state=state, units=1, planned_units=2, maximum_days=1
        )
        row.verdict.lift = row.verdict.lift_interval.lower = 0.1
        list_markup([row], LANGUAGES[0], address="")


def _view(read: ReadCampaign, language: str) -> CampaignView:
    return campaign_view(read.report, language=language, looks=read.looks, campaign=read.campaign)


@lru_cache(maxsize=_MOST_PAGES)
def _drawn(view: CampaignView) -> Markup:
    return campaign_parts(view)
