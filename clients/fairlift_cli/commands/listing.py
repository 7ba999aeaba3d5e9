"""Commands that list campaigns: those of a server, their history, and where a name is used."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.commands.output import new_screen, print_json
from fairlift_cli.failures import FINE, REFUSED
from fairlift_cli.options import LANGUAGE, server_options

if TYPE_CHECKING:
    from fairlift_cli.server_connection import Target


@click.command("campaigns")
@click.option("--all", "archived", is_flag=True, help="Include archived campaigns.")
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="json: the rows of the table for programs; --json prints the campaigns themselves.",
)  # fmt: skip
@LANGUAGE
@server_options
def list_campaigns(
    archived: bool, output: str, language: str, target: "Target", as_json: bool
) -> None:
    """List the campaigns on the server: state, day, progress and verdict."""
    from fairlift_cli.all_results import all_reports
    from fairlift_cli.campaign_commands import all_campaigns
    from fairlift_cli.campaign_table import campaigns_as_json, show_campaigns
    from fairlift_cli.figures import Figures
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        campaigns = list(all_campaigns(server, archived=archived))
        if as_json:
            print_json(campaigns)
            return
        reports = {report.campaign: report for report in all_reports(server, language=language)}
    if output == "json":
        _print_rows(campaigns_as_json(campaigns, reports))
    else:
        show_campaigns(new_screen(), campaigns, reports, Figures(language))


@click.command()
@click.argument("campaign", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True,
    help="How many changes, the newest first.",
)  # fmt: skip
@server_options
def log(campaign: str | None, limit: int, target: "Target", as_json: bool) -> None:
    """Show who changed what, when and why; of CAMPAIGN, or of everything.

    A token of another role than admin shows the histories of all campaigns.
    """
    from fairlift_cli.change_log import newest_changes, show_log
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        changes = newest_changes(server, campaign, limit=limit)
    if as_json:
        print_json(changes)
    else:
        show_log(new_screen(), changes)


@click.command("find-usage")
@click.argument("name")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@server_options
def find_usage(name: str, paths: Sequence[Path], target: "Target", as_json: bool) -> None:
    """Find where campaigns use an attribute, a metric or a coupon.

    In the files at PATHS, or on the server if none is given. The exit code is 1 if NAME is used
    nowhere.
    """
    from fairlift_cli.text import clean
    from fairlift_cli.usages import usages_in_files, usages_on_server

    if paths:
        usages = usages_in_files(name, paths)
    else:
        from fairlift_cli.campaign_commands import all_campaigns
        from fairlift_cli.server_connection import connected

        with connected(target) as server:
            usages = usages_on_server(name, all_campaigns(server, archived=False))
    if as_json:
        _print_rows([usage.as_json() for usage in usages])
    else:
        for usage in usages:
            click.echo(clean(str(usage)))
        if not usages:
            where = "these files" if paths else "the server's campaigns"
            click.echo(clean(f"{name} is not used in {where}"), err=True)
    sys.exit(FINE if usages else REFUSED)


def _print_rows(rows: Sequence[Mapping[str, object]]) -> None:
    import json

    click.echo(json.dumps(rows, indent=2))
