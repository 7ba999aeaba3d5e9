"""The commands `diff` and `apply`: what campaign files change on the server."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from fairlift_cli.commands import consent
from fairlift_cli.commands.output import new_screen, print_json
from fairlift_cli.options import server_options

if TYPE_CHECKING:
    from fairlift_cli.apply import Step
    from fairlift_cli.pruning import Unnamed
    from fairlift_cli.reader import Document
    from fairlift_cli.server_connection import ServerConnection, Target

Command = TypeVar("Command", bound=Callable[..., Any])

_PATHS = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)


def _planning_options(command: Command) -> Command:
    """The options of a command that plans changes."""
    decorated: Any = command
    for option in (
        click.option(
            "--prune", is_flag=True,
            help="Also archive drafts and stopped campaigns that no file names.",
        ),
        click.option(
            "--visitors", type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="CSV file of visitors, to count on them what a change does; default: 100,000 "
            "simulated ones.",
        ),
        click.option("--new-epoch", is_flag=True, help="Allow changes that start a new epoch."),
    ):  # fmt: skip
        decorated = option(decorated)
    return cast("Command", decorated)


@click.command()
@_PATHS
@_planning_options
@server_options
def diff(
    paths: Sequence[Path], new_epoch: bool, visitors: Path | None, prune: bool,
    target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """Show what `apply` would change, and its effect on visitors.

    The exit code is 1 if `apply` would refuse.
    """
    from fairlift_cli.apply import documents_of
    from fairlift_cli.refusals import at_their_places
    from fairlift_cli.server_connection import connected

    documents = documents_of(paths)
    if prune:
        from fairlift_cli.pruning import check_folders_are_whole

        check_folders_are_whole(paths)
    with connected(target) as server, at_their_places(documents):
        steps, _ = _show_plan(server, documents, visitors=visitors, prune=prune, as_json=as_json)
        _refuse(steps, documents, new_epoch=new_epoch)


@click.command()
@_PATHS
@_planning_options
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@consent.YES
@click.option("--reason", default="", help='A note for the history, such as "SHOP-481".')
@server_options
def apply(
    paths: Sequence[Path], new_epoch: bool, visitors: Path | None, prune: bool, dry_run: bool,
    yes: bool, reason: str, target: "Target", as_json: bool,
) -> None:  # fmt: skip
    """Create or update campaigns from files; shows the changes first.

    On a terminal it asks before it changes anything; --yes answers. With --env, a change of a
    campaign that runs or is paused needs this consent everywhere: without it the exit code is 1.
    """
    from fairlift_cli.apply import apply_steps, documents_of
    from fairlift_cli.pruning import archive_unnamed, check_unnamed_are_the_same
    from fairlift_cli.refusals import at_their_places
    from fairlift_cli.server_connection import connected

    documents = documents_of(paths)
    if prune:
        from fairlift_cli.pruning import check_folders_are_whole

        check_folders_are_whole(paths)
    with connected(target) as server, at_their_places(documents):
        steps, unnamed = _show_plan(
            server, documents, visitors=visitors, prune=prune, as_json=as_json
        )
        _refuse(steps, documents, new_epoch=new_epoch)
        if not dry_run:
            archived = [each for each in unnamed if not each.kept]
            _ask(steps, len(archived), target.environment, yes=yes)
            if archived:
                named = [document.message for document in documents]
                check_unnamed_are_the_same(server, unnamed, named)
            apply_steps(server, steps, new_epoch=new_epoch, reason=reason)
            if archived:
                archive_unnamed(server, archived, reason=reason)
    if dry_run and not as_json:
        new_screen().line("Nothing was applied: this was a dry run.")


def _show_plan(
    server: "ServerConnection", documents: "Sequence[Document]", *, visitors: Path | None,
    prune: bool, as_json: bool,
) -> "tuple[list[Step], list[Unnamed]]":  # fmt: skip
    """Plans the changes, and prints them."""
    from fairlift_cli.apply import planned_steps, with_effects
    from fairlift_cli.change_table import show_changes, show_unnamed

    campaigns = [document.message for document in documents]
    steps = planned_steps(server, campaigns)
    effects = with_effects(server, steps, now=datetime.now(UTC), visitors=visitors)
    unnamed: list[Unnamed] = []
    if prune:
        from fairlift_cli.pruning import unnamed_campaigns

        unnamed = unnamed_campaigns(server, campaigns)
    changes = [step.change for step in steps]
    if as_json:
        print_json(changes)
        return steps, unnamed
    screen = new_screen()
    show_changes(screen, changes, effects)
    if prune:
        show_unnamed(screen, unnamed)
    return steps, unnamed


def _refuse(steps: "Sequence[Step]", documents: "Sequence[Document]", *, new_epoch: bool) -> None:
    """Ends the command if the steps cannot be applied.

    Raises:
        CommandRefused: they cannot; the message names the lines.
    """
    from fairlift_cli.apply import refusal_of
    from fairlift_cli.failures import CommandRefused
    from fairlift_cli.refusals import refused_changes

    if problem := refusal_of(steps, new_epoch=new_epoch):
        places = refused_changes([step.change for step in steps], documents)
        raise CommandRefused("\n".join((*map(str, places), problem)))


def _ask(steps: "Sequence[Step]", archived: int, environment: str, *, yes: bool) -> None:
    """Asks for consent where it can be given.

    Pruning always needs it, and so do changes of what runs in a chosen environment.

    Raises:
        CommandRefused: consent is needed, and was not given.
    """
    from fairlift.wire.campaign import campaign_id

    from fairlift_cli.failures import CommandRefused

    changed = [step.change for step in steps if step.is_change]
    running = [campaign_id(step.change.campaign) for step in steps if step.is_change_of_running]
    if yes or not (changed or archived):
        return
    if not consent.is_terminal():
        needing = [f"--prune would archive {_counted(archived, 'campaign')}"] if archived else []
        if environment and running:
            needing.append(f"{', '.join(running)} would change while running in {environment}")
        if needing:
            raise CommandRefused(f"Nothing was applied: {' and '.join(needing)}; add --yes")
        return
    parts = [f"apply {_counted(len(changed), 'change')}"] if changed else []
    if environment and changed:
        parts[0] += f" to {environment}"
        parts[0] += f", where {', '.join(running)} would change while running" if running else ""
    if archived:
        parts.append(f"archive {_counted(archived, 'campaign')}")
    question = " and ".join(parts)
    consent.ask(f"{question[0].upper()}{question[1:]}?", refusal="Nothing was applied.")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"
