"""Commands on campaign files: check and apply."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.commands.output import new_screen, print_json
from fairlift_cli.failures import FINE, REFUSED
from fairlift_cli.options import server_options

if TYPE_CHECKING:
    from fairlift_cli.server_connection import Target

_PATHS = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)


@click.command()
@_PATHS
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json", "github"]), default="text",
    show_default=True, help="How mistakes are printed.",
)  # fmt: skip
@click.option(
    "--explain", is_flag=True,
    help="Also describe each audience in words, and show which campaigns share visitors.",
)  # fmt: skip
def check(paths: Sequence[Path], output_format: str, explain: bool) -> None:
    """Check campaign files and print every mistake, and warnings."""
    if explain and output_format != "text":
        raise click.UsageError(f"--explain prints text for people; remove --format {output_format}")
    from fairlift_cli import findings
    from fairlift_cli.check import check_files

    checked = check_files(paths)
    count, listed = len(checked.documents), (checked.findings, checked.warnings)
    match output_format:
        case "json":
            click.echo(findings.as_json(*listed, campaigns=count))
        case "github" if any(listed):
            click.echo(findings.as_github(*listed))
        case "text" if any(listed):
            click.echo(findings.as_text(*listed))
    if explain:
        from fairlift_cli.explain import explanation_of

        if explanation := explanation_of(checked.documents):
            click.echo(explanation)
    if output_format == "text":
        mistakes = len(checked.findings)
        summary = _counted(mistakes, "mistake") if mistakes else "no mistakes"
        if checked.warnings:
            summary += f", {_counted(len(checked.warnings), 'warning')}"
        click.echo(f"{_counted(count, 'campaign')} checked: {summary}", err=bool(mistakes))
    sys.exit(REFUSED if checked.findings else FINE)


@click.command()
@_PATHS
@click.option("--new-epoch", is_flag=True, help="Allow changes that start a new epoch.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@server_options
def apply(
    paths: Sequence[Path], new_epoch: bool, dry_run: bool, target: "Target", as_json: bool
) -> None:
    """Create or update campaigns from files; shows the changes first."""
    from fairlift_cli.apply import (
        apply_steps,
        campaigns_of,
        planned_steps,
        refusal_of,
        show_steps,
    )
    from fairlift_cli.failures import CommandRefused
    from fairlift_cli.server_connection import connected

    campaigns = campaigns_of(paths)
    with connected(target) as server:
        steps = planned_steps(server, campaigns)
        if as_json:
            print_json([step.change for step in steps])
        else:
            show_steps(new_screen(), steps)
        if problem := refusal_of(steps, new_epoch=new_epoch):
            raise CommandRefused(problem)
        if not dry_run:
            apply_steps(server, steps, new_epoch=new_epoch)
    if dry_run and not as_json:
        new_screen().line("Nothing was applied: this was a dry run.")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
