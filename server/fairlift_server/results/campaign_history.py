"""A campaign's epoch and its days, from what was done to the campaign."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import NotFound, WrongState

from fairlift_server.results.campaign_days import HOUR_US, CampaignDays, Pause
from fairlift_server.store.campaigns import Epoch, microseconds
from fairlift_server.store.database import Transaction
from fairlift_server.store.history import HistoryEntry, moves_of


def campaign_of_epoch(current: Campaign, epochs: Mapping[int, Epoch], epoch: int) -> Campaign:
    """The campaign as it was when the epoch began, with its name and lifecycle as they are now.

    Args:
        current: the campaign as it is.
        epochs: all of it, by number.
        epoch: 0 is the current one.

    Raises:
        WrongState: it was never started.
        NotFound: it has no such epoch.
    """
    if not epochs:
        raise WrongState(
            f"campaign {current.id} is {current.lifecycle.state} and was never started, "
            "so it has no results"
        )
    began = epochs.get(epoch or current.lifecycle.epoch)
    if began is None:
        raise NotFound(f"campaign {current.id} has epochs 1 to {len(epochs)}, not {epoch}")
    lifecycle = replace(current.lifecycle, epoch=began.campaign.lifecycle.epoch)
    return replace(began.campaign, display_name=current.display_name, lifecycle=lifecycle)


def campaign_days_of(
    campaign: Campaign,
    moves: Sequence[HistoryEntry],
    *,
    start: datetime,
    next_start: datetime | None = None,
) -> CampaignDays:
    """The days of a campaign's epoch.

    Args:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        moves: when it was started, paused, resumed and stopped, oldest first.
        start: when the epoch began.
        next_start: when the epoch after it began.
    """
    assert campaign.plan is not None, "a campaign without a plan cannot start"
    ends = (campaign.lifecycle.stop_time, next_start)
    stop_us = min((microseconds(moment) for moment in ends if moment is not None), default=None)
    return CampaignDays(
        campaign.time_zone,
        microseconds(start),
        _opened_us(moves, start),
        campaign.plan.settle_hours * HOUR_US,
        _until(stop_us, _pauses(moves)),
        stop_us,
    )


def days_of_epoch(
    transaction: Transaction, of_epoch: Campaign, epochs: Mapping[int, Epoch]
) -> CampaignDays:
    """The days of an epoch, as they are stored.

    Args:
        transaction: to read in.
        of_epoch: the campaign as it was when the epoch began, with its lifecycle as it is now.
        epochs: all of the campaign, by number.
    """
    number = of_epoch.lifecycle.epoch
    start = epoch_start(epochs, number)
    assert start is not None, "an epoch has a beginning"
    return campaign_days_of(
        of_epoch,
        moves_of(transaction, [of_epoch.id])[of_epoch.id],
        start=start,
        next_start=epoch_start(epochs, number + 1),
    )


def epoch_start(epochs: Mapping[int, Epoch], epoch: int) -> datetime | None:
    """When an epoch began; None if it has not."""
    began = epochs.get(epoch)
    return None if began is None else began.campaign.lifecycle.epoch_time


def _opened_us(moves: Sequence[HistoryEntry], start: datetime) -> int:
    """When the epoch was begun, by the clock: a campaign may start in the past."""
    started = (entry.time for entry in moves if entry.verb == "start")
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


def _pauses(moves: Sequence[HistoryEntry]) -> tuple[Pause, ...]:
    pauses: list[Pause] = []
    for entry in moves:
        time_us = microseconds(entry.time)
        if entry.verb == "pause":
            pauses.append(Pause(time_us, None))
        elif entry.verb in ("resume", "stop") and pauses and pauses[-1].end_us is None:
            pauses[-1] = Pause(pauses[-1].start_us, time_us)
    return tuple(pauses)
