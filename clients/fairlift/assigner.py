"""Assigns variants from the snapshot in memory, and queues exposures. Runs for every visitor.

These lines are compiled where that is possible; see docs/decisions/0010.
"""

import logging
import time
from collections import Counter
from typing import Protocol

from fairlift.engine.assignment import Assignment, Reason
from fairlift.engine.decision import CONTROL, CurrentSnapshot, without_campaign
from fairlift.engine.matching import Attributes
from fairlift.engine.mypyc_hints import mypyc_attr
from fairlift.engine.untrusted import BoolInput, IdInput, TextInput, id_or_empty
from fairlift.exposures import ExposureQueue

_log = logging.getLogger("fairlift")
# Further errors are logged at debug level only.
_MAX_WARNINGS = 20


class Fallback(Protocol):
    """Answers for campaigns that the snapshot in memory does not have."""

    def assign(
        self,
        campaign: str,
        visitor: IdInput,
        customer: IdInput,
        attributes: Attributes,
        default: str,
    ) -> Assignment:
        """The answer for one campaign."""
        ...

    def assign_all(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> dict[str, Assignment]:
        """The answers for all campaigns, when there is no snapshot."""
        ...


class ErrorLog:
    """Counts errors that a storefront never sees, and logs the first ones as warnings."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: Exception, what: str) -> None:
        """Counts and logs one error."""
        self.count += 1
        level = logging.WARNING if self.count <= _MAX_WARNINGS else logging.DEBUG
        _log.log(level, "%s: %s: %s", what, type(error).__name__, error)


@mypyc_attr(allow_interpreted_subclasses=True)
class Assigner:
    """Assigns variants and queues exposures. `Client` extends it: a delegated call costs a tenth.

    Args:
        current: The snapshot in use.
        exposures: Where exposures wait to be sent.
        fallback: Answers what the snapshot cannot.
        errors: Where errors are counted.
    """

    def __init__(
        self,
        current: CurrentSnapshot,
        exposures: ExposureQueue,
        fallback: Fallback,
        errors: ErrorLog,
    ) -> None:
        self._current = current
        self._exposures = exposures
        self._fallback = fallback
        self._errors = errors
        self._not_counted: Counter[str] = Counter()

    def assign(
        self,
        campaign: TextInput,
        visitor: IdInput | None = "",
        attributes: Attributes | None = None,
        *,
        customer: IdInput | None = "",
        default: TextInput = CONTROL,
        expose: BoolInput = False,
    ) -> Assignment:
        """The variant that the visitor gets in a campaign, and why. Never raises, never waits.

        Args:
            campaign: Its id.
            visitor: The cookie or device.
            attributes: What the audience and the segments need.
            customer: The person, once logged in; campaigns on customers need it.
            default: The variant to answer when the campaign is not known here.
            expose: Whether the visitor sees the variant right now; otherwise call `expose` when
                they do.
        """
        values: Attributes = {} if attributes is None else attributes
        if visitor is None:
            visitor = ""
        if customer is None:
            customer = ""
        is_exposed = False
        try:
            if expose:
                is_exposed = True
            decider = self._current.compiled.campaigns.get(campaign)
            if decider is not None:
                assigned = decider.decide(visitor, customer, values, time.time())
            else:
                assigned = self._fallback.assign(campaign, visitor, customer, values, default)
        except Exception as error:  # a storefront is never broken by us
            what = f"campaign {_text(campaign)} could not be assigned; the control is returned"
            self._errors.add(error, what)
            assigned = without_answer(
                self._current, campaign, Reason.ERROR, visitor, customer, default
            )
        if is_exposed:
            self._expose(assigned)
        return assigned

    def assign_all(
        self,
        visitor: IdInput | None = "",
        attributes: Attributes | None = None,
        *,
        customer: IdInput | None = "",
        expose: BoolInput = False,
    ) -> dict[str, Assignment]:
        """The variants of all campaigns, by campaign id. Never raises; empty when none is known."""
        now = time.time()
        values: Attributes = {} if attributes is None else attributes
        if visitor is None:
            visitor = ""
        if customer is None:
            customer = ""
        campaigns = self._current.compiled.campaigns
        try:
            if campaigns:
                assigned = {
                    campaign: decider.decide(visitor, customer, values, now)
                    for campaign, decider in campaigns.items()
                }
            else:
                assigned = self._fallback.assign_all(visitor, customer, values, now)
            if expose:
                for assignment in assigned.values():
                    self._expose(assignment)
            return assigned
        except Exception:  # one by one, so that only what fails is lost
            return {
                campaign: self.assign(campaign, visitor, values, customer=customer, expose=expose)
                for campaign in campaigns
            }

    def _expose(self, assigned: Assignment) -> bool:
        outcome = assigned.outcome
        if not outcome.is_in_campaign:
            self._not_counted[outcome.reason] += 1
            return False
        try:
            return self._exposures.put(assigned)
        except Exception as error:  # a mapping of another library may fail here
            self._errors.add(error, "an exposure cannot be recorded")
            return False


def without_answer(
    current: CurrentSnapshot,
    campaign: TextInput,
    reason: Reason,
    visitor: IdInput,
    customer: IdInput,
    default: object,
) -> Assignment:
    """The caller's default, or the control, for a campaign that cannot be decided."""
    return without_campaign(
        _text(campaign),
        reason,
        id_or_empty(visitor) or id_or_empty(customer),
        variant=default if isinstance(default, str) else CONTROL,
        snapshot_time=current.compiled.snapshot_time,
        now=time.time(),
    )


def _text(campaign: object) -> str:
    return id_or_empty(campaign) if isinstance(campaign, str) else ""
