"""What the services and the background tasks of one server are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fairlift_server.administration import Administration
from fairlift_server.api.events import EventRules
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.server import GrpcServer
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.campaigns.other_servers import OtherServers
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.intake import IntakeWatch
from fairlift_server.events.journaled_store import JournaledStore
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.results.worker_pool import WorkerPools
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.unit_requests import UnitRequests

if TYPE_CHECKING:
    from fairlift_server.monitoring.metrics import ServerMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """The parts of one server, connected; the database is migrated.

    Attributes:
        settings: of this server.
        clock: the time, in UTC.
        server: that serves, or will.
        store: the database.
        ids: how ids of units are stored in it.
        erased: units of which nothing may be stored.
        units: erases and exports units.
        rights: tokens, and the settings that administrators change.
        live: the campaigns that assignments are decided by.
        others: servers of the same database.
        ingest: stores events.
        journaled: keeps events while the database is away; None: there is no journal.
        watch: when events could come in.
        clocks: of callers.
        page_tokens: of all lists.
        pools: processes that compute results.
        metrics: None: there is no page of figures.
    """

    settings: Settings
    clock: Callable[[], datetime]
    server: GrpcServer
    store: Store
    ids: UnitIds
    erased: ErasedUnits
    units: UnitRequests
    rights: Administration
    live: LiveCampaigns
    others: OtherServers
    ingest: Ingest
    journaled: JournaledStore | None
    watch: IntakeWatch
    clocks: CallerClocks
    page_tokens: PageTokens
    pools: WorkerPools
    metrics: "ServerMetrics | None"

    @property
    def event_rules(self) -> EventRules:
        """By which events are read."""
        settings = self.settings
        return EventRules(settings.currency, settings.history_days, settings.parked_days)
