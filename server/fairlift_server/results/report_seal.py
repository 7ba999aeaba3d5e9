"""The seal of a list's line: chained to its looks, as they are to the plan."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from fairlift.engine.plan import Plan
from fairlift.engine.plan_hash import plan_hash
from fairlift_stats.messages import Message, Number
from fairlift_stats.sequential.errors import LookEdited
from fairlift_stats.sequential.sealed_looks import SealedContent, check_chain, link

from fairlift_server.results.frozen_look import sealed_from_json, sealed_to_json
from fairlift_server.results.report_line import ReportLine
from fairlift_server.store.database import Transaction
from fairlift_server.store.looks import looks_of

__all__ = ["CheckedLooks", "checked_line", "sealed_line"]

# Lines of the campaigns of large shops; each is a few kB.
_REMEMBERED: Final = 1_024
# The hash of an epoch's newest look, or which of its looks was changed; None before the first.
NewestLook: TypeAlias = str | LookEdited | None


def sealed_line(look_hash: str, line: ReportLine) -> str:
    """What the store keeps of a line: chained to the look that it was written with."""
    content = line.to_json()
    return sealed_to_json(SealedContent(content, link(look_hash, content)))


class CheckedLooks:
    """The newest look of each epoch, its chain checked once, and again after a foreign change.

    Reading and hashing every look of every campaign takes seconds: a list is asked for often, and
    looks are only added.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int], tuple[int, NewestLook]] = {}

    def forget(self, epoch: tuple[str, int]) -> None:
        """Reads the looks of this epoch again when they are asked for."""
        self._newest.pop(epoch, None)

    def newest(
        self, transaction: Transaction, plan_hashes: Mapping[tuple[str, int], str], version: int
    ) -> dict[tuple[str, int], NewestLook]:
        """By campaign and epoch, the hash of its newest look; where one was changed, which it was.

        Args:
            transaction: to read in.
            plan_hashes: to which the first look of each is chained.
            version: as it was before the transaction; it changes with every write to the database
                that is not the server's own.
        """
        newest: dict[tuple[str, int], NewestLook] = dict.fromkeys(plan_hashes)
        for epoch in plan_hashes:
            checked_at, look = self._newest.get(epoch, (None, None))
            if checked_at != version:
                look = _newest(transaction, epoch, plan_hashes[epoch])
                # Kept at once: a call that ran out of time has not checked in vain.
                self._newest[epoch] = version, look
            newest[epoch] = look
        return newest


def _newest(transaction: Transaction, epoch: tuple[str, int], plan_hash: str) -> NewestLook:
    looks = [sealed_from_json(record.content) for record in looks_of(transaction, *epoch)]
    try:
        check_chain(plan_hash, looks)
    except LookEdited as error:
        return error
    return looks[-1].hash if looks else None


def checked_line(
    plan: Plan | None, sealed_hash: str, newest: NewestLook, stored: str | None
) -> ReportLine | Message | None:
    """The line that was written with the newest look; a message where something was changed since.

    Args:
        plan: of the epoch, as it is stored.
        sealed_hash: of the plan at the start.
        newest: the newest look.
        stored: what the store keeps of the line.
    """
    if plan is None or plan_hash(plan) != sealed_hash:
        return Message.of("verdict.edited_plan")
    if isinstance(newest, LookEdited):
        return Message.of("verdict.edited_look", number=Number(newest.number))
    if newest is None and stored is None:
        return None
    line = SealedContent("", "") if stored is None else sealed_from_json(stored)
    if link(newest or "", line.content) != line.hash:
        return Message.of("verdict.edited_line")
    return _read_line(line.content)


@lru_cache(maxsize=_REMEMBERED)
def _read_line(content: str) -> ReportLine:
    """A line from its text; lists read the same ones until the next look."""
    return ReportLine.from_json(content)
