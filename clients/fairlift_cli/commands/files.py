"""Commands on campaign files alone: check, and explain its rules."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.failures import FINE, REFUSED

if TYPE_CHECKING:
    from fairlift_cli.check import CheckResult

_PATHS = click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=False, allow_dash=True),
)


@click.command()
@_PATHS
@click.option(
    "--format", "output_format",
    type=click.Choice(["text", "json", "github", "gitlab", "sarif", "junit"]), default="text",
    show_default=True, help="How findings are printed.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="End with exit code 1 for warnings, too.")
@click.option(
    "--explain", is_flag=True,
    help="Also describe each audience in words, and show which campaigns share visitors.",
)  # fmt: skip
def check(paths: Sequence[Path], output_format: str, strict: bool, explain: bool) -> None:
    """Check campaign files; print every error and warning, with its rule.

    PATHS are files, folders, or - for standard input. `fairlift explain FL203` tells more of a
    rule.
    """
    if explain and output_format != "text":
        raise click.UsageError(f"--explain prints text for people; remove --format {output_format}")
    from fairlift_cli.check import check_files

    checked = check_files(paths)
    if printed := _printed(checked, output_format):
        click.echo(printed)
    if explain:
        from fairlift_cli.explain import explanation_of

        if explanation := explanation_of(checked.documents):
            click.echo(explanation)
    if output_format == "text":
        mistakes = len(checked.findings)
        summary = _counted(mistakes, "mistake") if mistakes else "no mistakes"
        if checked.warnings:
            summary += f", {_counted(len(checked.warnings), 'warning')}"
        counted = _counted(len(checked.documents), "campaign")
        click.echo(f"{counted} checked: {summary}", err=bool(mistakes))
    is_refused = checked.findings or (strict and checked.warnings)
    sys.exit(REFUSED if is_refused else FINE)


def _printed(checked: "CheckResult", output_format: str) -> str:
    """The findings in a format; each imports what it needs."""
    match output_format:
        case "json":
            from fairlift_cli.formats.as_json import as_json

            return as_json(checked.found, campaigns=len(checked.documents))
        case "github":
            from fairlift_cli.formats.as_github import as_github

            return as_github(checked.found)
        case "gitlab":
            from fairlift_cli.formats.as_gitlab import as_gitlab

            return as_gitlab(checked.found)
        case "sarif":
            from importlib.metadata import version

            from fairlift_cli.formats.as_sarif import as_sarif

            return as_sarif(checked.found, version=version("fairlift"))
        case "junit":
            from fairlift_cli.formats.as_junit import as_junit

            return as_junit(checked.found, paths=checked.paths)
    from fairlift_cli.formats.as_text import as_text

    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return as_text(checked.found, coloured=is_coloured)


@click.command()
@click.argument("rule", required=False)
def explain(rule: str | None) -> None:
    """Explain a rule of `check`, such as FL203; without RULE, list all."""
    from fairlift_cli.findings import did_you_mean
    from fairlift_cli.rules import rules

    if rule is None:
        for each in rules().values():
            click.echo(f"{each.id}  {each.level:<7}  {each.title}")
        return
    found = rules().get(rule.upper())
    if found is None:
        raise click.UsageError(
            f"{rule} is not a rule{did_you_mean(rule.upper(), rules())}; "
            "`fairlift explain` lists all"
        )
    level = f"always an {found.level}" if found.is_fixed else str(found.level)
    click.echo(f"{found.id}: {found.title} ({level})\n\n{found.page}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
