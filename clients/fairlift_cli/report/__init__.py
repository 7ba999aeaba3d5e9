"""Prints a campaign's report: for a marketer, and on request for an analyst."""

from fairlift_cli.report.view import show_report

__all__ = ["show_report"]
