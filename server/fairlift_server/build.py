"""The composition root: creates the parts of the server and connects them."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.api.admin import AdminApi
from fairlift_server.api.assignments import AssignmentApi
from fairlift_server.api.campaigns import CampaignApi
from fairlift_server.api.events import EventApi, EventRules
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.parked_events import ParkedEvents
from fairlift_server.api.readiness import Readiness
from fairlift_server.api.results import ResultsApi
from fairlift_server.api.server import Certificate, GrpcServer, Services
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.campaigns.other_servers import OtherServers
from fairlift_server.campaigns.shop_currency import set_currency
from fairlift_server.campaigns.snapshot_build import published_snapshot
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ingest import Ingest, ReadEvents, StoreEvents
from fairlift_server.events.intake import Intake, IntakeWatch
from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journaled_store import JournaledStore
from fairlift_server.events.ledger import EventOutcome
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.events.personal_ids import PersonalIds
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.look_timer import LookTimer
from fairlift_server.results.retention import Retention
from fairlift_server.results.retention_plan import RetentionRules
from fairlift_server.results.shop_quality import IntakeQuality
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.settings import Settings
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.contents import contents, last_received_us
from fairlift_server.store.database import Store, Transaction, existing_store, is_url
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.event_groups import store_group
from fairlift_server.store.parked_events import corrections, summarized
from fairlift_server.store.stored_ids import IdSettings
from fairlift_server.store.tombstone_file import TombstoneFile
from fairlift_server.store.unit_requests import UnitRequests, apply_tombstones
from fairlift_server.store.upkeep import Upkeep

log = logging.getLogger("fairlift.store")


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def token() -> str:
    """128 random bits, for salts and etags."""
    return secrets.token_hex(16)


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    worker: int | None = None,
    workers: WorkerPool | None = None,
    clock: Callable[[], datetime] = now,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[GrpcServer]:
    """A started server. When the block ends it drains: no acknowledged event is lost.

    Args:
        settings: of this server.
        worker: its number among those of a supervisor, from 0; None: it is alone.
        workers: processes that compute results, shared by several servers and left open; by
            default the server starts its own.
        clock: the time, in UTC.
        monotonic: seconds that pass evenly, from which callers' clocks are told from the server's.

    Raises:
        WrongState: the address is taken, another server uses the database, or the database is in
            another currency than the settings.
    """
    # First what needs no database: a start that fails leaves the file as it was.
    id_settings = id_settings_of(settings)
    server = GrpcServer(
        listen=settings.listen,
        certificate=_certificate(settings),
        is_shared=worker is not None,
        connection_age_s=settings.connection_age_s,
    )
    try:
        store = Store(settings.database)
    except BaseException:
        await server.close()
        raise
    try:
        journal = _journal(settings)  # one that cannot be used leaves the database as it was
        ids = prepared(store, settings, id_settings)
        tombstones = TombstoneFile.of(settings.erased_file, store.file)
        apply_tombstones(store, tombstones, time_us=microseconds(clock()))
        erased = ErasedUnits(ids)
        units = UnitRequests(store, ids, tombstones)
        live = LiveCampaigns(
            store.read_now(lambda transaction: published_snapshot(transaction, clock()))
        )
        watch = IntakeWatch(microseconds(clock()), store.read_now(last_received_us))
        limits = ParkingLimits(settings.parked_events, settings.parked_days)
        store_events = _watched(
            lambda events: store.write(
                lambda transaction: store_group(
                    transaction, events, settings.currency, limits, erased=erased
                )
            ),
            watch,
            clock,
        )
        journaled = _journaled(journal, store_events, watch, clock)
        ingest = Ingest(
            store_events if journaled is None else journaled.store,
            limit_events=settings.queue_events,
        )
        clocks = CallerClocks(lambda: microseconds(clock()), monotonic)
        others = OtherServers(store, live, clock)
        parked = ParkedEvents(
            store, live, clocks, rules=_event_rules(settings), erased=erased, now=clock
        )
        own_workers, own_check_workers = WorkerPool(settings.analyses), WorkerPool(1)
        results = CampaignResults(
            store,
            workers or own_workers,
            workers or own_check_workers,
            currency=settings.currency,
            now=clock,
            intake=partial(_intake_of_all, store, watch),
            stored_id=ids.stored,
        )
        log.info("opened %s: %s", store.name, store.contents())
        await server.start(
            _services(
                settings, store, live, ingest, clocks, results, ids, units, clock, others, journaled
            ),
            token=settings.token,
            has_reflection=settings.has_reflection,
        )
        readiness = Readiness(
            server.set_writable,
            store.check_writes,
            takes_events=None if journaled is None else journaled.can_take,
        )
        store.write_failures.listener = readiness.failed
        timer = LookTimer(results, every_s=settings.look_every_s, now=clock)
        in_background = [
            asyncio.create_task(readiness.run(), name="readiness"),
            *_with_others(store, others),
        ]
        # What concerns the shop as a whole is the work of one worker.
        if not worker:
            if settings.retention_days:
                rules = RetentionRules.of(settings.retention_days, settings.history_days)
                retention = Retention(store, results, rules, currency=settings.currency, now=clock)
                in_background.append(asyncio.create_task(retention.run(), name="retention"))
            in_background.append(asyncio.create_task(timer.run(), name="look-timer"))
            in_background.append(asyncio.create_task(parked.run(), name="parked-events"))
        for task in in_background:
            task.add_done_callback(_log_end)
        try:
            yield server
        finally:
            for task in in_background:
                task.cancel()
            await server.drain(delay_s=settings.drain_delay_s, grace_s=settings.drain_s)
            await ingest.close()
            if journaled is not None:
                await journaled.close(grace_s=settings.drain_s)
            await units.close()
            own_workers.close()
            own_check_workers.close()
    finally:
        store.close()
        await server.close()


def _log_end(task: "asyncio.Task[None]") -> None:
    """Says loudly that something ended which should go on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task in the background ended", exc_info=error)


