"""Variants that nobody gets, that are alike, or that a storefront cannot show alike."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from fairlift.engine.campaign import COUPON_KEYS, Campaign, Variant, coupon_of
from fairlift.engine.plan import ROLES, Plan

from fairlift_cli.checks.judgement import Judgement

# From this share of the visitors down, a comparison takes many times as long as with equal ones.
_LEAST_SHARE = 0.01


def variant_judgements(campaign: Campaign) -> Iterator[Judgement]:
    """What is doubtful in the variants of one campaign."""
    yield from _weights(campaign)
    yield from _payloads(campaign)
    yield from _coupons(campaign)


def _weights(campaign: Campaign) -> Iterator[Judgement]:
    total = sum(variant.weight for variant in campaign.variants)
    for index, variant in enumerate(campaign.variants):
        if variant.weight <= _LEAST_SHARE * total:
            yield Judgement(
                "FL203",
                f"variants[{index}].weight",
                f"is {variant.weight} of {total}: {variant.id} gets "
                f"{100 * variant.weight / total:.2g}% of the visitors, and a comparison is only as "
                "precise as its smallest variant",
            )


def _payloads(campaign: Campaign) -> Iterator[Judgement]:
    for (first, one), (second, other) in combinations(enumerate(campaign.variants), 2):
        if one.payload and one.payload == other.payload:
            yield Judgement(
                "FL209",
                f"variants[{second}].payload",
                f"is the same as that of variants[{first}], {one.id}: visitors see no difference, "
                "so there is nothing to find",
            )
        elif difference := _difference(campaign, one, other):
            yield Judgement("FL210", f"variants[{second}].payload", difference)


def _difference(campaign: Campaign, one: Variant, other: Variant) -> str:
    """How the shapes of two payloads differ; empty where a storefront can treat them alike."""
    for key in one.payload.keys() & other.payload.keys():
        kinds = _kind(one.payload[key]), _kind(other.payload[key])
        if kinds[0] != kinds[1] and "null" not in kinds:
            return (
                f"has {kinds[1]} under {key}, where {one.id} has {kinds[0]}; "
                "a storefront that reads one fails at the other"
            )
    if not (one.payload and other.payload):
        return ""
    for having, lacking in ((one, other), (other, one)):
        # A control that shows nothing needs none of what the others show; they need what it has.
        if lacking is campaign.control:
            continue
        if missing := sorted(having.payload.keys() - lacking.payload.keys()):
            return (
                f"and that of {one.id} differ in shape: {lacking.id} lacks "
                f"{', '.join(missing)}, which {having.id} has"
            )
    return ""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "a mapping"
    return "a list"


def _primaries_of_zero(campaign: Campaign, plan: Plan) -> Iterator[Judgement]:
    """Primary metrics that are zero for a control without a coupon, by nature."""
    for index, planned in enumerate(plan.primary):
        if plan.metric(planned.metric).is_about_coupons:
            yield Judgement(
                "FL532",
                f"plan.primary[{index}].metric",
                f"is {planned.metric}, and {campaign.control.id} has no coupon: it is 0 there, and "
                "a lift over 0 has no meaning; decide by revenue_per_visitor or profit_per_visitor",
            )


def _coupons(campaign: Campaign) -> Iterator[Judgement]:
    plan = campaign.plan
    if plan is None:
        return
    if any(coupon_of(variant) for variant in campaign.variants):
        if not coupon_of(campaign.control):
            yield from _primaries_of_zero(campaign, plan)
        return
    reason = _coupon_in_another_form(campaign.variants)
    for role in ROLES:
        for index, planned in enumerate(getattr(plan, role)):
            if plan.metric(planned.metric).is_about_coupons:
                yield Judgement(
                    "FL219",
                    f"plan.{role}[{index}].metric",
                    f"is {planned.metric}, and {reason}; name the coupon at the top of a payload "
                    "and as a text, as {coupon: SUMMER10}",
                )


def _coupon_in_another_form(variants: Iterable[Variant]) -> str:
    """Why no coupon is found: one is there that is no text, or lies deeper; else there is none."""
    for variant in variants:
        for path, value in _entries(variant.payload):
            if path.rpartition(".")[2] in COUPON_KEYS and value not in ("", None):
                what = "lies too deep" if "." in path else f"is {_kind(value)}"
                return f"the {path} of {variant.id} {what}, so no coupon is found"
    return "no variant has a coupon: it is 0 for everybody"


def _entries(payload: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """All entries, also those of mappings in it, with their paths."""
    for key, value in payload.items():
        yield f"{above}{key}", value
        if isinstance(value, Mapping):
            yield from _entries(value, f"{above}{key}.")
