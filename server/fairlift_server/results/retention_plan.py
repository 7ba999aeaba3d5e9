"""What old events may go, and which campaigns hold back the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.errors import WrongState
from fairlift.engine.metric import OrderMeasure

from fairlift_server.analysis.columns import maturity_us, measures_behind
from fairlift_server.analysis.day_calendar import DAY_US
from fairlift_server.analysis.ledger_query import NEW_OR_RETURNING
from fairlift_server.events.caller_clocks import TOLERANCE_US
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.retention_rules import RetentionRules
from fairlift_server.results.stored_epoch import StoredEpoch, stored_epoch
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.costs import has_costs
from fairlift_server.store.database import Transaction
from fairlift_server.store.old_events import Bounds
from fairlift_server.store.sealed_answers import sealed_epochs

_ENDED = (State.STOPPED, State.ARCHIVED)


@dataclass(frozen=True, slots=True)
class HeldEpoch:
    """An epoch that needs events.

    Attributes:
        campaign, epoch: which it is.
        since_us: it needs events from this time on; None: all.
        needs_orders: it needs all orders, however old: by them first purchases are told.
        made_us: when its last look was made; None: there is none.
        keep_us: from when on its answer may be kept in place of the events; None: it has not ended.
        why: in words.
    """

    campaign: str
    epoch: int
    since_us: int | None
    needs_orders: bool
    made_us: int | None
    keep_us: int | None
    why: str


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What may go, what holds back the rest, and whose answers are to be kept first."""

    bounds: Bounds
    held: tuple[HeldEpoch, ...]
    to_keep: tuple[HeldEpoch, ...]


def retention_plan(
    transaction: Transaction,
    rules: RetentionRules,
    *,
    currency: str,
    now_us: int,
    as_if_kept: bool = False,
) -> RetentionPlan:
    """What may go now.

    Args:
        transaction: to read in.
        rules: how long events are kept.
        currency: the shop's.
        now_us: the time.
        as_if_kept: as if the answers that are to be kept were kept already.
    """
    held = tuple(_held_epochs(transaction, rules, currency))
    to_keep = tuple(each for each in held if each.keep_us is not None and each.keep_us <= now_us)
    if as_if_kept:
        held = tuple(each for each in held if each not in to_keep)
    old_us = now_us - rules.days * DAY_US
    # A report tells what came in after the last look.
    made = (each.made_us for each in held if each.made_us is not None)
    return RetentionPlan(
        Bounds(
            received_us=min([old_us, *made]),
            time_us=min([now_us, *(each.since_us or 0 for each in held)]),
            orders=not any(each.needs_orders for each in held),
            forget_us=now_us - rules.known_days * DAY_US,
        ),
        held,
        to_keep,
    )


def _held_epochs(
    transaction: Transaction, rules: RetentionRules, currency: str
) -> Iterator[HeldEpoch]:
    sealed = sealed_epochs(transaction)
    epochs = campaign_store.epochs_of(transaction)
    for campaign in campaign_store.listed(transaction, states=tuple(State)):
        for number in sorted(epochs.get(campaign.id, {})):
            if (campaign.id, number) not in sealed:
                yield _held(transaction, campaign, number, rules, currency)


def _held(
    transaction: Transaction, campaign: Campaign, epoch: int, rules: RetentionRules, currency: str
) -> HeldEpoch:
    try:
        stored = stored_epoch(transaction, campaign.id, epoch, currency=currency)
    except WrongState as error:
        # Whoever restores its plan finds its events.
        return HeldEpoch(campaign.id, epoch, None, True, None, None, str(error))
    columns = stored.plan.columns
    before_days = max((column.before_days for column in columns), default=0)
    return HeldEpoch(
        campaign.id,
        epoch,
        stored.days.start_us - TOLERANCE_US - before_days * DAY_US,
        _needs_all_orders(transaction, campaign.id, stored.plan),
        microseconds(stored.records[-1].time) if stored.records else None,
        keep_us := _keep_us(campaign, stored, rules),
        f"is {campaign.lifecycle.state}" if keep_us is None else "ended too recently",
    )


def _needs_all_orders(transaction: Transaction, campaign: str, plan: AnalysisPlan) -> bool:
    """Whether some figure depends on who had ever ordered before."""
    return (
        OrderMeasure.FIRST_PURCHASES in measures_behind(plan.columns)
        or NEW_OR_RETURNING in plan.plan.segments
        # Channels are told by their first orders.
        or has_costs(transaction, campaign)
    )


def _keep_us(campaign: Campaign, stored: StoredEpoch, rules: RetentionRules) -> int | None:
    """When every event of an epoch that has ended is old; None: it has not ended."""
    days = stored.days
    is_current = stored.plan.epoch == campaign.lifecycle.epoch
    if days.stop_us is None or (is_current and campaign.lifecycle.state not in _ENDED):
        return None
    longest_us = max((maturity_us(group.maturity) for group in stored.plan.groups), default=0)
    over_us = max(days.stop_us, days.opened_us) + longest_us + days.settle_us
    return over_us + rules.days * DAY_US
