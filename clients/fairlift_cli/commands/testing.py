"""The command `test`: assignments that campaign files promise."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from fairlift_cli.failures import FINE, REFUSED


@click.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json", "junit"]), default="text",
    show_default=True, help="How results are printed.",
)  # fmt: skip
@click.option("--name", "part", default="", help="Run only tests whose name contains this.")
def run_tests(paths: Sequence[Path], output_format: str, part: str) -> None:
    """Run the tests of assignments in *.test.yaml, with the engine that serves visitors."""
    from fairlift_cli.assignment_tests import reporting
    from fairlift_cli.assignment_tests.files import found_tests
    from fairlift_cli.assignment_tests.running import CaseRunner
    from fairlift_cli.text import clean

    found = found_tests(paths)
    cases = [case for case in found.cases if part in case.name]
    if not cases and not found.mistakes:
        raise click.UsageError(f"no test has {part!r} in its name")
    results = list(CaseRunner(found.campaigns).results(cases))
    failed = sum(bool(result.failures) for result in results)
    match output_format:
        case "json":
            click.echo(reporting.results_as_json(results))
        case "junit":
            click.echo(reporting.results_as_junit(results, found.mistakes))
        case _ if text := reporting.results_as_text(results):
            click.echo(text)
    for mistake in found.mistakes:
        click.echo(clean(str(mistake)), err=True)
    if output_format == "text":
        is_fine = not failed and not found.mistakes
        summary = (
            f"{len(results)} tests: {failed} failed" if failed else f"{len(results)} tests: ok"
        )
        if found.mistakes:
            summary += f", {len(found.mistakes)} mistakes in test files"
        click.echo(summary, err=not is_fine)
    sys.exit(REFUSED if failed or found.mistakes else FINE)
