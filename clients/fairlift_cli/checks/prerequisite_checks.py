"""Prerequisites that let no visitor in: audiences, variants or times that exclude each other."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from fairlift.engine.audience import EVERYBODY, Condition
from fairlift.engine.campaign import Campaign, Prerequisite

from fairlift_cli.audience.search import Search
from fairlift_cli.checks.judgement import Judgement


def prerequisite_judgements(
    campaigns: Sequence[Campaign], *, now: datetime
) -> Iterator[tuple[str, Judgement]]:
    """Campaigns that no visitor can enter because of what they require, by their ids.

    A prerequisite on a campaign that is not among these is not judged.
    """
    by_id = {campaign.id: campaign for campaign in campaigns}
    for campaign in campaigns:
        is_over = campaign.end_time is not None and campaign.end_time <= now
        if campaign.prerequisites and not is_over:
            yield from _of_one(campaign, by_id, now)


def _of_one(
    campaign: Campaign, by_id: Mapping[str, Campaign], now: datetime
) -> Iterator[tuple[str, Judgement]]:
    """The first prerequisite that, with those before it, lets no visitor in."""
    begin = max(now, campaign.start_time or now)
    audiences = {campaign.id: campaign.audience}
    if _is_empty(audiences):
        return  # its audience is told by itself
    variants: dict[str, set[str]] = {}
    for index, prerequisite in enumerate(campaign.prerequisites):
        for needed in _with_all_above(prerequisite, by_id):
            other = by_id[needed.campaign]
            allowed = variants.setdefault(other.id, set(needed.variants))
            allowed &= set(needed.variants)
            audiences[other.id] = other.audience
            reason = ""
            if other.end_time is not None and other.end_time <= begin:
                when = "is over" if other.end_time <= now else "ends before this campaign starts"
                reason = f"{other.id} {when}"
            elif not allowed:
                reason = f"no visitor has two variants of {other.id}"
            elif _is_empty({other.id: other.audience}):
                reason = f"the audience of {other.id} matches no visitor"
            elif _is_empty(audiences):
                reason = f"no visitor is in the audience of {other.id} and in {_others(audiences)}"
            if reason:
                message = f"lets no visitor in: {reason}; correct one of them, or remove it"
                yield campaign.id, Judgement("FL415", f"prerequisites[{index}].campaign", message)
                return


def _others(audiences: Mapping[str, Condition]) -> str:
    own, *required = audiences
    return f"that of {own}" if len(required) < 2 else f"those of {own} and what else it requires"


def _with_all_above(
    prerequisite: Prerequisite, by_id: Mapping[str, Campaign]
) -> Iterator[Prerequisite]:
    """The prerequisite, those of the campaign that it names, and so on; each once."""
    needed = [prerequisite]
    for each in needed:
        if each.campaign in by_id:
            yield each
            needed += (further for further in by_id[each.campaign].prerequisites
                       if further not in needed)  # fmt: skip


def _is_empty(audiences: Mapping[str, Condition]) -> bool:
    """Whether it is proved that no visitor is in all of them."""
    conditions = [audience for audience in audiences.values() if audience != EVERYBODY]
    return bool(conditions) and Search().refutes(*((each, True) for each in conditions))
