"""Results of a database beside no server of its file: for commands."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

from fairlift_server.build import id_settings_of, now, prepared
from fairlift_server.events.intake import IntakeWatch
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.retention import Retention
from fairlift_server.results.retention_rules import RetentionRules
from fairlift_server.results.worker_pool import WorkerPool, WorkerPools
from fairlift_server.results_parts import campaign_results
from fairlift_server.settings import Settings
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.contents import last_received_us
from fairlift_server.store.database import Store, Transaction, existing_store


@asynccontextmanager
async def analysing(
    settings: Settings, *, clock: Callable[[], datetime] = now
) -> AsyncIterator[CampaignResults]:
    """Results of a database that a server may use only if it is PostgreSQL.

    Args:
        settings: of the servers of the database.
        clock: the time, in UTC.

    Raises:
        WrongState: a server uses the file, or the database does not fit the settings.
    """
    with _offline(settings, None, clock) as (_, results):
        yield results


@asynccontextmanager
async def retaining(
    settings: Settings,
    rules: Callable[[Transaction], RetentionRules],
    *,
    workers: WorkerPool | None = None,
    clock: Callable[[], datetime] = now,
) -> AsyncIterator[Retention]:
    """What removes old events of a database, which a server may use only if it is PostgreSQL.

    Args:
        settings: of the servers of the database.
        rules: how long events are kept.
        workers: processes that compute results, left open; by default its own.
        clock: the time, in UTC.

    Raises:
        WrongState: a server uses the file, or the database does not fit the settings.
    """
    with _offline(settings, workers, clock) as (store, results):
        # Nobody waits for a file that no server uses.
        share = 0.5 if store.is_shared else 1.0
        yield Retention(
            store,
            results,
            rules,
            currency=settings.currency,
            now=clock,
            share=share,
        )


@contextmanager
def _offline(
    settings: Settings, workers: WorkerPool | None, clock: Callable[[], datetime]
) -> Iterator[tuple[Store, CampaignResults]]:
    """An existing database and its results, beside no server of its file."""
    id_settings = id_settings_of(settings)
    store = existing_store(settings.database)
    own_workers = WorkerPool(1, beside_server=False)
    try:
        ids = prepared(store, settings, id_settings)
        watch = IntakeWatch(microseconds(clock()), store.read_now(last_received_us))
        pool = workers or own_workers
        pools = WorkerPools(reports=pool, checks=pool)
        yield store, campaign_results(settings, store, ids, pools, watch=watch, clock=clock)
    finally:
        own_workers.close()
        store.close()
