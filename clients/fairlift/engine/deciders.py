"""Deciders: the classes that the campaigns of a snapshot are compiled to.

This code runs for every visitor, so everything that is known earlier is computed earlier.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlift.engine.assignment import Assignment, Outcome, Reason, assignment
from fairlift.engine.bucketing import murmur3
from fairlift.engine.campaign import CONTROL_CHARACTER, MAX_UNIT
from fairlift.engine.matching import Attributes, Matcher, PlainAttributes, plain_attributes
from fairlift.engine.untrusted import IdInput, id_or_empty, plain

_hash: Final = murmur3
# With any other reason, the control does not count as a variant that meets a prerequisite.
_HAS_VARIANT = frozenset({Reason.ASSIGNED, Reason.STALE, Reason.OVERRIDE})


# Not a Protocol, which makes a compiled decision 39 % slower, nor an ABC, over which mypyc cannot
# build slotted dataclasses.
class Decider:
    """Decides one campaign."""

    __slots__ = ()

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """The assignment of the visitor or the customer; `now` in epoch seconds."""
        raise NotImplementedError


@dataclass(slots=True)
class FixedOutcome(Decider):
    """The same outcome for everybody."""

    outcome: Outcome

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """The fixed outcome."""
        return assignment(self.outcome, plain(visitor) or plain(customer), attributes, now)


@dataclass(slots=True, kw_only=True)
class WeightedSplit(Decider):
    """Assigns a variant by weight to everybody in the audience, as most campaigns do.

    Attributes:
        unit_is_customer: Whether the customer is assigned instead of the visitor.
        is_sticky: Whether a customer keeps the variant of the visitor they were `first_seen` as.
        names: The attributes that the decision reads.
        prefix: The salt of the variants, and a colon.
        variants: The outcome of each variant, with the hash at which it ends.
    """

    unit_is_customer: bool
    is_sticky: bool
    first_seen: Mapping[str, str]
    no_unit: Outcome
    is_bot: Callable[[PlainAttributes], bool]
    bot: Outcome
    names: tuple[str, ...]
    audience: Matcher
    not_in_audience: Outcome
    prefix: str
    variants: tuple[tuple[int, Outcome], ...]

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """The unit's variant; the control without a unit, for bots, and outside the audience."""
        unit_input: Any = customer if self.unit_is_customer else visitor
        if self.is_sticky and (customer or customer == 0):
            person = customer if type(customer) is str else id_or_empty(customer)
            if person:
                unit_input = self.first_seen.get(person, unit_input)
        unit = unit_input if type(unit_input) is str else plain(unit_input)
        # assignment() inlined, to save a call.
        assigned = Assignment()
        assigned.unit = unit
        assigned.attributes = attributes
        assigned.time = now
        try:
            hash_input = (self.prefix + unit).encode()
        except UnicodeEncodeError:  # half a surrogate pair, as in a broken cookie
            assigned.outcome = self.no_unit
            return assigned
        values = (
            attributes if type(attributes) is dict else plain_attributes(attributes, self.names)
        )
        # Most ids are printable, which is asked faster.
        is_odd = not unit.isprintable() and CONTROL_CHARACTER.search(unit) is not None
        if is_odd or not 0 < len(unit) <= MAX_UNIT:
            assigned.outcome = self.no_unit
        elif ("is_bot" in values or "user_agent" in values) and self.is_bot(values):
            assigned.outcome = self.bot
        elif not self.audience.matches(values):
            assigned.outcome = self.not_in_audience
        else:
            hashed: int = _hash(hash_input)
            # The last variant ends beyond every hash, so the loop always breaks.
            for end, outcome in self.variants:  # pragma: no branch
                if hashed < end:
                    assigned.outcome = outcome
                    break
        return assigned


# A base class for the reason of Decider.
class Gate:
    """A rule that may keep a unit out of a campaign."""

    __slots__ = ()

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The outcome that replaces the assignment's; None lets the unit pass."""
        raise NotImplementedError


@dataclass(slots=True)
class GatedDecider(Decider):
    """A decider with gates, which overrule it.

    The gates come first by their meaning, but the split runs first: it has no side effects, so its
    outcome can be replaced, and campaigns without gates pay nothing for them.

    Attributes:
        gates_for_all: The gates that apply to everybody.
        gates: Those, followed by the gates that apply to the audience only.
    """

    split: Decider
    gates_for_all: tuple[Gate, ...]
    gates: tuple[Gate, ...]

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """The outcome of the first gate that has one, or else of the split."""
        assigned = self.split.decide(visitor, customer, attributes, now)
        if assigned.outcome.reason is Reason.NO_UNIT:
            return assigned
        for gate in self.gates if assigned.outcome.is_in_campaign else self.gates_for_all:
            outcome = gate.outcome(assigned, visitor, customer, now)
            if outcome is not None:
                assigned.outcome = outcome
                break
        return assigned


@dataclass(slots=True)
class OverrideGate(Gate):
    """Gives listed units a fixed outcome."""

    by_unit: dict[str, Outcome]

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The outcome listed for the unit, if any."""
        return self.by_unit.get(assigned.unit)


@dataclass(slots=True)
class ClosedGate(Gate):
    """Lets no unit pass."""

    closed: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The same outcome for all."""
        return self.closed


@dataclass(slots=True)
class TimeGate(Gate):
    """Lets no unit pass from one time until before another, in epoch seconds."""

    from_s: float
    until_s: float
    closed: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The same outcome for all during that time."""
        return self.closed if self.from_s <= now < self.until_s else None


@dataclass(slots=True)
class HashRangeGate(Gate):
    """Lets units pass whose hash, with this prefix, is in a range."""

    prefix: str
    low: int
    high: int
    outside: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The outcome of units outside the range."""
        hashed: int = _hash((self.prefix + assigned.unit).encode())
        return None if self.low <= hashed < self.high else self.outside


@dataclass(slots=True)
class PrerequisiteGate(Gate):
    """Lets units pass that have one of the required variants in each of the other campaigns."""

    campaigns: Mapping[str, Decider]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    unmet: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The outcome of units that miss a required variant."""
        for name, variants in self.required:
            other = self.campaigns[name].decide(visitor, customer, assigned.attributes, now).outcome
            if other.variant not in variants or other.reason not in _HAS_VARIANT:
                return self.unmet
        return None
