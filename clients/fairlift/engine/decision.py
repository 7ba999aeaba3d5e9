"""Which variant a unit meets: a pure function of the snapshot, the unit and its attributes.

A campaign is asked in this order, and the first that speaks decides: override, state and schedule,
bot, audience, prerequisites, holdout, layer, traffic; who passes them all gets a variant by weight.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from fairlift.engine.assignment import Assignment, Outcome, Reason, assignment
from fairlift.engine.bots import BotRules
from fairlift.engine.bucketing import (
    HASH_VERSION,
    hashes_below,
    is_hashable,
    murmur3,
    variant_limits,
)
from fairlift.engine.campaign import BPS, MAX_UNIT, Campaign, State, UnitKind, Variant
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.matching import Attributes, matcher
from fairlift.engine.prerequisites import check_prerequisites
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

# (visitor, customer, attributes, now in epoch seconds)
Decide: TypeAlias = Callable[[str, str, Attributes, float], Assignment]
# (unit, visitor, customer, attributes, now): an outcome ends the matter, None lets the unit pass.
Gate: TypeAlias = Callable[[str, str, str, Attributes, float], Outcome | None]

CONTROL = "control"
_NO_PAYLOAD: Mapping[str, object] = MappingProxyType({})


class CompiledSnapshot:
    """A snapshot ready to decide; any number of threads may share it.

    A campaign that cannot be compiled is kept in `broken` with the reason and answers its control
    with `Reason.ERROR`; it costs the others nothing.

    Args:
        snapshot: What to decide by.
        bots: Who is a bot.
        first_seen: For each customer the visitor id under which they were first seen. It may go on
            growing, and must answer at once.
        is_stale: Whether the snapshot is older than the caller allows: variants stay what they
            were, and the reason says so.
        between: Called after each campaign, for those who must let others run.
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
    ) -> None:
        self.etag = snapshot.etag
        self.snapshot_time = _epoch_s(snapshot.create_time)
        self.units = {each.campaign.id: each.campaign.unit for each in snapshot.campaigns}
        self.broken = dict(snapshot.unreadable)
        self.campaigns: dict[str, Decide] = {
            name: _always(without_campaign(name, Reason.ERROR).outcome) for name in self.broken
        }
        compiler = _Compiler(snapshot, bots, first_seen, is_stale, self.campaigns)
        for salted in snapshot.campaigns:
            name = salted.campaign.id
            try:
                self.campaigns[name] = compiler.decide(salted)
            except (ValueError, LookupError, TypeError, ArithmeticError) as error:
                self.broken[name] = f"{type(error).__name__}: {error}"
                self.campaigns[name] = _always(compiler.control(salted.campaign, Reason.ERROR))
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
        """The variant of one campaign that the visitor, or the customer, meets."""
        decide = self.campaigns.get(campaign)
        if decide is None:
            return without_campaign(campaign, Reason.UNKNOWN_CAMPAIGN, visitor or customer)
        return decide(visitor, customer, attributes, now)

    def decide_all(
        self, *, visitor: str = "", customer: str = "", attributes: Attributes, now: float
    ) -> list[Assignment]:
        """The variants of all campaigns, by campaign id."""
        return [decide(visitor, customer, attributes, now) for decide in self.campaigns.values()]


def without_campaign(
    campaign: str, reason: Reason, unit: str = "", *, variant: str = CONTROL
) -> Assignment:
    """The answer when the campaign itself is not there to ask."""
    return assignment(Outcome(campaign, variant, {}, reason), unit, {}, 0.0)


