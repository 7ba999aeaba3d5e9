"""The composition root: creates the parts of the server and connects them."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fairlift_server.administration import Administration
from fairlift_server.api.certificate import Certificate, read_certificate
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.server import GrpcServer
from fairlift_server.background_tasks import background_tasks
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.campaigns.other_servers import OtherServers
from fairlift_server.campaigns.shop_currency import set_currency
from fairlift_server.campaigns.snapshot_build import published_snapshot
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ingest import Ingest, ReadEvents, StoreEvents
from fairlift_server.events.intake import IntakeWatch
from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journaled_store import JournaledStore
from fairlift_server.events.ledger import EventOutcome
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.grpc_services import results_on_first_use, services_of
from fairlift_server.monitoring_hooks import (
    exports,
    metric_export_of,
    metrics_of,
    monitored,
    timed,
    tracing_of,
    watch_server,
)
from fairlift_server.results.answer_files import analysis_folder, remove_copy
from fairlift_server.results.worker_pool import WorkerPool, WorkerPools
from fairlift_server.server_parts import ServerParts
from fairlift_server.settings import Settings
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.contents import last_received_us
from fairlift_server.store.database import Store, Transaction, is_url
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.event_groups import store_group
from fairlift_server.store.history import chain, newest
from fairlift_server.store.stored_ids import IdSettings
from fairlift_server.store.tombstone_file import TombstoneFile
from fairlift_server.store.unit_requests import UnitRequests, apply_tombstones

if TYPE_CHECKING:
    from fairlift_server.monitoring.metrics import ServerMetrics
    from fairlift_server.tracing.spans import Tracing

log = logging.getLogger("fairlift.store")


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    worker: int | None = None,
    workers: WorkerPool | None = None,
    after_start: Callable[[Store], Awaitable[None]] | None = None,
    clock: Callable[[], datetime] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[GrpcServer]:
    """A started server. When the block ends it drains: no acknowledged event is lost.

    Args:
        settings: of this server.
        worker: its number among those of a supervisor, from 0; None: it is alone.
        workers: processes that compute results, shared by several servers and left open; by
            default the server starts its own.
        after_start: runs once callers are served: a start that fails earlier leaves nothing of it
            in the database.
        clock: the time, in UTC.
        monotonic: seconds that pass evenly, from which callers' clocks are told from the server's.

    Raises:
        WrongState: an address is taken, another server uses the database, or the database is in
            another currency than the settings.
    """
    # However far the start comes, what was opened is closed, the newest first.
    async with AsyncExitStack() as opened:
        # First what needs no database: a start that fails leaves the file as it was.
        id_settings = id_settings_of(settings)
        tracing = tracing_of(os.environ)
        if tracing is not None:
            # Closed last: a collector that is away takes some seconds.
            opened.push_async_callback(asyncio.to_thread, tracing.close)
        server = GrpcServer(
            listen=settings.listen,
            certificate=certificate_of(settings),
            is_shared=worker is not None,
            connection_age_s=settings.connection_age_s,
        )
        opened.push_async_callback(server.close)
        are_exported = exports("metrics", os.environ)
        metrics = metrics_of(settings, are_exported=are_exported)
        if metrics is not None and are_exported and (export := metric_export_of(metrics)):
            opened.push_async_callback(asyncio.to_thread, export.close)
        await opened.enter_async_context(monitored(settings, worker, metrics, server))
        store = Store(settings.database)
        opened.callback(store.close)
        start = _Start(settings, clock, monotonic, server, store, metrics, tracing)
        parts = _connected(opened, start, id_settings, workers)
        results = results_on_first_use(parts)
        log.info("opened %s: %s", store.name, store.contents())
        number, digest = store.read_now(newest)
        # Logs are often kept where whoever writes to the database cannot: `audit check --expect`.
        newest_entry = {"fields": {"entry": f"{number}:{digest}"}}
        log.info("the newest entry of the history", extra=newest_entry)
        await server.start(
            services_of(parts, results),
            tokens=parts.rights.tokens,
            has_reflection=settings.has_reflection,
            observer=metrics,
            tracer=tracing,
        )
        opened.push_async_callback(
            server.drain, delay_s=settings.drain_delay_s, grace_s=settings.drain_s
        )
        await opened.enter_async_context(background_tasks(parts, results, worker=worker))
        if metrics is not None:
            watch_server(metrics, parts.live, parts.ingest, server, parts.journaled, clock)
        if after_start is not None:
            await after_start(store)
            await parts.rights.watch.refresh()
        yield server


@dataclass(frozen=True, slots=True)
class _Start:
    """What a start has before it prepares the database."""

    settings: Settings
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    server: GrpcServer
    store: Store
    metrics: "ServerMetrics | None"
    tracing: "Tracing | None"

    def now_us(self) -> int:
        """The time, in microseconds since 1970."""
        return microseconds(self.clock())


def _connected(
    opened: AsyncExitStack, start: _Start, id_settings: IdSettings, workers: WorkerPool | None
) -> ServerParts:
    """The parts, after the database was prepared for them; the stack closes them."""
    settings, store, clock = start.settings, start.store, start.clock
    # One that cannot be used leaves the database as it was.
    journal = _journal(opened, settings)
    ids = prepared(store, settings, id_settings)
    tombstones = TombstoneFile.of(settings.erased_file, store.file)
    apply_tombstones(store, tombstones, time_us=start.now_us())
    erased = ErasedUnits(ids)
    pools = _worker_pools(opened, start, workers)
    folder = analysis_folder(settings.analysis_folder, store.file)
    units = UnitRequests(store, ids, tombstones, partial(remove_copy, folder))
    opened.push_async_callback(units.close)
    live = LiveCampaigns(
        store.read_now(lambda transaction: published_snapshot(transaction, clock()))
    )
    watch = IntakeWatch(start.now_us(), store.read_now(last_received_us))
    store_events = _store_events(start, erased, watch)
    journaled = None
    if journal is not None:
        # Days must not settle without what waits in the journal.
        journaled = JournaledStore(
            store_events, journal, on_journaled=lambda: watch.failed(start.now_us())
        )
        opened.push_async_callback(journaled.close, grace_s=settings.drain_s)
    ingest = Ingest(
        store_events if journaled is None else journaled.store,
        limit_events=settings.queue_events,
        tracer=start.tracing,
    )
    opened.push_async_callback(ingest.close)
    return ServerParts(
        settings=settings,
        clock=clock,
        server=start.server,
        store=store,
        ids=ids,
        erased=erased,
        units=units,
        rights=Administration(settings, store, clock),
        live=live,
        others=OtherServers(store, live, clock),
        ingest=ingest,
        journaled=journaled,
        watch=watch,
        clocks=CallerClocks(start.now_us, start.monotonic),
        page_tokens=PageTokens(),
        pools=pools,
        metrics=start.metrics,
    )


def _journal(opened: AsyncExitStack, settings: Settings) -> Journal | None:
    if not settings.journal:
        return None
    journal = Journal(Path(settings.journal), limit_bytes=settings.journal_mb * MIB)
    opened.callback(journal.close)
    return journal


def _worker_pools(opened: AsyncExitStack, start: _Start, workers: WorkerPool | None) -> WorkerPools:
    if workers is not None:
        return WorkerPools(reports=workers, checks=workers)
    observe = None if start.metrics is None else start.metrics.analysis
    trace = None if start.tracing is None else start.tracing.job
    pools = WorkerPools(
        reports=WorkerPool(start.settings.analyses, observe, trace),
        checks=WorkerPool(1, observe, trace),
    )
    opened.callback(pools.close)
    return pools


def _store_events(start: _Start, erased: ErasedUnits, watch: IntakeWatch) -> StoreEvents:
    """Stores events in the database; their coming in is watched, and counted."""
    settings = start.settings
    limits = ParkingLimits(settings.parked_events, settings.parked_days)

    async def store_events(events: ReadEvents) -> list[EventOutcome]:
        try:
            outcomes = await start.store.write(
                lambda transaction: store_group(
                    transaction,
                    events,
                    settings.currency,
                    limits,
                    erased=erased,
                    is_last=True,
                )
            )
        except Exception:
            watch.failed(start.now_us())
            raise
        watch.received(start.now_us())
        return outcomes

    return store_events if start.metrics is None else timed(store_events, start.metrics)


def id_settings_of(settings: Settings) -> IdSettings:
    """How the settings want ids to be stored.

    Raises:
        WrongState: FAIRLIFT_ID_KEY_FILE names a file without a key.
    """
    return IdSettings.of(
        raw=settings.raw_ids,
        key=settings.id_key,
        key_file=settings.id_key_file,
        database=None if is_url(settings.database) else Path(settings.database),
    )


def prepared(store: Store, settings: Settings, id_settings: IdSettings) -> UnitIds:
    """Upgrades the database, if it fits the settings; how ids are stored in it.

    Raises:
        WrongState: it is in another currency, or its ids are stored in another way.
    """
    ids: list[UnitIds] = []

    def check(transaction: Transaction) -> None:
        set_currency(transaction, settings.currency)
        ids.append(id_settings.settled(transaction, store.name))
        chain(transaction)  # what an older version added to the history

    store.migrate(check)
    return ids[-1]


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate that the settings name; None: TLS is off.

    Raises:
        WrongState: it cannot be used.
    """
    if not settings.tls_certificate:
        return None
    return read_certificate(settings.tls_certificate, settings.tls_key)
