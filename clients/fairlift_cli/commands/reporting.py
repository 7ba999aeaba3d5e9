"""The command that writes reports as HTML files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.failures import Misused
from fairlift_cli.options import EPOCH, LANGUAGE, server_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairlift_cli.server_connection import Target


@click.command("report")
@click.argument("campaign", required=False)
@click.option("--all", "every", is_flag=True, help="A page for each campaign, and a list of them.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="The file, or with --all the folder, to write; - prints the page. "
    "Default: CAMPAIGN.html.",
)  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Show it in the browser.")
@EPOCH
@LANGUAGE
@server_options
def write_report(
    campaign: str | None, every: bool, output: Path | None, opens: bool, epoch: int | None,
    language: str, target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """Write a campaign's report as one HTML file, to be sent, printed or kept.

    The file needs nothing else: no network, no script.
    """
    if every == (campaign is not None):
        raise Misused(
            "give --all or a campaign, not both" if every else "name a campaign, or give --all"
        )
    if every and (output is None or str(output) == "-"):
        raise Misused("--all needs a folder: name it with -o")
    if every and epoch is not None:
        raise Misused("--epoch is of one campaign: it cannot be given with --all")
    from fairlift_cli.needed_extra import check_extra

    check_extra("fairlift report", "report")
    paths = []
    for path in _written(campaign, output, epoch or 0, language, target):
        paths.append(path)
        if not as_json:
            click.echo(path)
    if as_json:
        _print_paths(paths)
    if opens and paths:
        click.launch(paths[0].resolve().as_uri())


def _written(
    campaign: str | None, output: Path | None, epoch: int, language: str, target: "Target"
) -> "Iterator[Path]":
    """Writes what was asked for; yields the paths of files."""
    from fairlift_report.page import campaign_page

    from fairlift_cli.report_pages import read_view, write_all_pages, write_page
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        if campaign is None:
            assert output is not None, "checked above"
            yield from write_all_pages(server, output, language=language)
            return
        page = campaign_page(read_view(server, campaign, epoch=epoch, language=language))
    path = output or Path(f"{campaign.removeprefix('campaigns/')}.html")
    if str(path) == "-":
        click.echo(page, nl=False)
        return
    write_page(path, page)
    yield path


def _print_paths(paths: list[Path]) -> None:
    import json

    click.echo(json.dumps({"files": [str(path) for path in paths]}, indent=2))
