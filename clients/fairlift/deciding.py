"""What a client does for every visitor: which variant, and that they really met it.

These lines are compiled where that is possible; see docs/decisions/0010.
"""

import logging
import time
from collections import Counter

from fairlift.engine.assignment import Assignment, Reason
from fairlift.engine.decision import CONTROL, InForce, without_campaign
from fairlift.engine.given import Flag, Text, text
from fairlift.engine.matching import Attributes
from fairlift.engine.native import mypyc_attr
from fairlift.exposures import ExposureQueue

_log = logging.getLogger("fairlift")
# Mistakes told loudly; the rest would only fill the log.
_LOUD = 20


@mypyc_attr(allow_interpreted_subclasses=True)
class Deciding:
    """Decides from a snapshot in memory; `Client` adds what happens elsewhere."""

    def __init__(self, in_force: InForce, exposures: ExposureQueue) -> None:
        self._in_force = in_force
        self._exposures = exposures
        self._not_counted: Counter[str] = Counter()
        self._errors = 0

    def assign(
        self,
        campaign: Text,
        visitor: Text | None = "",
        attributes: Attributes | None = None,
        *,
        customer: Text | None = "",
        default: Text = CONTROL,
        expose: Flag = False,
    ) -> Assignment:
        """The variant that the visitor meets in a campaign, and why. Never raises, never waits.

        Args:
            campaign: Its id.
            visitor: The cookie or device.
            attributes: What the audience and the segments ask for.
            customer: The person, once logged in; campaigns on customers need it.
            default: The variant to answer when the campaign is not known here.
            expose: Whether the visitor meets the variant right now; otherwise call `expose` when
                they do.
        """
        asked: Attributes = {} if attributes is None else attributes
        if visitor is None:
            visitor = ""
        if customer is None:
            customer = ""
        is_met = False
        try:
            if expose:
                is_met = True
            decider = self._in_force.compiled.campaigns.get(campaign)
            if decider is not None:
                decided = decider.decide(visitor, customer, asked, time.time())
            else:
                decided = self._elsewhere(campaign, visitor, customer, asked, default)
        except Exception as error:  # a storefront is never broken by us
            decided = self._failed(campaign, visitor, customer, default, error)
        if is_met:
            self._expose(decided)
        return decided

    def assign_all(
        self,
        visitor: Text | None = "",
        attributes: Attributes | None = None,
        *,
        customer: Text | None = "",
        expose: Flag = False,
    ) -> dict[str, Assignment]:
        """The variants of all campaigns, by campaign id. Never raises; empty when none is known."""
        now = time.time()
        asked: Attributes = {} if attributes is None else attributes
        if visitor is None:
            visitor = ""
        if customer is None:
            customer = ""
        campaigns = self._in_force.compiled.campaigns
        try:
            if campaigns:
                decided = {
                    campaign: decider.decide(visitor, customer, asked, now)
                    for campaign, decider in campaigns.items()
                }
            else:
                decided = self._all_elsewhere(visitor, customer, asked, now)
            if expose:
                for each in decided.values():
                    self._expose(each)
            return decided
        except Exception:  # one by one, so that only what fails is lost
            return {
                campaign: self.assign(campaign, visitor, asked, customer=customer, expose=expose)
                for campaign in campaigns
            }

    def _expose(self, met: Assignment) -> bool:
        outcome = met.outcome
        if not outcome.is_in_campaign:
            self._not_counted[outcome.reason] += 1
            return False
        try:
            return self._exposures.put(met)
        except Exception as error:  # attributes that answer no more
            self._note(error, "an exposure cannot be recorded")
            return False

    def _elsewhere(
        self, campaign: Text, visitor: Text, customer: Text, attributes: Attributes, default: Text
    ) -> Assignment:
        """The answer for a campaign that is not in the snapshot."""
        raise NotImplementedError

    def _all_elsewhere(
        self, visitor: Text, customer: Text, attributes: Attributes, now: float
    ) -> dict[str, Assignment]:
        """The answers when there is no snapshot."""
        raise NotImplementedError

    def _failed(
        self, campaign: Text, visitor: Text, customer: Text, default: Text, error: Exception
    ) -> Assignment:
        self._note(
            error, f"campaign {text(campaign)} could not be assigned; the control is returned"
        )
        return self._fallback(campaign, Reason.ERROR, visitor, customer, default)

    def _fallback(
        self, campaign: Text, reason: Reason, visitor: Text, customer: Text, default: object
    ) -> Assignment:
        """The answer where no campaign can be asked, whatever was handed in."""
        return without_campaign(
            text(campaign),
            reason,
            text(visitor) or text(customer),
            variant=default if isinstance(default, str) else CONTROL,
            snapshot_time=self._in_force.compiled.snapshot_time,
            now=time.time(),
        )

    def _note(self, error: Exception, what: str) -> None:
        self._errors += 1
        level = logging.WARNING if self._errors <= _LOUD else logging.DEBUG
        _log.log(level, "%s: %s: %s", what, type(error).__name__, error)
