"""A campaign's report: as data, and in the terminal for a marketer or an analyst."""

from fairlift_cli.report.campaign_view import campaign_view
from fairlift_cli.report.show import show_report, show_view

__all__ = ["campaign_view", "show_report", "show_view"]
