"""Decides variants: a pure function of the snapshot, the unit and its attributes.

The rules of a campaign apply in this order, and the first that matches decides: override, state and
schedule, bot, audience, prerequisites, holdout, layer, traffic; then a variant by weight.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from fairlift.engine.assignment import Assignment, Outcome, Reason, assignment
from fairlift.engine.audience import attributes
from fairlift.engine.bots import BotRules
from fairlift.engine.bucketing import HASH_VERSION, hashes_below, variant_limits
from fairlift.engine.campaign import BPS, Campaign, State, UnitKind, Variant
from fairlift.engine.deciders import (
    ClosedGate,
    Decider,
    FixedOutcome,
    Gate,
    GatedDecider,
    HashRangeGate,
    OverrideGate,
    PrerequisiteGate,
    TimeGate,
    WeightedSplit,
)
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.matching import Attributes, matcher
from fairlift.engine.prerequisites import check_prerequisites
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

CONTROL: Final = "control"


class CompiledSnapshot:
    """A snapshot ready to decide; any number of threads may share it.

    A campaign that cannot be compiled is listed in `broken` with the cause, and assigns its control
    with `Reason.ERROR`; the other campaigns are not affected.

    Args:
        snapshot: The campaigns, and what decides them.
        bots: The rules that recognise bots.
        first_seen: The visitor id under which each customer was first seen. It may grow
            meanwhile, and must be fast.
        is_stale: Whether the snapshot is older than the caller allows: variants do not change, and
            the reason says so.
        between: Called after each campaign, to let other threads run.
        unchanged: Deciders from the snapshot before, of campaigns that did not change since; used
            again where they still hold. Their assignments carry the time of that snapshot.
    """

    __slots__ = ("broken", "campaigns", "etag", "snapshot_time", "units")

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        bots: BotRules = BotRules(),  # noqa: B008  # frozen
        first_seen: Mapping[str, str] = MappingProxyType({}),
        is_stale: bool = False,
        between: Callable[[], None] = lambda: None,
        unchanged: Mapping[str, Decider] = MappingProxyType({}),
    ) -> None:
        self.etag = snapshot.etag
        self.snapshot_time = _epoch_s(snapshot.create_time)
        self.units = {salted.campaign.id: salted.campaign.unit for salted in snapshot.campaigns}
        self.broken = dict(snapshot.unreadable)
        self.campaigns: dict[str, Decider] = {
            name: FixedOutcome(without_campaign(name, Reason.ERROR).outcome) for name in self.broken
        }
        compiler = _Compiler(snapshot, bots, first_seen, is_stale, self.campaigns)
        for salted in snapshot.campaigns:
            name = salted.campaign.id
            # A prerequisite is decided by the other campaigns of its own snapshot.
            if name in unchanged and not salted.campaign.prerequisites:
                self.campaigns[name] = unchanged[name]
                continue
            try:
                self.campaigns[name] = compiler.decider(salted)
            except (ValueError, LookupError, TypeError, ArithmeticError) as error:
                self.broken[name] = f"{type(error).__name__}: {error}"
                self.campaigns[name] = FixedOutcome(compiler.control(salted.campaign, Reason.ERROR))
            between()

    def decide(
        self,
        campaign: str,
        *,
        visitor: str = "",
        customer: str = "",
        attributes: Attributes,
        now: float,
    ) -> Assignment:
        """The assignment of the visitor, or the customer, in one campaign."""
        decider = self.campaigns.get(campaign)
        if decider is None:
            return without_campaign(
                campaign,
                Reason.UNKNOWN_CAMPAIGN,
                visitor or customer,
                snapshot_time=self.snapshot_time,
                now=now,
            )
        return decider.decide(visitor, customer, attributes, now)

    def decide_all(
        self, *, visitor: str = "", customer: str = "", attributes: Attributes, now: float
    ) -> list[Assignment]:
        """The assignments in all campaigns, by campaign id."""
        return [
            decider.decide(visitor, customer, attributes, now)
            for decider in self.campaigns.values()
        ]


class CurrentSnapshot:
    """The snapshot in use; a new one replaces it in one assignment."""

    __slots__ = ("compiled",)

    def __init__(self) -> None:
        self.compiled = CompiledSnapshot(Snapshot())


def without_campaign(
    campaign: str,
    reason: Reason,
    unit: str = "",
    *,
    variant: str = CONTROL,
    snapshot_time: float = 0.0,
    now: float = 0.0,
) -> Assignment:
    """The assignment for a campaign that is not available; times in epoch seconds."""
    outcome = Outcome(campaign, variant, {}, reason, snapshot_time=snapshot_time)
    return assignment(outcome, unit, {}, now)


class _Compiler:
    """Compiles the campaigns of one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        bots: BotRules,
        first_seen: Mapping[str, str],
        is_stale: bool,
        campaigns: Mapping[str, Decider],
    ) -> None:
        self._snapshot = snapshot
        self._snapshot_time = _epoch_s(snapshot.create_time)
        self._is_bot = bots.matcher()
        self._first_seen = first_seen
        self._counted_reason = Reason.STALE if is_stale else Reason.ASSIGNED
        self._campaigns = campaigns
        self._unmeetable = check_prerequisites([salted.campaign for salted in snapshot.campaigns])

    def decider(self, salted: SnapshotCampaign) -> Decider:
        """The decider of one campaign, with only the gates that the campaign needs."""
        version = salted.campaign.lifecycle.hash_version
        if version != HASH_VERSION:
            raise ValueError(
                f"hash version {version} is not supported; update the fairlift package"
            )
        split = self._split(salted)
        for_all, for_audience = (
            tuple(self._gates_for_all(salted.campaign)),
            tuple(self._gates_for_audience(salted)),
        )
        return (
            GatedDecider(split, for_all, for_all + for_audience)
            if for_all or for_audience
            else split
        )

    def _split(self, salted: SnapshotCampaign) -> Decider:
        campaign = salted.campaign
        unit_is_customer = campaign.unit is UnitKind.CUSTOMER
        follows_first_seen = salted.identity_policy is IdentityPolicy.FIRST_SEEN
        ends = variant_limits([variant.weight for variant in campaign.variants])
        return WeightedSplit(
            unit_is_customer=unit_is_customer,
            is_sticky=follows_first_seen and not unit_is_customer,
            first_seen=self._first_seen,
            no_unit=self.control(campaign, Reason.NO_UNIT),
            is_bot=self._is_bot,
            bot=self.control(campaign, Reason.BOT),
            names=("is_bot", "user_agent", *attributes(campaign.audience)),
            audience=matcher(campaign.audience),
            not_in_audience=self.control(campaign, Reason.NOT_IN_AUDIENCE),
            prefix=f"{salted.variants_salt}:",
            variants=tuple(
                (hashes_below(end), self._outcome(campaign, variant, self._counted_reason))
                for end, variant in zip(ends, campaign.variants, strict=True)
            ),
        )

    def _gates_for_all(self, campaign: Campaign) -> Iterator[Gate]:
        """The gates that do not depend on the audience: overrides, state, schedule."""
        state = campaign.lifecycle.state
        if campaign.overrides and state not in (State.STOPPED, State.ARCHIVED):
            by_id = {variant.id: variant for variant in campaign.variants}
            outcomes = {
                unit: self._outcome(campaign, by_id[variant], Reason.OVERRIDE)
                for unit, variant in campaign.overrides.items()
            }
            yield OverrideGate(outcomes)
        if reason := _STATES.get(state):
            yield ClosedGate(self.control(campaign, reason))
        if campaign.start_time is not None:
            not_started = self.control(campaign, Reason.NOT_STARTED)
            yield TimeGate(-math.inf, campaign.start_time.timestamp(), not_started)
        if campaign.end_time is not None:
            ended = self.control(campaign, Reason.ENDED)
            yield TimeGate(campaign.end_time.timestamp(), math.inf, ended)

    def _gates_for_audience(self, salted: SnapshotCampaign) -> Iterator[Gate]:
        """The gates for units in the audience: prerequisites, holdout, layer, traffic."""
        campaign, snapshot = salted.campaign, self._snapshot
        if campaign.prerequisites:
            yield self._prerequisites(campaign)
        if snapshot.holdout_bps > 0:
            holdout = self.control(campaign, Reason.HOLDOUT)
            yield _hash_range_gate(snapshot.holdout_salt, snapshot.holdout_bps, BPS, holdout)
        if (layer := campaign.layer) is not None:
            salt = snapshot.layer_salts[layer.layer]
            other_layer = self.control(campaign, Reason.OTHER_LAYER)
            yield _hash_range_gate(salt, layer.start_bps, layer.end_bps, other_layer)
        if campaign.traffic_bps < BPS:
            outside = self.control(campaign, Reason.NOT_IN_TRAFFIC)
            yield _hash_range_gate(salted.traffic_salt, 0, campaign.traffic_bps, outside)

    def _prerequisites(self, campaign: Campaign) -> Gate:
        unmet = self.control(campaign, Reason.PREREQUISITE)
        if campaign.id in self._unmeetable:
            return ClosedGate(unmet)
        required = tuple((other.campaign, other.variants) for other in campaign.prerequisites)
        return PrerequisiteGate(self._campaigns, required, unmet)

    def control(self, campaign: Campaign, reason: Reason) -> Outcome:
        """The control, with this reason."""
        return self._outcome(campaign, campaign.control, reason)

    def _outcome(self, campaign: Campaign, variant: Variant, reason: Reason) -> Outcome:
        return Outcome(
            campaign=campaign.id,
            variant=variant.id,
            payload=variant.payload,
            reason=reason,
            is_control=variant is campaign.control,
            epoch=campaign.lifecycle.epoch,
            snapshot_time=self._snapshot_time,
        )


_STATES = {
    State.DRAFT: Reason.NOT_STARTED,
    State.PAUSED: Reason.PAUSED,
    State.STOPPED: Reason.ENDED,
    State.ARCHIVED: Reason.ENDED,
}


def _hash_range_gate(salt: str, start_bps: int, end_bps: int, outside: Outcome) -> HashRangeGate:
    return HashRangeGate(f"{salt}:", hashes_below(start_bps), hashes_below(end_bps), outside)


def _epoch_s(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
