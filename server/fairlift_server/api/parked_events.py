"""Judges parked events again when the clock, a campaign or an exchange rate allows."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from fairlift.engine.campaign import State
from fairlift.engine.errors import Overloaded, Unavailable
from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import campaign_and_epoch
from fairlift_server.api.events import EventRules, event_reader
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ledger import Event, EventOutcome, ParkedEvent, RefusedEvent
from fairlift_server.events.parking import ParkedContent, ParkedSummary, WaitingEvent
from fairlift_server.store import parked_events
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.event_groups import judge_again
from fairlift_server.store.value_limits import limits_key, waits_for_limits

log = logging.getLogger("fairlift.events")

# How long after the clock, a campaign or a rate allows it an event is judged at the latest.
_EVERY_S = 1.0
# In one transaction.
_GROUP_EVENTS = 1_000


class ParkedEvents:
    """Looks every second, and whenever campaigns change, whether parked events can be judged."""

    def __init__(
        self,
        store: Store,
        live: LiveCampaigns,
        clocks: CallerClocks,
        *,
        rules: EventRules,
        erased: ErasedUnits,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._live = live
        self._clocks = clocks
        self._rules = rules
        self._erased = erased
        self._now = now

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        async for _ in self._live.watch("", keep_alive_s=_EVERY_S):
            try:
                await self.judge()
            except (Overloaded, Unavailable):
                continue  # the store has logged why it cannot write
            except Exception:
                # The next round may fare better: a full disk was cleared, a lock released.
                log.exception("parked events could not be judged")

    async def judge(self) -> None:
        """One round over all that can be judged now."""
        summary = await self._store.read(parked_events.summarized)
        if not summary.waiting_total and not summary.refused:
            return
        while parked := await self._judgeable(summary):
            judged = [(event.event_id, self._read(event)) for event in parked]
            _log_outcomes(await self._store.write(partial(self._judge_again, judged=judged)))
            if len(parked) < _GROUP_EVENTS:
                break
        # A clock that is wrong makes no event old.
        if not self._clocks.state().suspects_server:
            await self._expire(summary)

    async def _judgeable(self, summary: ParkedSummary) -> list[ParkedContent]:
        now_us = microseconds(self._now())

        def judgeable(transaction: Transaction) -> list[ParkedContent]:
            limits = limits_key(transaction)
            healed = [key for _, key in summary.waiting if self._is_healed(key, limits)]
            return parked_events.judgeable(
                transaction, now_us=now_us, healed=healed, limit=_GROUP_EVENTS
            )

        return await self._store.read(judgeable)

    def _judge_again(
        self, transaction: Transaction, judged: list[tuple[bytes, Event | RefusedEvent]]
    ) -> list[EventOutcome]:
        return judge_again(transaction, judged, self._rules.currency, self._erased)

    def _is_healed(self, key: str, limits: str) -> bool:
        """Whether it is a campaign that was started by now, and has the epoch; or other limits."""
        if waits_for_limits(key):
            return key != limits
        waits_for = campaign_and_epoch(key)
        if waits_for is None:
            return False
        campaign, epoch = waits_for
        rules = self._live.exposure_rules.get(campaign)
        return rules is not None and rules.state is not State.DRAFT and rules.epoch >= epoch

    def _read(self, parked: ParkedContent) -> Event | RefusedEvent:
        """The event as it is read now, or why it still waits or is refused."""
        reader = event_reader(self._live, self._now(), self._rules, shift_us=parked.shift_us)
        read = reader.read(pb.Event.FromString(parked.content))
        return read.refusal if isinstance(read, WaitingEvent) else read

    async def _expire(self, summary: ParkedSummary) -> None:
        now_us, days = microseconds(self._now()), self._rules.parked_days
        if not summary.holds_expired(now_us, days):
            return
        expired = await self._store.write(
            lambda transaction: parked_events.expire(transaction, now_us=now_us, days=days)
        )
        if expired:
            log.error(
                "parked events waited for too long and are refused",
                extra={"fields": {"events": expired, "days": days}},
            )


def _log_outcomes(outcomes: list[EventOutcome]) -> None:
    counts = Counter(_word(outcome) for outcome in outcomes if not isinstance(outcome, ParkedEvent))
    if counts:
        has_refused = any(isinstance(outcome, RefusedEvent) for outcome in outcomes)
        level = logging.WARNING if has_refused else logging.INFO
        log.log(level, "parked events were judged", extra={"fields": dict(counts)})


def _word(outcome: EventOutcome) -> str:
    """What a line of the log calls the outcome."""
    match outcome:
        case RefusedEvent():
            return f"refused_{outcome.reason.value}"
        case str():
            return outcome
        case _:
            return "accepted_without_effect"
