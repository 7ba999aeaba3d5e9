"""Creates the parts that give results, and connects them; the server loads it after its start."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.api.results import ResultsApi
from fairlift_server.events.intake import Intake, IntakeWatch
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.results.analysis_source import AnalysisSource
from fairlift_server.results.answer_files import analysis_folder
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.look_timer import LookTimer
from fairlift_server.results.retention import Retention
from fairlift_server.results.shop_quality import IntakeQuality
from fairlift_server.results.worker_pool import WorkerPools
from fairlift_server.server_parts import ServerParts
from fairlift_server.settings import Settings
from fairlift_server.store.contents import contents, last_received_us
from fairlift_server.store.database import Store
from fairlift_server.store.parked_events import corrections, summarized

if TYPE_CHECKING:
    from fairlift_server.monitoring.metrics import ServerMetrics


class ResultsParts(NamedTuple):
    """What gives results, makes looks, and removes the events that no result needs."""

    api: ResultsApi
    timer: LookTimer
    retention: Retention


def results_parts(parts: ServerParts) -> ResultsParts:
    """What one server needs to give results."""
    settings = parts.settings
    results = campaign_results(
        settings,
        parts.store,
        parts.ids,
        parts.pools,
        watch=parts.watch,
        clock=parts.clock,
        metrics=parts.metrics,
    )
    api = ResultsApi(
        results,
        parts.page_tokens,
        parts.server.turns,
        currency=settings.currency,
        environment=settings.environment,
        watch_every_s=settings.keep_alive_s,
        intake=partial(_intake, parts),
    )
    timer = LookTimer(results, every_s=settings.look_every_s, now=parts.clock)
    retention = Retention(
        parts.store,
        results,
        parts.rights.retention_rules,
        currency=settings.currency,
        now=parts.clock,
    )
    return ResultsParts(api, timer, retention)


def campaign_results(
    settings: Settings,
    store: Store,
    ids: UnitIds,
    pools: WorkerPools,
    *,
    watch: IntakeWatch,
    clock: Callable[[], datetime],
    metrics: "ServerMetrics | None" = None,
) -> CampaignResults:
    """Results of the store.

    Args:
        settings: of the servers of the database.
        store: the database, migrated.
        ids: how ids of units are stored in it.
        pools: processes that compute and check.
        watch: when events could come in.
        clock: the time, in UTC.
        metrics: count looks.
    """
    counted: dict[str, Any] = {}  # Any: callables of several kinds
    if metrics is not None:
        counted = {"count_looks": metrics.looks, "note_unseen_orders": metrics.unseen_orders}
    return CampaignResults(
        store,
        pools.reports,
        pools.checks,
        currency=settings.currency,
        now=clock,
        intake=partial(_intake_of_all, store, watch),
        stored_id=ids.stored,
        source=_analysis_source(settings, store, ids),
        **counted,
    )


def _analysis_source(settings: Settings, store: Store, ids: UnitIds) -> AnalysisSource:
    folder = analysis_folder(settings.analysis_folder, store.file)
    return AnalysisSource(
        LedgerSource(store.source, settings.analysis_mb, folder),
        settings.analysis,
        settings.analysis_tables,
        settings.currency,
        ids.key_states,
    )


async def _intake_of_all(store: Store, watch: IntakeWatch) -> Intake:
    """When events could come in, at this server or at others of the same database."""
    if store.is_shared and (received_us := await store.read(last_received_us)) is not None:
        watch.received_elsewhere(received_us)
    return watch.state


async def _intake(parts: ServerParts) -> IntakeQuality:
    """What the server took in and could not count yet, or had to correct."""
    events, parked, corrected = await parts.store.read(
        lambda transaction: (
            contents(transaction).events,
            summarized(transaction),
            corrections(transaction),
        )
    )
    journal = None if parts.journaled is None else parts.journaled.state
    return IntakeQuality(
        events, parked, corrected, parts.clocks.state(), parts.ids.personal, journal
    )
