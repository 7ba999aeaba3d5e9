"""Looks as lists and charts show them: what each saw, beside the lines that were in force."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.verdict.look_figures import LookFigures, look_figures
from fairlift_stats.verdict.ruling import FINAL

from fairlift_server.results.frozen_look import FrozenLook, log_of
from fairlift_server.results.look_report import attempt


@dataclass(frozen=True, slots=True)
class ListedLook:
    """A look as a list shows it.

    Attributes:
        number: counted from 1.
        record: what was written of it.
        hash: of the look and of the hash of the look before.
        judges_success: whether success could be decided at it.
        figures: of every comparison that had evidence.
        decides: whether the final verdict fell at it.
    """

    number: int
    record: FrozenLook
    hash: str
    judges_success: bool
    figures: tuple[LookFigures, ...]
    decides: bool = False


def listed_looks(
    looks: Sequence[FrozenLook], hashes: Sequence[str], failures: dict[str, str]
) -> tuple[ListedLook, ...]:
    """All looks of one epoch, oldest first; figures that fail are left out, and named."""
    if not looks:
        return ()
    plan = looks[0].plan
    seen = attempt("figures of looks", failures, look_figures, plan, log_of(plan, looks))
    # A final verdict stands at all later looks.
    final = next((n for n, each in enumerate(looks, start=1) if each.verdict in FINAL), None)
    return tuple(
        ListedLook(
            number,
            record,
            hash_,
            record.look.occasion(plan).judges_success,
            figures,
            number == final,
        )
        for number, (record, hash_, figures) in enumerate(
            zip(looks, hashes, seen or ((),) * len(looks), strict=True), start=1
        )
    )
