"""Consent to a change: asked on a terminal, or given by --yes."""

import sys
from collections.abc import Sequence

import click

from fairlift_cli.failures import CommandRefused

YES = click.option("--yes", is_flag=True, help="Do not ask before changing.")


def is_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, *, refusal: str) -> None:
    """Asks on the terminal.

    Raises:
        CommandRefused: the answer is no; it says the refusal.
    """
    if not click.confirm(question, err=True):
        raise CommandRefused(refusal)


def ask_for_states(verb: str, names: Sequence[str], environment: str, *, yes: bool) -> None:
    """Asks before the state of campaigns changes in a chosen environment.

    Args:
        verb: such as "stop".
        names: of the campaigns.
        environment: that `--env` chose; without one nothing is asked.
        yes: whether consent is given already.

    Raises:
        CommandRefused: consent is needed, and was not given.
    """
    if yes or not environment:
        return
    campaigns = ", ".join(names)
    if not is_terminal():
        raise CommandRefused(
            f"Nothing was changed: {verb} {campaigns} in {environment} needs consent; add --yes"
        )
    ask(f"{verb.capitalize()} {campaigns} in {environment}?", refusal="Nothing was changed.")
