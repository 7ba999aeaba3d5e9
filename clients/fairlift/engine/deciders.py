"""Campaigns ready to decide: the classes that a snapshot is compiled to.

These lines run for every visitor, so everything that can be known before is in their fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlift.engine.assignment import Assignment, Outcome, Reason, assignment
from fairlift.engine.bucketing import murmur3
from fairlift.engine.campaign import MAX_UNIT
from fairlift.engine.matching import Attributes, Matcher, PlainAttributes, plain_attributes
from fairlift.engine.untrusted import IdInput, id_or_empty, plain

_hash: Final = murmur3
# A control given for another reason is no membership that another campaign could build on.
_HAS_VARIANT = frozenset({Reason.ASSIGNED, Reason.STALE, Reason.OVERRIDE})


class Decider:
    """One campaign, ready to decide."""

    __slots__ = ()

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """The variant that the visitor, or the customer, meets; `now` in epoch seconds."""
        raise NotImplementedError


@dataclass(slots=True)
class Always(Decider):
    """One outcome for everybody."""

    outcome: Outcome

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """That outcome."""
        return assignment(self.outcome, plain(visitor) or plain(customer), attributes, now)


@dataclass(slots=True, kw_only=True)
class Split(Decider):
    """A variant by weight for everybody in the audience; most campaigns are no more.

    Attributes:
        unit_is_customer: Whether the customer is assigned, and not the visitor.
        is_sticky: Whether a customer keeps the variant of the visitor they were `first_seen` as.
        names: The attributes that may be asked for.
        prefix: The salt of the variants and a colon.
        variants: Each with the hash at which it ends.
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
        """The unit's variant, or the control for who is no unit, a bot, or not in the audience."""
        unit_input: Any = customer if self.unit_is_customer else visitor
        if self.is_sticky and (customer or customer == 0):
            person = customer if type(customer) is str else id_or_empty(customer)
            if person:
                unit_input = self.first_seen.get(person, unit_input)
        unit = unit_input if type(unit_input) is str else plain(unit_input)
        # As assignment() does, without the call.
        assigned = Assignment()
        assigned.unit = unit
        assigned.attributes = attributes
        assigned.time = now
        try:
            hash_input = (self.prefix + unit).encode()
        except UnicodeEncodeError:  # half a surrogate pair, as a broken cookie may hold
            assigned.outcome = self.no_unit
            return assigned
        values = (
            attributes if type(attributes) is dict else plain_attributes(attributes, self.names)
        )
        if not 0 < len(unit) <= MAX_UNIT:
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


class Gate:
    """What may keep a unit out of a campaign."""

    __slots__ = ()

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """What the unit of this assignment gets instead; None lets it pass."""
        raise NotImplementedError


@dataclass(slots=True)
class Gated(Decider):
    """The split, but for those whom a gate keeps out.

    The split is asked first though gates come first: it changes nothing, so what it says may be
    overruled, and campaigns without gates need not know of them.

    Attributes:
        before: The gates for everybody.
        gates: Those, and then the gates for who is in the audience.
    """

    split: Decider
    before: tuple[Gate, ...]
    gates: tuple[Gate, ...]

    def decide(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> Assignment:
        """What the first gate that speaks says, or else the split."""
        assigned = self.split.decide(visitor, customer, attributes, now)
        if assigned.outcome.reason is Reason.NO_UNIT:
            return assigned
        for gate in self.gates if assigned.outcome.is_in_campaign else self.before:
            outcome = gate.outcome(assigned, visitor, customer, now)
            if outcome is not None:
                assigned.outcome = outcome
                break
        return assigned


@dataclass(slots=True)
class Forced(Gate):
    """An outcome of their own for some units."""

    by_unit: dict[str, Outcome]

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The unit's own."""
        return self.by_unit.get(assigned.unit)


@dataclass(slots=True)
class Closed(Gate):
    """Nobody passes."""

    closed: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The same for all."""
        return self.closed


@dataclass(slots=True)
class During(Gate):
    """Nobody passes from one moment until, and without, another; in epoch seconds."""

    from_s: float
    until_s: float
    closed: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """The same for all, in that time."""
        return self.closed if self.from_s <= now < self.until_s else None


@dataclass(slots=True)
class Slice(Gate):
    """Only units whose hash, after this prefix, is in a range pass."""

    prefix: str
    low: int
    high: int
    outside: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """Who is outside the range."""
        hashed: int = _hash((self.prefix + assigned.unit).encode())
        return None if self.low <= hashed < self.high else self.outside


@dataclass(slots=True)
class Prerequisites(Gate):
    """Only units that got one of the wanted variants in each of the other campaigns pass."""

    campaigns: Mapping[str, Decider]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    unmet: Outcome

    def outcome(
        self, assigned: Assignment, visitor: IdInput, customer: IdInput, now: float
    ) -> Outcome | None:
        """Who misses one."""
        for name, variants in self.required:
            other = self.campaigns[name].decide(visitor, customer, assigned.attributes, now).outcome
            if other.variant not in variants or other.reason not in _HAS_VARIANT:
                return self.unmet
        return None
