"""Which campaigns may have a look due: asked every minute, so that it loads no mathematics."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from fairlift.engine.campaign import State
from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.results.answer_files import forget_before
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_history import campaign_of_epoch, days_of_epoch
from fairlift_server.results.look_text import look_day
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.ledger_mark import ledger_mark
from fairlift_server.store.looks import LookRecord, newest_look_of

log = logging.getLogger("fairlift.results")

WITH_LOOKS: Final = (State.RUNNING, State.PAUSED, State.STOPPED)


async def wait_for_first_look(
    store: Store, *, answers: Path | None, every_s: float, now: Callable[[], datetime]
) -> None:
    """Returns once a look may be due.

    Args:
        store: of campaigns and looks.
        answers: the folder of remembered answers, from which those that may not be used go
            meanwhile; None: nothing is remembered.
        every_s: how often it is asked.
        now: the time, in UTC.
    """
    while True:
        await asyncio.sleep(every_s)
        try:
            if answers is not None:
                await forget_removed(store, answers)
            if await store.read(partial(due_campaigns, now_us=microseconds(now()))):
                return
        except (Overloaded, Unavailable):
            pass  # the store has logged that the database is away
        except Exception:
            log.exception("which looks are due could not be read")


def due_campaigns(transaction: Transaction, now_us: int) -> list[str]:
    """Campaigns of which the clock has passed the next day to be looked at."""
    return [
        campaign.id
        for campaign in campaign_store.listed(transaction, states=WITH_LOOKS)
        if _may_be_due(transaction, campaign.id, now_us)
    ]


async def forget_removed(store: Store, folder: Path) -> None:
    """Removes the answers, and the copy of the ledger, from before events were removed."""
    mark = await store.read(ledger_mark)
    await asyncio.to_thread(forget_before, folder, mark.removals)


def _may_be_due(transaction: Transaction, campaign: str, now_us: int) -> bool:
    current = campaign_store.get(transaction, campaign)
    assert current is not None, "it was listed in the same transaction"
    epochs = campaign_store.epochs_of(transaction, campaign)[campaign]
    of_epoch = campaign_of_epoch(current, epochs, 0)
    newest = newest_look_of(transaction, campaign, of_epoch.lifecycle.epoch)
    return next_is_due(days_of_epoch(transaction, of_epoch, epochs), newest, now_us)


def next_is_due(days: CampaignDays, newest: LookRecord | None, now_us: int) -> bool:
    """Whether the clock has passed the day after the newest look."""
    looks_made = 0
    if newest is not None:
        day = look_day(newest.content)
        if day is None:
            return True  # It was edited: a reading says so, by its number.
        if day.is_closing:
            return False
        looks_made = day.number
    following = days.nth(looks_made + 1)
    return following is not None and following.due_us <= now_us
