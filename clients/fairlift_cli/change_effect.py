"""What a change of a started campaign does to visitors: counted, by the engine, over a sample."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fairlift.engine.assignment import Assignment
from fairlift.engine.audience import AllOf, Condition
from fairlift.engine.campaign import Campaign
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.matching import Attributes

from fairlift_cli.audience.checks import example
from fairlift_cli.audience.example_values import Undecidable
from fairlift_cli.simulation import simulated_snapshot
from fairlift_cli.visitor_file import file_visitors, typed_attributes


@dataclass(frozen=True, slots=True)
class ChangeEffect:
    """Counts over a sample of visitors.

    Attributes:
        sampled: visitors in the sample.
        were_in: those who are in the campaign as it is now; the next two are some of them.
        moved: those who would see another variant.
        left: those who would leave the campaign.
        joined: those outside it who would enter.
        source: the file of the visitors; None when they were simulated.
        is_of_both: whether simulated visitors are all in the audience before and after, so that
            nothing is known of those in one of them only.
        unit: visitor or customer.
    """

    sampled: int
    were_in: int
    moved: int
    left: int
    joined: int
    source: Path | None = None
    is_of_both: bool = False
    unit: str = "visitor"

    def share_of_members(self, count: int) -> float:
        """The count as a share of those in the campaign now."""
        return count / self.were_in if self.were_in else 0.0


def effect_of_change(
    before: Campaign,
    after: Campaign,
    *,
    others: Mapping[str, Campaign],
    is_new_epoch: bool,
    now: datetime,
    sample: Path | int,
) -> ChangeEffect:
    """The effect of the change on the visitors of a file, or on simulated ones.

    The salts of a server are secret, so it is not known who moves, but how many do; a new epoch
    draws new salts.

    Args:
        before: the campaign as the server has it.
        after: as the file has it.
        others: all campaigns of the server by id, which it may require.
        is_new_epoch: whether the change starts a new epoch.
        now: for schedules.
        sample: a CSV file of visitors, or how many to simulate.

    Raises:
        Misused: the file cannot be used.
    """
    salts = {after.id: f"{after.id}:next"} if is_new_epoch else {}
    snapshots = (
        simulated_snapshot({**others, before.id: before}.values()),
        simulated_snapshot({**others, after.id: after}.values(), salt_of=salts),
    )
    file = sample if isinstance(sample, Path) else None
    is_of_both = file is None and before.audience != after.audience
    sampled = were_in = moved = left = joined = 0
    for visitor, customer, attributes in (
        _simulated(sample, before, after, others)
        if isinstance(sample, int)
        else _from_file(sample, after)
    ):
        sampled += 1
        old, new = (
            _decided(snapshot, after.id, visitor, customer, attributes, now)
            for snapshot in snapshots
        )
        if old.is_in_campaign:
            were_in += 1
            left += not new.is_in_campaign
            moved += new.is_in_campaign and new.variant != old.variant
        else:
            joined += new.is_in_campaign
    return ChangeEffect(sampled, were_in, moved, left, joined, file, is_of_both, before.unit)


def _decided(
    snapshot: CompiledSnapshot,
    campaign: str,
    visitor: str,
    customer: str,
    attributes: Attributes,
    now: datetime,
) -> Assignment:
    return snapshot.decide(
        campaign,
        visitor=visitor,
        customer=customer,
        attributes=attributes,
        now=now.timestamp(),
    )


def _from_file(path: Path, campaign: Campaign) -> Iterator[tuple[str, str, Attributes]]:
    for row in file_visitors(path):
        yield row.visitor, row.customer, typed_attributes(row.attributes, campaign.attributes)


def _simulated(
    count: int, before: Campaign, after: Campaign, others: Mapping[str, Campaign]
) -> Iterator[tuple[str, str, Attributes]]:
    """Visitors of one kind, who are in the audiences that can be met together."""
    attributes = _attributes(before, after, others)
    for number in range(count):
        yield f"visitor-{number}", f"customer-{number}", attributes


def _attributes(
    before: Campaign, after: Campaign, others: Mapping[str, Campaign]
) -> dict[str, object]:
    both = [*_required(before, others), *_required(after, others)]
    # If nobody can be in both, then those who are in now: all of them leave.
    for audiences in (
        [before.audience, after.audience, *both],
        [before.audience, *_required(before, others)],
    ):
        if (found := _example(audiences)) is not None:
            return found
    return {}


def _required(campaign: Campaign, others: Mapping[str, Campaign]) -> list[Condition]:
    """The audiences of all campaigns that it builds on, directly or not."""
    waiting, seen = [campaign], {campaign.id}
    audiences: list[Condition] = []
    while waiting:
        for needed in waiting.pop().prerequisites:
            other = others.get(needed.campaign)
            if other is not None and other.id not in seen:
                seen.add(other.id)
                audiences.append(other.audience)
                waiting.append(other)
    return audiences


def _example(audiences: Iterable[Condition]) -> dict[str, object] | None:
    try:
        found = example(AllOf(tuple(audiences)))
    except Undecidable:
        return None
    return None if found is None else {k: v for k, v in found.items() if v is not None}
