"""Commands that read: results, looks and health."""

import codecs
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.commands.output import new_screen, print_json
from fairlift_cli.options import EPOCH, LANGUAGE, server_options

if TYPE_CHECKING:
    from fairlift_cli.server_connection import Target


@click.command()
@click.argument("name", required=False)
@EPOCH
@click.option("--details", is_flag=True, help="Also show p-values, methods and the plan's hash.")
@click.option(
    "--format", "table_format", type=click.Choice(["csv", "xlsx", "json", "markdown"]),
    help="Write a table with a row for each figure of each metric, variant and segment.",
)  # fmt: skip
@click.option(
    "-o", "--output", "path", type=click.Path(path_type=Path, dir_okay=False),
    help="The file of --format; default: standard output.",
)  # fmt: skip
@LANGUAGE
@server_options
def results(
    name: str | None, epoch: int | None, details: bool, table_format: str | None,
    path: Path | None, language: str, target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """Show a campaign's results and the recommended action.

    Without NAME: every campaign with its verdict, as of its last analysis.
    """
    from fairlift_cli.all_results import all_reports, show_reports
    from fairlift_cli.figures import Figures
    from fairlift_cli.report import show_report
    from fairlift_cli.report_reading import read_report
    from fairlift_cli.server_connection import connected

    if table_format is not None:
        if as_json or details:
            raise click.UsageError("--format cannot be given together with --json or --details")
        _write_table(target, name, epoch or 0, language, table_format, path)
        return
    if path is not None:
        raise click.UsageError("-o needs --format csv, xlsx, json or markdown")
    if name is None:
        with connected(target) as server:
            reports = list(all_reports(server, language=language))
        if as_json:
            print_json(reports)
        else:
            show_reports(new_screen(), reports, Figures(language))
        return
    with connected(target) as server:
        report = read_report(server, name, epoch=epoch or 0, language=language)
    if as_json:
        print_json(report)
    else:
        show_report(new_screen(), report, language=language, details=details)


def _write_table(
    target: "Target", name: str | None, epoch: int, language: str, kind: str, path: Path | None
) -> None:
    """Writes the figures of a campaign, or of all that have started."""
    from fairlift_cli.all_results import all_reports
    from fairlift_cli.report_reading import read_report
    from fairlift_cli.server_connection import connected, full_name
    from fairlift_cli.tables import figure_rows, table_content

    if path is None and kind == "xlsx" and sys.stdout.isatty():
        raise click.UsageError("a terminal cannot show xlsx; name a file: -o results.xlsx")
    with connected(target) as server:
        names = [full_name(name)] if name else [r.campaign for r in all_reports(server)]
        rows = [
            row
            for campaign in names
            for row in figure_rows(read_report(server, campaign, epoch=epoch, language=language))
        ]
    content = table_content(rows, kind)
    if path is None:
        click.echo(content, nl=False)
    else:
        # With a byte order mark: without it, Excel reads accents as Windows-1252.
        path.write_bytes(codecs.BOM_UTF8 + content if kind == "csv" else content)


@click.command()
@click.argument("name")
@LANGUAGE
@server_options
def health(name: str, language: str, target: "Target", as_json: bool) -> None:
    """Show whether a campaign's data can be trusted, and refunds that contradict their order."""
    from fairlift_cli.figures import Figures
    from fairlift_cli.health_command import health_of, show_health
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        found = health_of(server, name, language=language)
    if as_json:
        print_json(found)
    else:
        show_health(new_screen(), found, Figures(language))


@click.command()
@click.argument("name")
@EPOCH
@click.option("--details", is_flag=True, help="Also show z and the lines, of every analysis.")
@LANGUAGE
@server_options
def looks(
    name: str, epoch: int | None, details: bool, language: str,
    target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """List every analysis (look) of a campaign, with its verdict."""
    from fairlift_cli.looks_command import all_looks, campaign_figures, show_looks
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        shown_looks = list(all_looks(server, name, epoch=epoch or 0))
        if as_json:
            print_json(shown_looks)
        else:
            figures = campaign_figures(server, name, language=language)
            show_looks(new_screen(), shown_looks, figures, details=details)
