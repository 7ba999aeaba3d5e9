"""Commands that change the state of campaigns on a server."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fairlift_cli.commands import consent
from fairlift_cli.commands.output import new_screen, print_json
from fairlift_cli.options import parse_time, server_options

if TYPE_CHECKING:
    from datetime import datetime

    from fairlift_cli.server_connection import Target

_NAMES = click.argument("names", nargs=-1, required=True, metavar="NAME...")
_CONSENT = "With --env, this needs consent: on a terminal it asks, elsewhere add --yes."
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


@click.command()
@_NAMES
@click.option(
    "--at", callback=parse_time, metavar="TIME",
    help="When the campaigns started, such as 2026-11-02 or 2026-11-02T08:00+01:00, to replay "
    "history; default: now.",
)  # fmt: skip
@_REASON["start"]
@consent.YES
@server_options
def start(
    names: Sequence[str], at: "datetime | None", reason: str, yes: bool, target: "Target",
    as_json: bool,
) -> None:  # fmt: skip
    """Start campaigns and seal their plans.

    With --env, this needs consent: on a terminal it asks, elsewhere add --yes.
    """
    consent.ask_for_states("start", names, target.environment, yes=yes)
    _change_states("start", names, target, as_json=as_json, reason=reason, start_time=at)


def _state_command(verb: str, doc: str) -> click.Command:
    @click.command(verb, help=f"{doc}\n\n{_CONSENT}")
    @_NAMES
    @_REASON[verb]
    @consent.YES
    @server_options
    def change_state(
        names: Sequence[str], reason: str, yes: bool, target: "Target", as_json: bool
    ) -> None:
        consent.ask_for_states(verb, names, target.environment, yes=yes)
        _change_states(verb, names, target, as_json=as_json, reason=reason)

    return change_state


pause = _state_command("pause", "Pause campaigns; all visitors get the control.")
resume = _state_command("resume", "Resume paused campaigns.")
stop = _state_command("stop", "Stop campaigns for good; their results stay available.")
archive = _state_command("archive", "Archive campaigns; their results are kept.")


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
                print_json(campaign)
            else:
                show_state(new_screen(), campaign)
