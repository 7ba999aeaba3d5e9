"""What is doubtful among campaigns: layers, prerequisites, coupons, places and names."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

from fairlift.engine.campaign import Campaign, check_layers, coupon_of
from fairlift.engine.prerequisites import prerequisite_violations

from fairlift_cli.checks.judgeable import JudgeableCampaign
from fairlift_cli.checks.judgement import Judgement
from fairlift_cli.checks.prerequisite_checks import prerequisite_judgements
from fairlift_cli.rule_of_violation import rule_of_violation

# The id of the campaign that is judged, and what is said of it.
OfCampaign: TypeAlias = tuple[str, Judgement]
Member = TypeVar("Member")
_LEAST = -1e18
_LAST = 1e18


def among_judgements(
    campaigns: Mapping[str, JudgeableCampaign], *, is_all: bool, now: datetime
) -> Iterator[OfCampaign]:
    """What the engine refuses among these campaigns, and what is doubtful; each by its id.

    `is_all` says that there are no others, whose id or file cannot be read; `now` is for schedules
    that are over.
    """
    for name, violations in check_layers(_for("FL402", campaigns)).items():
        for violation in violations:
            rule = rule_of_violation(violation)
            yield name, Judgement(rule, violation.field, violation.message)
    yield from _prerequisites({each.id: each for each in _for("FL407", campaigns)})
    yield from _units_of_layers(_for("FL403", campaigns))
    named = _for("FL404", campaigns)
    # The one whose layer cannot be read may be the other one in it.
    if is_all and len(named) == len(campaigns):
        yield from _alone_in_layers(named)
    yield from prerequisite_judgements(_for("FL415", campaigns), now=now)
    for rule, judge in _AMONG.items():
        yield from judge(_for(rule, campaigns))


def _for(rule: str, campaigns: Mapping[str, JudgeableCampaign]) -> list[Campaign]:
    """The campaigns of which the rule can be judged."""
    return [each.campaign for each in campaigns.values() if each.can_be_judged(rule)]


def _prerequisites(campaigns: Mapping[str, Campaign]) -> Iterator[OfCampaign]:
    for name, campaign in campaigns.items():
        # What no file defines may be on the server, and what is wrong is listed by itself.
        if all(needed.campaign in campaigns for needed in campaign.prerequisites):
            for violation in prerequisite_violations(campaign, campaigns):
                rule = rule_of_violation(violation)
                yield name, Judgement(rule, violation.field, violation.message)


def _units_of_layers(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    for layer, members in _by_layer(campaigns).items():
        first = members[0]
        for other in members[1:]:
            if other.unit is not first.unit:
                message = (
                    f"{layer} has campaigns of {first.unit}s, such as {first.id}, and this one of "
                    f"{other.unit}s: a person who logs in has another place in it and may see both"
                )
                yield other.id, Judgement("FL403", "layer.layer", message)


def _alone_in_layers(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    in_layer = _by_layer(campaigns)
    for layer, members in in_layer.items():
        if len(members) == 1 and len(campaigns) > 1:
            near = get_close_matches(layer, in_layer.keys() - {layer}, 1)
            hint = f"did you mean {near[0]}?" if near else "remove it, or put another one into it"
            message = f"is {layer}, which no other of these campaigns is in; {hint}"
            yield members[0].id, Judgement("FL404", "layer.layer", message)


def _by_layer(campaigns: Sequence[Campaign]) -> dict[str, list[Campaign]]:
    in_layer: dict[str, list[Campaign]] = defaultdict(list)
    for campaign in campaigns:
        if campaign.layer is not None:
            in_layer[campaign.layer.layer].append(campaign)
    return in_layer


def _unreachable(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    """Campaigns that need two others, or themselves and another, of one layer."""
    by_id = {campaign.id: campaign for campaign in campaigns}
    for campaign in campaigns:
        needed: dict[Hashable, Campaign] = {}
        if campaign.layer is not None:
            needed[campaign.layer.layer, campaign.unit] = campaign
        for index, prerequisite in enumerate(campaign.prerequisites):
            also: dict[Hashable, Campaign] = {
                (other.layer.layer, other.unit): other
                for other in _all_required(prerequisite.campaign, by_id)
                if other.layer is not None
            }
            for key, other in also.items():
                one = needed.get(key)
                if one is not None and one is not other and other.layer is not None:
                    message = (
                        f"needs {other.id}, in another slice of layer {other.layer.layer} than "
                        f"{one.id}: nobody can be in both; take one of them out of the layer"
                    )
                    field = f"prerequisites[{index}].campaign"
                    yield campaign.id, Judgement("FL406", field, message)
                    break
            needed |= also


def _all_required(name: str, by_id: Mapping[str, Campaign]) -> Iterator[Campaign]:
    """The campaign of this name, those that it requires, and so on; each once."""
    names = [name]
    for each in names:
        if campaign := by_id.get(each):
            yield campaign
            further = (needed.campaign for needed in campaign.prerequisites)
            names += (needed for needed in further if needed not in names)


def _coupons(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    uses: dict[str, list[tuple[Campaign, int]]] = defaultdict(list)
    for campaign in campaigns:
        own: set[str] = set()
        for index, variant in enumerate(campaign.variants):
            coupon = coupon_of(variant).strip().casefold()
            if coupon and coupon not in own:
                own.add(coupon)
                uses[coupon].append((campaign, index))
    for members in uses.values():
        for one, (other, index) in _at_the_same_time(members, lambda use: use[0]):
            coupon = coupon_of(other.variants[index])
            message = (
                f"has the coupon {coupon}, as a variant of {one[0].id} has: an order with it "
                "counts for both campaigns; give each its own"
            )
            yield other.id, Judgement("FL218", f"variants[{index}].payload", message)


def _places(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    """Campaigns that render the same entries for the same visitors."""
    placed: dict[Hashable, list[Campaign]] = defaultdict(list)
    for campaign in campaigns:
        keys = frozenset(key for variant in campaign.variants for key in variant.payload)
        if keys and campaign.layer is None and not campaign.prerequisites:
            placed[campaign.unit, campaign.audience, keys].append(campaign)
    for members in placed.values():
        for one, other in _at_the_same_time(members, lambda campaign: campaign):
            message = (
                f"is that of {one.id}, and both set the same entries of a payload: a visitor gets "
                "both at once; put them into one layer, or let one start when the other is over"
            )
            yield other.id, Judgement("FL309", "audience", message)


def _titles(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    first: dict[str, Campaign] = {}
    for campaign in campaigns:
        title = campaign.display_name.strip().casefold()
        if title and first.setdefault(title, campaign) is not campaign:
            message = f"is also that of {first[title].id}; reports show names, so make them differ"
            yield campaign.id, Judgement("FL220", "display_name", message)


def _metrics(campaigns: Sequence[Campaign]) -> Iterator[OfCampaign]:
    first: dict[str, tuple[Campaign, object]] = {}
    for campaign in campaigns:
        for index, metric in enumerate(campaign.plan.metrics if campaign.plan else ()):
            other, defined = first.setdefault(metric.name, (campaign, metric))
            if defined != metric:
                message = (
                    f"{metric.name} is defined in another way in {other.id}: reports would show "
                    "two numbers under one name; define it once in metrics.yaml, or rename it"
                )
                yield campaign.id, Judgement("FL704", f"plan.metrics[{index}].name", message)


def _at_the_same_time(
    members: Sequence[Member], campaign_of: Callable[[Member], Campaign]
) -> Iterator[tuple[Member, Member]]:
    """Each member with one that it meets in time, where there is one; each is named once."""
    by_start = sorted(members, key=lambda member: _begin(campaign_of(member)))
    last: Member | None = None
    for member in by_start:
        if last is not None and _begin(campaign_of(member)) < _end(campaign_of(last)):
            yield last, member
        if last is None or _end(campaign_of(member)) > _end(campaign_of(last)):
            last = member


def _begin(campaign: Campaign) -> float:
    return campaign.start_time.timestamp() if campaign.start_time else _LEAST


def _end(campaign: Campaign) -> float:
    return campaign.end_time.timestamp() if campaign.end_time else _LAST


_AMONG: dict[str, Callable[[Sequence[Campaign]], Iterator[OfCampaign]]] = {
    "FL406": _unreachable,
    "FL218": _coupons,
    "FL309": _places,
    "FL220": _titles,
    "FL704": _metrics,
}
