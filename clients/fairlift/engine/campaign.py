"""What a campaign is, and the rules it obeys."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from fairlift.engine.audience import ATTRIBUTE_NAME, EVERYBODY, Condition
from fairlift.engine.errors import InvalidCampaign, Violation

if TYPE_CHECKING:
    # Not at run time: an SDK reads no plans, and should not pay for importing them.
    from fairlift.engine.plan import Plan

BPS = 10_000
MAX_VARIANTS = 20
MAX_WEIGHT = 1_000_000
MAX_PAYLOAD = 16_384
MAX_OVERRIDES = 1_000
MAX_UNIT = 256
# No id of a unit holds one.
CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f]")

# The entries of a payload that name its coupon.
COUPON_KEYS = ("coupon", "coupon_code")

_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ID_RULE = "must be 1 to 63 lower-case letters, digits and hyphens, a letter first"

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


class UnitKind(StrEnum):
    """What is randomised and analysed."""

    VISITOR = "visitor"
    CUSTOMER = "customer"


class AttributeType(StrEnum):
    """What storefronts send under an attribute's name."""

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    TIME = "time"
    LIST = "list"
    VERSION = "version"


class State(StrEnum):
    """Where a campaign stands in its life."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of what the shop shows."""

    id: str
    weight: int = 1
    payload: Mapping[str, JSON] = field(default_factory=dict)
    display_name: str = ""
    control: bool = False