class _Compiler:
    """What the campaigns of one snapshot are compiled with."""

    def __init__(
        self,
        snapshot: Snapshot,
        bots: BotRules,
        first_seen: Mapping[str, str],
        is_stale: bool,
        campaigns: Mapping[str, Decide],
    ) -> None:
        self._snapshot = snapshot
        self._snapshot_time = _epoch_s(snapshot.create_time)
        self._is_bot = bots.matcher()
        self._first_seen = first_seen
        self._counted = Reason.STALE if is_stale else Reason.ASSIGNED
        self._campaigns = campaigns
        self._unmeetable = check_prerequisites(each.campaign for each in snapshot.campaigns)

    def decide(self, salted: SnapshotCampaign) -> Decide:
        """The decision on one campaign: all that can be known before is, and no more is asked."""
        version = salted.campaign.lifecycle.hash_version
        if version != HASH_VERSION:
            raise ValueError(
                f"hash version {version} is not known here; update the fairlift package"
            )
        split = self._split(salted)
        before, after = tuple(self._gates_before(salted.campaign)), tuple(self._gates_after(salted))
        return _gated(split, before, after) if before or after else split

    def _split(self, salted: SnapshotCampaign) -> Decide:
        """A variant by weight for everybody in the audience; most campaigns are no more."""
        campaign = salted.campaign
        no_unit = self.control(campaign, Reason.NO_UNIT)
        bot = self.control(campaign, Reason.BOT)
        not_in_audience = self.control(campaign, Reason.NOT_IN_AUDIENCE)
        variants = tuple(self._outcome(campaign, each, self._counted) for each in campaign.variants)
        ends = variant_limits([variant.weight for variant in campaign.variants])
        limits = tuple(hashes_below(end) for end in ends[:-1])
        prefix = f"{salted.variants_salt}:"
        is_bot, matches = self._is_bot, matcher(campaign.audience)
        unit_is_customer = campaign.unit is UnitKind.CUSTOMER
        first_seen = self._first_seen
        is_sticky = salted.identity_policy is IdentityPolicy.FIRST_SEEN and not unit_is_customer

        def split(visitor: str, customer: str, attributes: Attributes, now: float) -> Assignment:
            unit = customer if unit_is_customer else visitor
            if is_sticky and customer:
                unit = first_seen.get(customer, unit)
            # As assignment() does, without the call.
            made = Assignment()
            made.unit = unit
            made.attributes = attributes
            made.time = now
            if not (0 < len(unit) <= MAX_UNIT and (unit.isascii() or is_hashable(unit))):
                made.outcome = no_unit
            elif ("is_bot" in attributes or "user_agent" in attributes) and is_bot(attributes):
                made.outcome = bot
            elif not matches(attributes):
                made.outcome = not_in_audience
            else:
                made.outcome = variants[bisect_right(limits, murmur3(prefix + unit, 0, False))]
            return made

        return split

    def _gates_before(self, campaign: Campaign) -> Iterator[Gate]:
        """What decides before anything is asked of the visitor."""
        state = campaign.lifecycle.state
        if campaign.overrides and state not in (State.STOPPED, State.ARCHIVED):
            by_id = {variant.id: variant for variant in campaign.variants}
            forced = {
                unit: self._outcome(campaign, by_id[variant], Reason.OVERRIDE)
                for unit, variant in campaign.overrides.items()
            }
            yield lambda unit, *_: forced.get(unit)
        if reason := _STATES.get(state):
            closed = self.control(campaign, reason)
            yield lambda *_: closed
        if campaign.start_time is not None:
            yield _until(campaign.start_time, self.control(campaign, Reason.NOT_STARTED))
        if campaign.end_time is not None:
            yield _from(campaign.end_time, self.control(campaign, Reason.ENDED))

    def _gates_after(self, salted: SnapshotCampaign) -> Iterator[Gate]:
        """What decides among those who are in the audience."""
        campaign, snapshot = salted.campaign, self._snapshot
        if campaign.prerequisites:
            yield self._prerequisites(campaign)
        if snapshot.holdout_bps > 0:
            holdout = self.control(campaign, Reason.HOLDOUT)
            yield _slice(snapshot.holdout_salt, snapshot.holdout_bps, BPS, holdout)
        if (layer := campaign.layer) is not None:
            salt = snapshot.layer_salts[layer.layer]
            other = self.control(campaign, Reason.OTHER_LAYER)
            yield _slice(salt, layer.start_bps, layer.end_bps, other)
        if campaign.traffic_bps < BPS:
            outside = self.control(campaign, Reason.NOT_IN_TRAFFIC)
            yield _slice(salted.traffic_salt, 0, campaign.traffic_bps, outside)

    def _prerequisites(self, campaign: Campaign) -> Gate:
        unmet = self.control(campaign, Reason.PREREQUISITE)
        if campaign.id in self._unmeetable:
            return lambda *_: unmet
        campaigns = self._campaigns
        wanted = tuple((each.campaign, each.variants) for each in campaign.prerequisites)

        def gate(
            _: str, visitor: str, customer: str, attributes: Attributes, now: float
        ) -> Outcome | None:
            for name, variants in wanted:
                outcome = campaigns[name](visitor, customer, attributes, now).outcome
                if outcome.variant not in variants or outcome.reason not in _HAS_VARIANT:
                    return unmet
            return None

        return gate

    def control(self, campaign: Campaign, reason: Reason) -> Outcome:
        """The control, for this reason."""
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


# A control given for another reason is no membership that another campaign could build on.
_HAS_VARIANT = frozenset({Reason.ASSIGNED, Reason.STALE, Reason.OVERRIDE})
_STATES = {
    State.DRAFT: Reason.NOT_STARTED,
    State.PAUSED: Reason.PAUSED,
    State.STOPPED: Reason.ENDED,
    State.ARCHIVED: Reason.ENDED,
}


def _gated(split: Decide, before: tuple[Gate, ...], after: tuple[Gate, ...]) -> Decide:
    """The split, but for those whom a gate keeps out.

    The split is asked first though gates come first: it changes nothing, so what it says may be
    overruled, and campaigns without gates need not know of them.
    """
    gates = before + after

    def decide(visitor: str, customer: str, attributes: Attributes, now: float) -> Assignment:
        made = split(visitor, customer, attributes, now)
        if made.outcome.reason is Reason.NO_UNIT:
            return made
        for gate in gates if made.outcome.is_in_campaign else before:
            outcome = gate(made.unit, visitor, customer, attributes, now)
            if outcome is not None:
                made.outcome = outcome
                break
        return made

    return decide


def _always(outcome: Outcome) -> Decide:
    return lambda visitor, customer, attributes, now: assignment(
        outcome, visitor or customer, attributes, now
    )


def _slice(salt: str, start_bps: int, end_bps: int, outside: Outcome) -> Gate:
    prefix, low, high = f"{salt}:", hashes_below(start_bps), hashes_below(end_bps)
    return lambda unit, *_: None if low <= murmur3(prefix + unit, 0, False) < high else outside


def _until(start: datetime, outcome: Outcome) -> Gate:
    start_s = start.timestamp()
    return lambda *asked: outcome if asked[-1] < start_s else None


def _from(end: datetime, outcome: Outcome) -> Gate:
    end_s = end.timestamp()
    return lambda *asked: outcome if asked[-1] >= end_s else None


def _epoch_s(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
