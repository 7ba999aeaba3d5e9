"""Looks as lists and charts show them: what each saw, beside the lines that were in force."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.verdict.look_figures import LookFigures, look_figures

from fairlift_server.results.kept_look import KeptLook, log_of
from fairlift_server.results.look_report import attempt


@dataclass(frozen=True, slots=True)
class ListedLook:
    """A look as a list shows it.

    Attributes:
        number: counted from 1.
        kept_look: what was kept of it.
        hash: of the look and of the hash of the look before.
        judges_success: whether success could be decided at it.
        figures: of every comparison that had evidence.
    """

    number: int
    kept_look: KeptLook
    hash: str
    judges_success: bool
    figures: tuple[LookFigures, ...]


def listed_looks(
    looks: Sequence[KeptLook], hashes: Sequence[str], failures: dict[str, str]
) -> tuple[ListedLook, ...]:
    """All looks of one epoch, oldest first; figures that fail are left out, and named."""
    if not looks:
        return ()
    plan = looks[0].plan
    seen = attempt("figures of looks", failures, look_figures, plan, log_of(plan, looks))
    return tuple(
        ListedLook(number, kept_look, hash_, kept_look.look.occasion(plan).judges_success, figures)
        for number, (kept_look, hash_, figures) in enumerate(
            zip(looks, hashes, seen or ((),) * len(looks), strict=True), start=1
        )
    )
