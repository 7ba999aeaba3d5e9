"""The `report` command: reads a campaign, or all of them, and writes HTML files."""

import re
from collections.abc import Iterator
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift_report.view import CampaignView

from fairlift_cli.all_results import all_reports
from fairlift_cli.campaign_commands import all_campaigns
from fairlift_cli.failures import CommandRefused, Misused
from fairlift_cli.looks_command import all_looks
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_cli.report_reading import read_report
from fairlift_cli.server_connection import ServerConnection, full_name

# A server's answer must not choose where a file is written.
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PAGES = "campaigns"


def read_view(
    server: ServerConnection, campaign: str, *, epoch: int = 0, language: str
) -> CampaignView:
    """The view of a campaign's report, of an epoch or (0) of the current one.

    Raises:
        CommandRefused, Unreachable: as `ServerConnection.call`.
    """
    name = full_name(campaign)
    report = read_report(server, campaign, epoch=epoch, language=language)
    stored: Campaign = server.call(server.campaigns.GetCampaign, GetCampaignRequest(name=name))
    # After the report: reading it makes the looks that are due.
    looks = list(all_looks(server, campaign, epoch=report.epoch))
    return campaign_view(report, language=language, looks=looks, campaign=stored)


def write_page(path: Path, page: str) -> None:
    """Writes a page, and the folder that it stands in.

    Raises:
        Misused: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        reason = error.strerror or error
        raise Misused(f"{path}: cannot be written: {reason}; name another with -o") from None


def write_all_pages(server: ServerConnection, folder: Path, *, language: str) -> Iterator[Path]:
    """Writes the list of campaigns and a page for each; yields each path once it is written.

    Raises:
        Misused: a file cannot be written.
        CommandRefused, Unreachable: as `ServerConnection.call`.
    """
    from fairlift_report.page import campaign_page, portfolio_page

    view = portfolio_view(
        all_reports(server, language=language),
        language=language,
        campaigns=all_campaigns(server, archived=False),
    )
    for row in view.rows:
        if not _ID.fullmatch(row.campaign):
            raise CommandRefused(f"{row.campaign!r} is no campaign id; no page is written for it")
    index = folder / "index.html"
    write_page(index, portfolio_page(view, link=lambda campaign: f"{_PAGES}/{campaign}.html"))
    yield index
    for row in view.rows:
        path = folder / _PAGES / f"{row.campaign}.html"
        write_page(path, campaign_page(read_view(server, row.campaign, language=language)))
        yield path
