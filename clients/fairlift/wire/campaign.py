"""Campaigns."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from google.protobuf.timestamp_pb2 import Timestamp

from fairlift.engine.audience import EVERYBODY, Condition
from fairlift.engine.campaign import (
    BPS,
    AttributeType,
    Campaign,
    LayerSlice,
    Lifecycle,
    Prerequisite,
    State,
    UnitKind,
    Variant,
)
from fairlift.v1 import campaign_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift.wire.audience import condition_from, condition_to
from fairlift.wire.enums import EnumTable
from fairlift.wire.values import struct_from, struct_to, time_from, time_to
from fairlift.wire.violations import Findings

if TYPE_CHECKING:
    from fairlift.engine.plan import Plan

UNITS = EnumTable(UnitKind, value_pb2.UnitKind, "UNIT_KIND")
STATES = EnumTable(State, pb.CampaignState, "CAMPAIGN_STATE")
_TYPES = EnumTable(AttributeType, pb.AttributeType, "ATTRIBUTE_TYPE")
COLLECTION = "campaigns/"


def campaign_id(name: str) -> str:
    """The id in campaigns/{id}; a bare id is taken as it is."""
    return name.removeprefix(COLLECTION)


def campaign_name(identifier: str) -> str:
    """The name campaigns/{id}."""
    return COLLECTION + identifier


def campaign_from(message: pb.Campaign) -> Campaign:
    """The campaign, with its lifecycle as the message states it.

    Raises:
        InvalidCampaign: with every broken rule of the campaign, its audience and its plan.
    """
    findings = Findings()
    layer = message.layer
    campaign = findings.take(
        "",
        lambda: Campaign(
            id=campaign_id(message.name),
            variants=tuple(map(_variant_from, message.variants)),
            unit=UNITS.get(message.unit, UnitKind.VISITOR),
            audience=_audience(findings, message),
            traffic_bps=message.traffic_bps if message.HasField("traffic_bps") else BPS,
            plan=_plan(findings, message),
            layer=LayerSlice(layer.layer, layer.start_bps, layer.size_bps)
            if message.HasField("layer")
            else None,
            overrides=message.overrides,
            prerequisites=tuple(map(_prerequisite_from, message.prerequisites)),
            start_time=_time(findings, message, "schedule.start_time"),
            end_time=_time(findings, message, "schedule.end_time"),
            time_zone=message.time_zone or "UTC",
            currency_code=message.currency_code,
            attributes={
                name: findings.take("", partial(_TYPES.need, number, f"attributes.{name}"), None)
                or AttributeType.STRING
                for name, number in message.attributes.items()
            },
            display_name=message.display_name,
            description=message.description,
            labels=message.labels,
            lifecycle=_lifecycle_from(message),
        ),
        None,
    )
    findings.raise_any()
    assert campaign is not None  # for the type checker: no finding, so it is there
    return campaign


def campaign_to(campaign: Campaign) -> pb.Campaign:
    """The campaign as a message, with its lifecycle."""
    message = pb.Campaign(
        name=campaign.name,
        display_name=campaign.display_name,
        description=campaign.description,
        unit=UNITS.to(campaign.unit),
        audience=None if campaign.audience == EVERYBODY else condition_to(campaign.audience),
        traffic_bps=campaign.traffic_bps,
        variants=map(_variant_to, campaign.variants),
        overrides=campaign.overrides,
        time_zone=campaign.time_zone,
        currency_code=campaign.currency_code,
        attributes={name: _TYPES.to(kind) for name, kind in campaign.attributes.items()},
        labels=campaign.labels,
        prerequisites=(
            pb.Prerequisite(campaign=f"{COLLECTION}{needed.campaign}", variants=needed.variants)
            for needed in campaign.prerequisites
        ),
    )
    if campaign.plan:
        from fairlift.wire.plan import plan_to

        message.plan.CopyFrom(plan_to(campaign.plan))
    if campaign.layer:
        message.layer.layer = campaign.layer.layer
        message.layer.start_bps = campaign.layer.start_bps
        message.layer.size_bps = campaign.layer.size_bps
    _put(message.schedule.start_time, campaign.start_time)
    _put(message.schedule.end_time, campaign.end_time)
    if not message.schedule.ByteSize():
        message.ClearField("schedule")
    _put_lifecycle(message, campaign.lifecycle)
    return message


def campaign_from_bytes(content: bytes) -> Campaign:
    """The campaign that `campaign_to_bytes` encoded.

    Raises:
        InvalidCampaign: it breaks a rule.
    """
    return campaign_from(pb.Campaign.FromString(content))


def campaign_to_bytes(campaign: Campaign) -> bytes:
    """The campaign as a database keeps it: the encoded message."""
    return campaign_to(campaign).SerializeToString(deterministic=True)


def _audience(findings: Findings, message: pb.Campaign) -> Condition:
    if not message.HasField("audience"):
        return EVERYBODY
    return findings.take(
        "audience", lambda: condition_from(message.audience), cast("Condition", EVERYBODY)
    )


def _plan(findings: Findings, message: pb.Campaign) -> "Plan | None":
    if not message.HasField("plan"):
        return None
    # Here, not above: snapshots hold no plans, so an SDK never imports them.
    from fairlift.wire.plan import plan_from

    return findings.take("plan", partial(plan_from, message.plan), None)


def _variant_from(message: pb.Variant) -> Variant:
    return Variant(
        id=message.id,
        weight=message.weight,
        payload=struct_from(message.payload),
        display_name=message.display_name,
        control=message.control,
    )


def _variant_to(variant: Variant) -> pb.Variant:
    return pb.Variant(
        id=variant.id,
        display_name=variant.display_name,
        weight=variant.weight,
        control=variant.control,
        payload=struct_to(variant.payload) if variant.payload else None,
    )


def _prerequisite_from(message: pb.Prerequisite) -> Prerequisite:
    return Prerequisite(campaign_id(message.campaign), tuple(message.variants))


def _time(findings: Findings, message: pb.Campaign, path: str) -> datetime | None:
    name = path.removeprefix("schedule.")
    if not message.schedule.HasField(name):  # type: ignore[arg-type]  # one of its two fields
        return None
    return findings.take(path, partial(time_from, getattr(message.schedule, name)), None)


_TIMES = ("create_time", "update_time", "start_time", "stop_time", "epoch_time")


def _lifecycle_from(message: pb.Campaign) -> Lifecycle:
    times = {
        name: time_from(getattr(message, name))
        for name in _TIMES
        if message.HasField(name)  # type: ignore[arg-type]  # all are Timestamps of the message
    }
    return Lifecycle(
        state=STATES.get(message.state, State.DRAFT),
        epoch=message.epoch or 1,
        hash_version=message.hash_version or 1,
        etag=message.etag,
        plan_hash=message.plan.hash,
        **times,
    )


def _put_lifecycle(message: pb.Campaign, lifecycle: Lifecycle) -> None:
    message.state = STATES.to(lifecycle.state)
    message.epoch = lifecycle.epoch
    message.hash_version = lifecycle.hash_version
    message.etag = lifecycle.etag
    for name in _TIMES:
        _put(getattr(message, name), getattr(lifecycle, name))
    if lifecycle.plan_hash and message.HasField("plan"):
        message.plan.hash = lifecycle.plan_hash
        _put(message.plan.seal_time, lifecycle.start_time)


def _put(target: Timestamp, moment: datetime | None) -> None:
    if moment is not None:
        target.CopyFrom(time_to(moment))
