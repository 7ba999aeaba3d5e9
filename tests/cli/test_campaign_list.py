"""The list of campaigns: its columns on narrow screens, and its days."""

import io

import pytest
from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_RUNNING,
    CAMPAIGN_STATE_STOPPED,
    Campaign,
    CampaignState,
    Variant,
)
from fairlift.v1.results_service_pb2 import ReportSummary
from fairlift_cli.all_results import show_reports
from fairlift_cli.campaign_table import show_campaigns
from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen
from rich.console import Console


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_list_of_campaigns_breaks_no_name(width: int) -> None:
    campaign = Campaign(name="campaigns/free-shipping-over-50", state=CAMPAIGN_STATE_RUNNING)
    campaign.variants.extend(Variant(id=f"a-longer-name-{number}") for number in range(6))
    campaign.plan.primary.add(metric="conversion_rate")
    console = Console(width=width, record=True, file=io.StringIO())

    show_campaigns(Screen(console=console), [campaign], {}, Figures("en"))

    rows = [row.rstrip() for row in console.export_text().splitlines()]
    assert rows[1].startswith("free-shipping-over-50  running")
    assert max(map(len, rows)) <= width
    assert (rows[-1].strip() == "a-longer-name-5") == (width == 80)


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Europe/Madrid", "2026-11-02"), ("America/New_York", "2026-11-01"), ("", "2026-11-01")],
)
def test_a_list_of_campaigns_says_since_when_by_the_shops_day(zone: str, day: str) -> None:
    campaign = Campaign(name="campaigns/a", state=CAMPAIGN_STATE_RUNNING, time_zone=zone)
    campaign.start_time.FromJsonString("2026-11-01T23:30:00Z")
    console = Console(width=80, record=True, file=io.StringIO())

    show_campaigns(Screen(console=console), [campaign], {}, Figures("en"))

    assert day in console.export_text()


@pytest.mark.parametrize(
    ("day", "last_day", "state", "status", "days"),
    [
        (6, 0, CAMPAIGN_STATE_RUNNING, "running", "6/14"),
        (15, 17, CAMPAIGN_STATE_RUNNING, "entry over, measuring until day 17", "14/14"),
        (17, 17, CAMPAIGN_STATE_RUNNING, "ended", "14/14"),
        (15, 17, CAMPAIGN_STATE_STOPPED, "stopped", "14/14"),
    ],
)
def test_a_list_of_results_says_when_entry_is_over(
    day: int, last_day: int, state: CampaignState.ValueType, status: str, days: str
) -> None:
    report = ReportSummary(
        campaign="campaigns/spring", day=day, maximum_days=14, last_day=last_day, state=state
    )
    console = Console(file=io.StringIO(), width=120)

    show_reports(Screen(console=console), [report], Figures("en"))

    assert isinstance(console.file, io.StringIO)
    row = console.file.getvalue().splitlines()[-1]
    assert status in row
    assert days in row