@dataclass(frozen=True, slots=True)
class LayerSlice:
    """The part of a layer's units that may enter the campaign, in basis points."""

    layer: str
    start_bps: int
    size_bps: int

    @property
    def end_bps(self) -> int:
        """The first bucket after the slice."""
        return self.start_bps + self.size_bps


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """The unit must have one of the variants of another campaign."""

    campaign: str
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the server knows of a campaign: never given by a caller."""

    state: State = State.DRAFT
    epoch: int = 1
    hash_version: int = 1
    etag: str = ""
    plan_hash: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    start_time: datetime | None = None
    stop_time: datetime | None = None
    epoch_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Something the shop shows to visitors, tested as an experiment. Made valid or not at all.

    Raises:
        InvalidCampaign: with every broken rule, by field path.
    """

    id: str
    variants: tuple[Variant, ...]
    unit: UnitKind = UnitKind.VISITOR
    audience: Condition = EVERYBODY
    traffic_bps: int = BPS
    plan: "Plan | None" = None
    layer: LayerSlice | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    prerequisites: tuple[Prerequisite, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    time_zone: str = "UTC"
    currency_code: str = ""
    attributes: Mapping[str, AttributeType] = field(default_factory=dict)
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()

    def __post_init__(self) -> None:
        violations = [
            *_names(self),
            *_variants(self),
            *_eligibility(self),
            *_when(self),
            *_guardrails(self),
        ]
        if violations:
            raise InvalidCampaign(violations)
        for name in ("overrides", "attributes", "labels"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def name(self) -> str:
        """Its name on the wire, campaigns/{id}."""
        return f"campaigns/{self.id}"

    @property
    def control(self) -> Variant:
        """The variant marked as control, or else the first."""
        return next((variant for variant in self.variants if variant.control), self.variants[0])

    @property
    def treatments(self) -> tuple[Variant, ...]:
        """All variants but the control, in declared order."""
        control = self.control
        return tuple(variant for variant in self.variants if variant is not control)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.display_name or self.id


def is_identifier(text: str) -> bool:
    """Whether a campaign or a variant can have this id.

    >>> is_identifier("free-shipping"), is_identifier("Free shipping")
    (True, False)
    """
    return _ID.fullmatch(text) is not None


def check_layers(campaigns: Iterable[Campaign]) -> dict[str, tuple[Violation, ...]]:
    """Violations by campaign id: slices of one layer that share visitors.

    Stopped and archived campaigns hold no visitors.
    """
    in_layer: dict[str, list[Campaign]] = {}
    for campaign in campaigns:
        if campaign.layer is not None:
            in_layer.setdefault(campaign.layer.layer, []).append(campaign)
    checked = {
        campaign.id: layer_violations(campaign, neighbours)
        for neighbours in in_layer.values()
        for campaign in neighbours
    }
    return {campaign: violations for campaign, violations in checked.items() if violations}


def layer_violations(campaign: Campaign, others: Iterable[Campaign]) -> tuple[Violation, ...]:
    """Violations of one campaign: slices of its layer that others hold too."""
    mine = _slice(campaign)
    if mine is None:
        return ()
    return tuple(
        Violation(
            "layer",
            f"{_shares(mine)} overlaps {_shares(theirs)} of campaign {other.id} in layer "
            f"{mine.layer}; "
            f"one {campaign.unit} may enter only one of them",
            "overlap",
        )
        for other in others
        if other.id != campaign.id
        and (theirs := _slice(other)) is not None
        and mine.layer == theirs.layer
        and mine.start_bps < theirs.end_bps
        and theirs.start_bps < mine.end_bps
    )


def _shares(layer: LayerSlice) -> str:
    """As files write them: 0% to 60%."""
    return f"{layer.start_bps / 100:g}% to {layer.end_bps / 100:g}%"


def _slice(campaign: Campaign) -> LayerSlice | None:
    """The slice whose visitors the campaign holds; None when it holds none."""
    is_over = campaign.lifecycle.state in (State.STOPPED, State.ARCHIVED)
    return None if is_over else campaign.layer


def _names(campaign: Campaign) -> Iterator[Violation]:
    if not _ID.fullmatch(campaign.id):
        yield Violation("name", _no_id(campaign.id))
    for name, limit in (("display_name", 120), ("description", 4_000)):
        if len(text := getattr(campaign, name)) > limit:
            yield Violation(name, f"has {len(text)} characters, must have at most {limit}")
    if campaign.currency_code and not _CURRENCY.fullmatch(campaign.currency_code):
        yield Violation(
            "currency_code", f"is {campaign.currency_code!r}, must be ISO 4217, such as EUR"
        )
    for attribute in campaign.attributes:
        if not ATTRIBUTE_NAME.fullmatch(attribute):
            yield Violation("attributes", f"{attribute!r} must be letters, digits, _ and dots")
    for key, value in campaign.labels.items():
        if not 1 <= len(key) <= 63 or len(value) > 255:
            yield Violation("labels", f"{key!r}: keys have 1 to 63 characters, values at most 255")


def _no_id(text: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return f"{text!r} {_ID_RULE}{f'; did you mean {near}?' if is_identifier(near) else ''}"


def _variants(campaign: Campaign) -> Iterator[Violation]:
    variants = campaign.variants
    if not 2 <= len(variants) <= MAX_VARIANTS:
        yield Violation(
            "variants",
            f"has {len(variants)}, must have 2 to {MAX_VARIANTS}: "
            "without a control there is nothing to compare with",
        )
    controls = [index for index, variant in enumerate(variants) if variant.control]
    for index in controls[1:]:
        yield Violation(
            f"variants[{index}].control", f"variants[{controls[0]}] is already the control"
        )
    counts = Counter(variant.id for variant in variants)
    for index, variant in enumerate(variants):
        where = f"variants[{index}]"
        if not _ID.fullmatch(variant.id):
            yield Violation(f"{where}.id", _no_id(variant.id))
        elif counts[variant.id] > 1 and variants[index].id in {v.id for v in variants[:index]}:
            yield Violation(f"{where}.id", f"{variant.id} is already the id of another variant")
        if not 1 <= variant.weight <= MAX_WEIGHT:
            yield Violation(f"{where}.weight", f"is {variant.weight}, must be 1 to {MAX_WEIGHT}")
        size = len(json.dumps(variant.payload).encode())
        if size > MAX_PAYLOAD:
            yield Violation(
                f"{where}.payload",
                f"has {size} bytes, must have at most {MAX_PAYLOAD}; send an id and look it up",
            )


def _eligibility(campaign: Campaign) -> Iterator[Violation]:
    if not 0 <= campaign.traffic_bps <= BPS:
        yield Violation("traffic_bps", f"is {campaign.traffic_bps}, must be 0 to {BPS}")
    if layer := campaign.layer:
        if not _ID.fullmatch(layer.layer):
            yield Violation("layer.layer", _no_id(layer.layer))
        if layer.size_bps < 1 or layer.start_bps < 0 or layer.end_bps > BPS:
            yield Violation(
                "layer",
                f"is {_shares(layer)}, must lie within 0% and 100% and hold at least one bucket, "
                "which is 0.01%",
            )
    known = {variant.id for variant in campaign.variants}
    if len(campaign.overrides) > MAX_OVERRIDES:
        yield Violation(
            "overrides", f"has {len(campaign.overrides)}, must have at most {MAX_OVERRIDES}"
        )
    for unit, variant in campaign.overrides.items():
        if not 1 <= len(unit) <= MAX_UNIT:
            yield Violation("overrides", f"{unit[:20]!r}… must have 1 to {MAX_UNIT} characters")
        if CONTROL_CHARACTER.search(unit):
            yield Violation("overrides", f"{unit[:20]!r} holds a control character")
        if variant not in known:
            yield Violation(
                "overrides", f"{unit!r} has {variant!r}, which is not a variant of this campaign"
            )
    for index, prerequisite in enumerate(campaign.prerequisites):
        where = f"prerequisites[{index}]"
        if prerequisite.campaign == campaign.id:
            yield Violation(f"{where}.campaign", "is the campaign itself")
        elif not _ID.fullmatch(prerequisite.campaign):
            yield Violation(f"{where}.campaign", _no_id(prerequisite.campaign))
        if not prerequisite.variants:
            yield Violation(f"{where}.variants", "is empty; name the variants that qualify")


def _when(campaign: Campaign) -> Iterator[Violation]:
    for name in ("start_time", "end_time"):
        moment = getattr(campaign, name)
        if moment is not None and moment.tzinfo is None:
            yield Violation(f"schedule.{name}", f"{moment} has no time zone; write {moment}Z")
            return
    if campaign.start_time and campaign.end_time and campaign.end_time <= campaign.start_time:
        yield Violation("schedule.end_time", "must be after start_time")
    try:
        ZoneInfo(campaign.time_zone)
    except (KeyError, ValueError, OSError):
        yield Violation(
            "time_zone", f"is {campaign.time_zone!r}, must be an IANA name, such as Europe/Madrid"
        )


def coupon_of(variant: Variant) -> str:
    """The coupon that the variant's payload names; empty where it names none."""
    codes = (variant.payload.get(key) for key in COUPON_KEYS)
    return next((code for code in codes if isinstance(code, str) and code), "")


def _guardrails(campaign: Campaign) -> Iterator[Violation]:
    """A relative margin needs a control that is not zero by nature."""
    if campaign.plan is None or not campaign.variants or coupon_of(campaign.control):
        return
    for index, planned in enumerate(campaign.plan.guardrails):
        metric = campaign.plan.metric(planned.metric)
        if planned.margin is not None and metric.is_about_coupons:
            yield Violation(
                f"plan.guardrails[{index}].margin",
                f"is relative, but {campaign.control.id} has no coupon, so its "
                f"{planned.metric} is 0 and nothing is a share of it; say absolute_margin, in the "
                "metric's own unit",
                "share_of_zero",
            )
