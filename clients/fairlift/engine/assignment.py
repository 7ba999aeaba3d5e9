"""The assignment: which variant a unit gets, and why."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, overload

from fairlift.engine.campaign import JSON
from fairlift.engine.matching import Attributes
from fairlift.engine.mypyc_hints import mypyc_attr


class Reason(StrEnum):
    """Why a unit got its variant."""

    ASSIGNED = "assigned"
    NOT_IN_AUDIENCE = "not_in_audience"
    NOT_IN_TRAFFIC = "not_in_traffic"
    OTHER_LAYER = "other_layer"
    HOLDOUT = "holdout"
    OVERRIDE = "override"
    PAUSED = "paused"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    UNKNOWN_CAMPAIGN = "unknown_campaign"
    NOT_READY = "not_ready"
    STALE = "stale"
    PREREQUISITE = "prerequisite"
    BOT = "bot"
    NO_UNIT = "no_unit"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An assignment without its unit and time; all units with the same result share one object."""

    campaign: str
    variant: str
    payload: Mapping[str, JSON]
    reason: Reason
    is_control: bool = True
    epoch: int = 0
    # Epoch seconds; 0 when there was no snapshot.
    snapshot_time: float = 0.0
    # Whether the unit takes part, so that its exposure counts in the analysis; computed once,
    # because every exposure reads it.
    is_in_campaign: bool = field(init=False)

    def __post_init__(self) -> None:
        counts = self.reason is Reason.ASSIGNED or self.reason is Reason.STALE
        object.__setattr__(self, "is_in_campaign", counts)

    def __reduce__(self) -> tuple[object, ...]:
        # Compiled and interpreted code can read each other's pickles.
        arguments = (self.campaign, self.variant, self.payload, self.reason)
        return Outcome, (*arguments, self.is_control, self.epoch, self.snapshot_time)


@mypyc_attr(free_list_len=1)
@dataclass(slots=True, init=False, repr=False)
class Assignment:
    """The variant of one unit in a campaign, and the reason. Treat it as read-only.

    Neither frozen nor with an `__init__`: both would cost more than the decision itself.
    """

    outcome: Outcome
    unit: str
    attributes: Attributes
    # Epoch seconds.
    time: float

    @property
    def campaign(self) -> str:
        """The campaign's id."""
        return self.outcome.campaign

    @property
    def variant(self) -> str:
        """The variant's id."""
        return self.outcome.variant

    @property
    def reason(self) -> Reason:
        """Why it is this variant."""
        return self.outcome.reason

    @property
    def epoch(self) -> int:
        """The campaign's epoch; 0 when it is not known."""
        return self.outcome.epoch

    @property
    def is_control(self) -> bool:
        """Whether the variant is the control."""
        return self.outcome.is_control

    @property
    def is_in_campaign(self) -> bool:
        """Whether the unit takes part, so that its exposure counts in the analysis."""
        return self.outcome.is_in_campaign

    @property
    def snapshot_age_s(self) -> float | None:
        """How old the snapshot was, in seconds; None when there was none."""
        created = self.outcome.snapshot_time
        return max(0.0, self.time - created) if created else None

    @property
    def payload(self) -> dict[str, JSON]:
        """What the storefront renders; a copy, which the caller may change."""
        return {key: _copied(value) for key, value in self.outcome.payload.items()}

    @overload
    def value(self, key: str, default: bool) -> bool: ...
    @overload
    def value(self, key: str, default: int) -> int: ...
    @overload
    def value(self, key: str, default: float) -> float: ...
    @overload
    def value(self, key: str, default: str) -> str: ...
    def value(self, key: Any, default: Any) -> Any:
        """One entry of the payload, of the default's type; the default when it is not there.

        A whole number also serves as a float, and 50.0 as an int: in the contract, every number
        is a double.
        """
        entry = self.outcome.payload.get(key)
        if entry.__class__ is default.__class__:
            return _copied(entry)
        if not isinstance(default, int | float) or isinstance(default, bool):
            return default
        if isinstance(entry, bool) or not isinstance(entry, int | float):
            return default
        if not math.isfinite(entry):
            return default
        number = type(default)(entry)
        return number if number == entry else default

    def __reduce__(self) -> tuple[object, ...]:
        return assignment, (self.outcome, self.unit, self.attributes, self.time)

    def __repr__(self) -> str:
        # Without the attributes: they are personal data, and this may be logged.
        return f"Assignment({self.campaign}: {self.variant}, {self.reason}, epoch {self.epoch})"


def assignment(outcome: Outcome, unit: str, attributes: Attributes, time: float) -> Assignment:
    """The outcome for this unit at this time, in epoch seconds."""
    created = Assignment()
    created.outcome = outcome
    created.unit = unit
    created.attributes = attributes
    created.time = time
    return created


def _copied(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value
