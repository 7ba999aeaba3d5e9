"""Checks prerequisites: they must exist, and must not form a circle or a long chain."""

from collections.abc import Iterable, Mapping

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import Violation

MAX_CHAIN = 8


def check_prerequisites(campaigns: Iterable[Campaign]) -> dict[str, tuple[Violation, ...]]:
    """Violations by campaign id: prerequisites that can never be met, or lead in a circle.

    Archived campaigns count as absent.
    """
    existing = {c.id: c for c in campaigns if c.lifecycle.state is not State.ARCHIVED}
    checked = {
        campaign.id: prerequisite_violations(campaign, existing)
        for campaign in existing.values()
        if campaign.prerequisites
    }
    return {campaign: violations for campaign, violations in checked.items() if violations}


def prerequisite_violations(
    campaign: Campaign, existing: Mapping[str, Campaign]
) -> tuple[Violation, ...]:
    """Violations of one campaign; `existing` has the campaigns that are not archived, by id."""
    return tuple(_violations(campaign, existing))


def _violations(campaign: Campaign, existing: Mapping[str, Campaign]) -> Iterable[Violation]:
    for index, prerequisite in enumerate(campaign.prerequisites):
        where = f"prerequisites[{index}]"
        other = existing.get(prerequisite.campaign)
        if other is None:
            yield Violation(f"{where}.campaign", f"{prerequisite.campaign!r} does not exist")
            continue
        variants = [variant.id for variant in other.variants]
        for position, variant in enumerate(prerequisite.variants):
            if variant not in variants:
                names = ", ".join(variants)
                message = f"{variant!r} is not a variant of {other.id}; its variants are {names}"
                yield Violation(f"{where}.variants[{position}]", message)
    chain = _longest_chain(campaign, existing)
    if len(chain) > MAX_CHAIN:
        yield Violation("prerequisites", _too_long(chain))


def _too_long(chain: list[str]) -> str:
    for index, name in enumerate(chain):
        if name in chain[:index]:
            circle = " → ".join(chain[chain.index(name) : index + 1])
            return f"lead in a circle, {circle}, which nobody can enter; remove one of them"
    path = " → ".join(chain)
    return f"are a chain of more than {MAX_CHAIN} campaigns, {path}; require the last one directly"


def _longest_chain(campaign: Campaign, existing: Mapping[str, Campaign]) -> list[str]:
    """The longest chain of prerequisites, cut one step after it becomes too long."""
    level = {campaign.id: [campaign.id]}
    chain = [campaign.id]
    while level and len(chain) <= MAX_CHAIN:
        chain = next(iter(level.values()))
        level = {
            prerequisite.campaign: [*path, prerequisite.campaign]
            for name, path in level.items()
            for prerequisite in existing[name].prerequisites
            if prerequisite.campaign in existing
        }
    return chain