def _journal(settings: Settings) -> Journal | None:
    if not settings.journal:
        return None
    return Journal(Path(settings.journal), limit_bytes=settings.journal_mb * MIB)


@asynccontextmanager
async def retaining(
    settings: Settings,
    *,
    workers: WorkerPool | None = None,
    clock: Callable[[], datetime] = now,
) -> AsyncIterator[Retention]:
    """What removes old events of a database, which a server may use only if it is PostgreSQL.

    Args:
        settings: of the servers of the database.
        workers: processes that compute results, left open; by default its own.
        clock: the time, in UTC.

    Raises:
        WrongState: a server uses the file, or the database does not fit the settings.
    """
    id_settings = id_settings_of(settings)
    store = existing_store(settings.database)
    own_workers = WorkerPool(1)
    try:
        ids = prepared(store, settings, id_settings)
        watch = IntakeWatch(microseconds(clock()), store.read_now(last_received_us))
        results = CampaignResults(
            store,
            workers or own_workers,
            workers or own_workers,
            currency=settings.currency,
            now=clock,
            intake=partial(_intake_of_all, store, watch),
            stored_id=ids.stored,
        )
        rules = RetentionRules.of(settings.retention_days, settings.history_days)
        # Nobody waits for a file that no server uses.
        share = 0.5 if store.is_shared else 1.0
        yield Retention(store, results, rules, currency=settings.currency, now=clock, share=share)
    finally:
        own_workers.close()
        store.close()


def _journaled(
    journal: Journal | None,
    store_events: StoreEvents,
    watch: IntakeWatch,
    clock: Callable[[], datetime],
) -> JournaledStore | None:
    """Stores events, and has a journal for the time in which the database is away."""
    if journal is None:
        return None
    # Days must not settle without what waits in the journal.
    return JournaledStore(
        store_events, journal, on_journaled=lambda: watch.failed(microseconds(clock()))
    )


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

    store.migrate(check)
    return ids[-1]


def _watched(record: StoreEvents, watch: IntakeWatch, clock: Callable[[], datetime]) -> StoreEvents:
    """Stores events, and has their coming in watched."""

    async def watched(events: ReadEvents) -> list[EventOutcome]:
        try:
            outcomes = await record(events)
        except Exception:
            watch.failed(microseconds(clock()))
            raise
        watch.received(microseconds(clock()))
        return outcomes

    return watched


def _with_others(store: Store, others: OtherServers) -> list["asyncio.Task[None]"]:
    """What a server does because others use the same database."""
    if not store.is_shared:
        return []
    return [
        asyncio.create_task(others.run(), name="other-servers"),
        asyncio.create_task(Upkeep(store).run(), name="upkeep"),
    ]


def _certificate(settings: Settings) -> Certificate | None:
    if not settings.tls_certificate:
        return None
    try:
        chain, key = (
            Path(path).read_bytes() for path in (settings.tls_certificate, settings.tls_key)
        )
    except OSError as error:
        raise WrongState(f"cannot read {error.filename}: {error.strerror}") from None
    return Certificate(chain, key)


def _services(
    settings: Settings,
    store: Store,
    live: LiveCampaigns,
    ingest: Ingest,
    clocks: CallerClocks,
    results: CampaignResults,
    ids: UnitIds,
    units: UnitRequests,
    clock: Callable[[], datetime],
    others: OtherServers,
    journaled: JournaledStore | None,
) -> Services:
    page_tokens = PageTokens()
    campaigns = CampaignLifecycle(store, live, currency=settings.currency, now=clock, token=token)
    return Services(
        AdminApi(units, now=clock),
        AssignmentApi(live, keep_alive_s=settings.keep_alive_s),
        CampaignApi(campaigns, page_tokens),
        EventApi(
            ingest,
            live,
            clocks,
            rules=_event_rules(settings),
            stored=ids.stored,
            now=clock,
            catch_up=others.catch_up,
        ),
        ResultsApi(
            results,
            page_tokens,
            currency=settings.currency,
            watch_every_s=settings.keep_alive_s,
            intake=partial(_intake, store, clocks, ids.personal, journaled),
        ),
    )


def _event_rules(settings: Settings) -> EventRules:
    return EventRules(settings.currency, settings.history_days, settings.parked_days)


async def _intake_of_all(store: Store, watch: IntakeWatch) -> Intake:
    """When events could come in, at this server or at others of the same database."""
    if store.is_shared and (received_us := await store.read(last_received_us)) is not None:
        watch.received_elsewhere(received_us)
    return watch.state


async def _intake(
    store: Store, clocks: CallerClocks, personal: PersonalIds, journaled: JournaledStore | None
) -> IntakeQuality:
    """What the server took in and could not count yet, or had to correct."""
    events, parked, corrected = await store.read(
        lambda transaction: (
            contents(transaction).events,
            summarized(transaction),
            corrections(transaction),
        )
    )
    journal = None if journaled is None else journaled.state
    return IntakeQuality(events, parked, corrected, clocks.state(), personal, journal)
