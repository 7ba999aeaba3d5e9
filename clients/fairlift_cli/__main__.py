"""The command tree; each command imports what it needs only when it runs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fairlift_cli.failures import FINE, NOT_REACHED, REFUSED, Failure
from fairlift_cli.options import LANGUAGE, parse_share, parse_time, parse_weekly, server_options

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.message import Message

    from fairlift_cli.screen import Screen
    from fairlift_cli.server_connection import Target

_PATHS = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)

_ABOVE_0 = click.FloatRange(min=0, min_open=True)


class RootCommand(click.Group):
    """The root command; prints a failure as one line on standard error and sets its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the chosen command."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            click.echo(_safe_lines(str(failure)), err=True)
            ctx.exit(failure.exit_code)
        except BrokenPipeError:
            raise  # the reader closed the pipe; click ends without a message
        except OSError as error:
            where = f"{error.filename}: " if error.filename else "cannot continue: "
            click.echo(_safe_lines(f"{where}{error.strerror or error}"), err=True)
            ctx.exit(NOT_REACHED)


@click.group(
    cls=RootCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success; 1 mistakes were found, or the server refused; "
    "2 wrong usage, or no server answers.",
)
@click.version_option(package_name="fairlift", prog_name="fairlift", message="%(prog)s %(version)s")
def main() -> None:
    """Run campaigns as experiments: check files, start campaigns, read results."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot show must not end the command.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")


@main.command()
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


@main.command()
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
            _print_json([step.change for step in steps])
        else:
            show_steps(_screen(), steps)
        if problem := refusal_of(steps, new_epoch=new_epoch):
            raise CommandRefused(problem)
        if not dry_run:
            apply_steps(server, steps, new_epoch=new_epoch)
    if dry_run and not as_json:
        _screen().line("Nothing was applied: this was a dry run.")


_NAMES = click.argument("names", nargs=-1, required=True, metavar="NAME...")
# By command, with a note as somebody may write it.
_REASON = {
    verb: click.option("--reason", default="", help=f'A note for the history, such as "{note}".')
    for verb, note in (
        ("start", "approved by Ana"),
        ("pause", "checkout under repair"),
        ("resume", "checkout repaired"),
        ("stop", "shipped B"),
        ("archive", "season is over"),
    )
}


@main.command()
@_NAMES
@click.option(
    "--at", callback=parse_time, metavar="TIME",
    help="When the campaigns started, such as 2026-11-02 or 2026-11-02T08:00+01:00, to replay "
    "history; default: now.",
)  # fmt: skip
@_REASON["start"]
@server_options
def start(
    names: Sequence[str], at: "datetime | None", reason: str, target: "Target", as_json: bool
) -> None:
    """Start campaigns and seal their plans."""
    _change_states("start", names, target, as_json=as_json, reason=reason, start_time=at)


def _add_state_command(verb: str, doc: str) -> None:
    @main.command(verb, help=doc)
    @_NAMES
    @_REASON[verb]
    @server_options
    def change_state(names: Sequence[str], reason: str, target: "Target", as_json: bool) -> None:
        _change_states(verb, names, target, as_json=as_json, reason=reason)


_add_state_command("pause", "Pause campaigns; all visitors get the control.")
_add_state_command("resume", "Resume paused campaigns.")
_add_state_command("stop", "Stop campaigns for good; their results stay available.")
_add_state_command("archive", "Archive campaigns; their results are kept.")


@main.command("campaigns")
@click.option("--all", "archived", is_flag=True, help="Include archived campaigns.")
@server_options
def list_campaigns(archived: bool, target: "Target", as_json: bool) -> None:
    """List the campaigns on the server."""
    from fairlift_cli.campaign_commands import all_campaigns, show_campaigns
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        campaigns = list(all_campaigns(server, archived=archived))
    if as_json:
        _print_json(campaigns)
    else:
        show_campaigns(_screen(), campaigns)


@main.command()
@click.argument("name", required=False)
@click.option(
    "--epoch", type=click.IntRange(min=1), help="The epoch to show; default: the current one."
)
@click.option("--details", is_flag=True, help="Also show p-values, methods and the plan's hash.")
@LANGUAGE
@server_options
def results(
    name: str | None, epoch: int | None, details: bool, language: str,
    target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """Show a campaign's results and the recommended action.

    Without NAME: every campaign with its verdict, as of its last analysis.
    """
    from fairlift.v1.results_service_pb2 import GetResultsRequest

    from fairlift_cli.all_results import all_reports, show_reports
    from fairlift_cli.figures import Figures
    from fairlift_cli.report import show_report
    from fairlift_cli.server_connection import RESULTS_TIMEOUT_S, connected, full_name

    if name is None:
        with connected(target) as server:
            reports = list(all_reports(server, language=language))
        if as_json:
            _print_json(reports)
        else:
            show_reports(_screen(), reports, Figures(language))
        return
    request = GetResultsRequest(name=full_name(name), epoch=epoch or 0, language=language)
    with connected(target) as server:
        report = server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)
    if as_json:
        _print_json(report)
    else:
        show_report(_screen(), report, language=language, details=details)


@main.command()
@click.argument("name")
@click.option(
    "--epoch", type=click.IntRange(min=1), help="The epoch to show; default: the current one."
)
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
            _print_json(shown_looks)
        else:
            figures = campaign_figures(server, name, language=language)
            show_looks(_screen(), shown_looks, figures, details=details)


@main.command()
@click.option(
    "--visitors", callback=parse_weekly, metavar="N[,N...]",
    help="New visitors per week who would see the campaign; or a list with one figure "
    "per week, because returning visitors count only once.",
)  # fmt: skip
@click.option(
    "--customers", callback=parse_weekly, metavar="N[,N...]",
    help="The same, for a campaign whose unit is the customer.",
)  # fmt: skip
@click.option(
    "--conversion", required=True, callback=parse_share, help="Today's conversion rate, such as 3%."
)
@click.option(
    "--ticket",
    type=_ABOVE_0,
    help="Average ticket; revenue per visitor is then the primary metric.",
)
@click.option(
    "--ticket-sd",
    type=click.FloatRange(min=0),
    help="Standard deviation of the ticket; default: the average ticket.",
)
@click.option(
    "--effect", callback=parse_share, help="Smallest relative lift worth detecting, such as 10%."
)
@click.option(
    "--variants",
    type=click.IntRange(2, 20),
    default=2,
    show_default=True,
    help="Number of variants, with the control.",
)
@click.option(
    "--weeks",
    type=click.IntRange(1, 26),
    default=8,
    show_default=True,
    help="Longest duration to show, in weeks.",
)
@click.option(
    "--power",
    callback=parse_share,
    default="80%",
    show_default=True,
    help="Chance to detect a true lift.",
)
@click.option(
    "--alpha",
    callback=parse_share,
    default="5%",
    show_default=True,
    help="Chance of a false alarm.",
)
@LANGUAGE
def plan(
    visitors: tuple[float, ...] | None, customers: tuple[float, ...] | None, conversion: float,
    ticket: float | None, ticket_sd: float | None, effect: float | None, variants: int,
    weeks: int, power: float, alpha: float, language: str,
) -> None:  # fmt: skip
    """Show what lift a campaign can detect, by week."""
    from fairlift_cli.plan_command import PlanningInput, show_horizons

    new_units = visitors or customers
    if new_units is None or (visitors and customers):
        raise click.UsageError("give either --visitors or --customers: how many new ones per week")
    # The last figure given holds for the weeks after it.
    if new_units[0] < variants:
        raise click.UsageError(
            f"the first week has {new_units[0]:.0f} for {variants} variants; each variant needs one"
        )
    weekly_units = (*new_units, *[new_units[-1]] * weeks)[:weeks]
    plan_input = PlanningInput(
        weekly_units, conversion, ticket, ticket_sd, variants, power, alpha,
        unit="visitor" if visitors else "customer",
    )  # fmt: skip
    show_horizons(_screen(), plan_input, effect=effect, language=language)


def _change_states(
    verb: str,
    names: Sequence[str],
    target: "Target",
    *,
    as_json: bool,
    reason: str,
    start_time: "datetime | None" = None,
) -> None:
    from fairlift_cli.campaign_commands import change_state, show_state
    from fairlift_cli.server_connection import connected

    with connected(target) as server:
        for name in names:
            campaign = change_state(server, verb, name, reason=reason, start_time=start_time)
            if as_json:
                _print_json(campaign)
            else:
                show_state(_screen(), campaign)


def _screen() -> "Screen":
    from fairlift_cli.screen import Screen

    return Screen()


def _print_json(messages: "Message | Sequence[Message]") -> None:
    import json

    from google.protobuf.json_format import MessageToDict

    def as_dict(message: "Message") -> dict[str, Any]:
        # Zeros too: a program should not have to know what an absent field means.
        return MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )

    content = (
        [as_dict(message) for message in messages]
        if isinstance(messages, Sequence)
        else as_dict(messages)
    )
    click.echo(json.dumps(content, indent=2))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _safe_lines(text: str) -> str:
    from fairlift_cli.text import clean

    return "\n".join(clean(line) for line in text.splitlines())


if __name__ == "__main__":
    main()
