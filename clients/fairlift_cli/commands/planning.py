"""Commands before a campaign: `plan`, what it can detect, and `traffic`, with what visitors."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlift_cli.commands.output import new_screen
from fairlift_cli.options import LANGUAGE, parse_share, parse_weekly, server_options

if TYPE_CHECKING:
    from fairlift_cli.server_connection import Target

_ABOVE_0 = click.FloatRange(min=0, min_open=True)


@click.command()
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
    show_horizons(new_screen(), plan_input, effect=effect, language=language)


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False, exists=False),
    help="File to write, such as campaigns/traffic.yaml; default: standard output.",
)  # fmt: skip
@server_options
def traffic(output: Path | None, target: "Target", as_json: bool) -> None:
    """Write traffic.yaml from what the campaigns of the server have seen.

    With this file, `fairlift check` says which campaigns cannot conclude, before they start.
    """
    from dataclasses import asdict

    from fairlift_cli.server_connection import connected
    from fairlift_cli.traffic_command import as_traffic_file, seen_traffic

    with connected(target) as server:
        seen = seen_traffic(server)
    if as_json:
        import json

        text = json.dumps([asdict(campaign) for campaign in seen], indent=2) + "\n"
    else:
        text = as_traffic_file(seen)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{output} has the traffic of {len(seen)} campaigns.")
