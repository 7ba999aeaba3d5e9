"""The days of a campaign's epoch, from what was done to the campaign."""

from datetime import datetime

from fairlift.engine.campaign import Campaign

from fairlift_server.results.campaign_days import HOUR_US, CampaignDays, Pause
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.campaigns import HistoryEntry, microseconds
from fairlift_server.store.database import Transaction

# More entries than a campaign's history ever has.
_ALL = 100_000


def campaign_days_of(transaction: Transaction, campaign: Campaign) -> CampaignDays:
    """The days of a campaign's epoch.

    Args:
        transaction: to read in.
        campaign: as it was when the epoch began, with its lifecycle as it is now.
    """
    history = campaign_store.campaign_history(transaction, campaign.id, after=0, limit=_ALL)
    epochs = campaign_store.epochs_of(transaction, campaign.id)[campaign.id]
    epoch = campaign.lifecycle.epoch
    start = epochs[epoch].campaign.lifecycle.epoch_time
    assert start is not None, "an epoch has a beginning"
    assert campaign.plan is not None, "a campaign without a plan cannot start"
    ends = [campaign.lifecycle.stop_time]
    if following := epochs.get(epoch + 1):
        ends.append(following.campaign.lifecycle.epoch_time)
    stop_us = min((microseconds(moment) for moment in ends if moment is not None), default=None)
    return CampaignDays(
        campaign.time_zone,
        microseconds(start),
        _opened_us(history, start),
        campaign.plan.settle_hours * HOUR_US,
        _until(stop_us, _pauses(history)),
        stop_us,
    )


def _opened_us(history: list[HistoryEntry], start: datetime) -> int:
    """When the epoch was begun, by the clock: a campaign may start in the past."""
    started = (entry.time for entry in history if entry.verb == "start")
    return microseconds(max(start, next(started, start)))


def _until(stop_us: int | None, pauses: tuple[Pause, ...]) -> tuple[Pause, ...]:
    """The pauses of an epoch that was stopped: the one that lasts into the next ends with it."""
    if stop_us is None:
        return pauses
    return tuple(
        Pause(pause.start_us, stop_us if pause.end_us is None else min(pause.end_us, stop_us))
        for pause in pauses
        if pause.start_us < stop_us
    )


def _pauses(history: list[HistoryEntry]) -> tuple[Pause, ...]:
    pauses: list[Pause] = []
    for entry in history:
        time_us = microseconds(entry.time)
        if entry.verb == "pause":
            pauses.append(Pause(time_us, None))
        elif entry.verb in ("resume", "stop") and pauses and pauses[-1].end_us is None:
            pauses[-1] = Pause(pauses[-1].start_us, time_us)
    return tuple(pauses)
