"""Builds ledger entries from exposures, checked against the campaigns as they are now."""

from fairlift.engine.campaign import State
from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import (
    EventRefusal,
    campaign_id_from,
    campaign_key,
    checked_text,
    refuse_unsupported,
    unknown_campaign,
)
from fairlift_server.api.segment_labels import segment_labels
from fairlift_server.api.unit_fields import hide_in_attributes
from fairlift_server.campaigns.live import ExposureRules, LiveCampaigns
from fairlift_server.events.ledger import ExposureEntry, RefusalReason, new_tuple

# More than the variants of all campaigns that run: a caller may name what it likes.
_MOST_KNOWN = 1_000


class ExposureReader:
    """Reads exposures; what was found of a variant is kept while the campaigns stay as they are.

    Args:
        live: the campaigns.
        now_us: when the exposures came in.
    """

    def __init__(self, live: LiveCampaigns, now_us: int) -> None:
        self._live = live
        self._now_us = now_us
        self._rules = live.published.exposure_rules
        # By the campaign's name, the epoch and the variant: the campaign's id and its rules.
        self._known: dict[tuple[str, int, str], tuple[str, ExposureRules]] = {}

    def entry(
        self, event_id: bytes, time_us: int, message: pb.Exposure, raw_unit: str
    ) -> ExposureEntry:
        """The exposure, whose unit is as it is stored; `raw_unit` is how it came."""
        if self._rules is not self._live.published.exposure_rules:
            self._rules = self._live.published.exposure_rules
            self._known.clear()
        name, epoch, variant = message.campaign, message.epoch, message.variant
        known = self._known.get((name, epoch, variant))
        campaign = campaign_id_from("exposure.campaign", name) if known is None else known[0]
        # Of an id that was hidden the raw form is checked.
        unit = message.unit_id
        if not raw_unit:
            checked_text("exposure.unit_id", unit)
        if message.HasField("first_seen_time"):
            refuse_unsupported("exposure.first_seen_time", "the time of the first visit is")
        rules = self._rules.get(campaign) if known is None else known[1]
        if rules is None:
            raise unknown_campaign("exposure.campaign", campaign)
        if rules.state is not State.RUNNING and not rules.ran_at(time_us):
            raise _not_running(campaign, rules)
        if known is None:
            _check_variant(campaign, rules, epoch, variant)
            if len(self._known) < _MOST_KNOWN:
                self._known[(name, epoch, variant)] = (campaign, rules)
        segments = segment_labels(message, rules.segments) if rules.segments else None
        # Quotes are written in another way in a text of JSON.
        if raw_unit and segments and (raw_unit in segments or '"' in raw_unit or "\\" in raw_unit):
            hide_in_attributes(message, raw_unit)
            segments = segment_labels(message, rules.segments)
        return new_tuple(
            ExposureEntry,
            (event_id, time_us, self._now_us, unit, campaign, epoch, variant, segments),
        )


def _not_running(campaign: str, rules: ExposureRules) -> EventRefusal:
    text = f"campaign {campaign} is {rules.state}; only exposures from its run are accepted"
    wait = campaign_key(campaign) if rules.state is State.DRAFT else ""
    return EventRefusal(RefusalReason.NOT_RUNNING, "exposure.campaign", text, waits_for=wait)


def _check_variant(campaign: str, rules: ExposureRules, epoch: int, variant: str) -> None:
    variants = rules.variants_by_epoch.get(epoch)
    if variants is None:
        text = f"is {epoch}, campaign {campaign} has epochs 1 to {rules.epoch}"
        wait = campaign_key(campaign, epoch) if epoch > rules.epoch else ""
        raise EventRefusal(RefusalReason.UNKNOWN_EPOCH, "exposure.epoch", text, waits_for=wait)
    if variant not in variants:
        names = ", ".join(variants)
        text = f"{variant!r} is not a variant of {campaign}; its variants are {names}"
        raise EventRefusal(RefusalReason.UNKNOWN_VARIANT, "exposure.variant", text)
