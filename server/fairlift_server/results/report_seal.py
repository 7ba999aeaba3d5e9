"""The seal of a list's line: chained to its looks, as they are to the plan."""

from collections.abc import Mapping
from itertools import groupby

from fairlift.engine.plan import Plan
from fairlift.engine.plan_hash import plan_hash
from fairlift_stats.messages import Message, Number
from fairlift_stats.sequential.errors import LookEdited
from fairlift_stats.sequential.sealed_looks import SealedContent, check_chain, link

from fairlift_server.results.kept_look import sealed_from_json, sealed_to_json
from fairlift_server.results.report_line import ReportLine
from fairlift_server.store.database import Transaction
from fairlift_server.store.looks import contents_of

__all__ = ["checked_line", "newest_looks", "sealed_line"]

# By campaign and epoch.
_Epochs = Mapping[tuple[str, int], str]


def sealed_line(look_hash: str, line: ReportLine) -> str:
    """What the store keeps of a line: chained to the look that it was written with."""
    content = line.to_json()
    return sealed_to_json(SealedContent(content, link(look_hash, content)))


def newest_looks(
    transaction: Transaction, plan_hashes: _Epochs
) -> dict[tuple[str, int], str | LookEdited]:
    """By campaign and epoch, the hash of its newest look; where one was changed, which it was.

    Args:
        transaction: to read in.
        plan_hashes: to which the first look of each is chained.
    """
    newest: dict[tuple[str, int], str | LookEdited] = {}
    stored = contents_of(transaction, plan_hashes)
    for epoch, rows in groupby(stored, key=lambda row: row[0]):
        looks = [sealed_from_json(content) for _, content in rows]
        try:
            check_chain(plan_hashes[epoch], looks)
        except LookEdited as error:
            newest[epoch] = error
        else:
            newest[epoch] = looks[-1].hash
    return newest


def checked_line(
    plan: Plan | None, sealed_hash: str, newest: str | LookEdited | None, stored: str | None
) -> ReportLine | Message | None:
    """The line that was written with the newest look; a message where something was changed since.

    Args:
        plan: of the epoch, as it is stored.
        sealed_hash: of the plan at the start.
        newest: the hash of its newest look, or which look was changed; None before the first.
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
    return ReportLine.from_json(line.content)
