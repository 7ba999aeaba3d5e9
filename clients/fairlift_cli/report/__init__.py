"""A campaign's report on a terminal, for a marketer first and an analyst on request."""

from fairlift_cli.report.view import show_report

__all__ = ["show_report"]
