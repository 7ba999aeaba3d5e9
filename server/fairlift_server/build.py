"""The composition root: the only place where the parts of the server meet."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.api.assignments import Assignments
from fairlift_server.api.campaigns import CampaignApi
from fairlift_server.api.events import EventApi
from fairlift_server.api.paging import Pages
from fairlift_server.api.results import ResultsApi
from fairlift_server.api.server import Certificate, Server, Services
from fairlift_server.calculators import Calculators
from fairlift_server.campaigns import Campaigns
from fairlift_server.ingest import Ingest
from fairlift_server.publication import publication
from fairlift_server.results import Results
from fairlift_server.running import Running
from fairlift_server.settings import Settings
from fairlift_server.store import campaigns as kept
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.events import record


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def token() -> str:
    """128 random bits, for salts and etags."""
    return secrets.token_hex(16)


@asynccontextmanager
async def serving(
    settings: Settings, *, calculators: Calculators | None = None
) -> AsyncIterator[Server]:
    """A server that has started; drained when the block ends, with nothing acknowledged lost.

    Args:
        settings: of this server.
        calculators: the processes that compute, when several servers share them; they stay open.

    Raises:
        WrongState: the address is taken, another server holds the database, or its currency is
            not the one in the settings.
    """
    store = Store(Path(settings.database))
    try:
        store.migrate()
        store.write_now(lambda transaction: _settle_currency(transaction, settings.currency))
        running = Running(store.read_now(lambda transaction: publication(transaction, now())))
        ingest = Ingest(
            lambda events: store.write(
                lambda transaction: record(transaction, events, settings.currency)
            ),
            limit_events=settings.queue_events,
        )
        own = Calculators(settings.analyses)
        server = Server(
            _services(settings, store, running, ingest, calculators or own),
            listen=settings.listen,
            token=settings.token,
            has_reflection=settings.has_reflection,
            certificate=_certificate(settings),
        )
        await server.start()
        try:
            yield server
        finally:
            await server.drain(delay_s=settings.drain_delay_s, grace_s=settings.drain_s)
            await ingest.close()
            own.close()
    finally:
        store.close()


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
    running: Running,
    ingest: Ingest,
    calculators: Calculators,
) -> Services:
    pages = Pages()
    campaigns = Campaigns(store, running, currency=settings.currency, now=now, token=token)
    return Services(
        Assignments(running, keep_alive_s=settings.keep_alive_s),
        CampaignApi(campaigns, pages),
        EventApi(ingest, running, currency=settings.currency, history_days=settings.history_days),
        ResultsApi(
            Results(store, calculators, currency=settings.currency, now=now),
            pages,
            currency=settings.currency,
            watch_every_s=settings.keep_alive_s,
        ),
    )


def _settle_currency(transaction: Transaction, currency: str) -> None:
    shop = kept.shop(transaction)
    if shop is None:
        shop = kept.Shop(currency, holdout_bps=0, holdout_salt=token())
    elif shop.currency_code != currency and kept.holds_money(transaction):
        raise WrongState(
            f"FAIRLIFT_CURRENCY is {currency}, but the ledger's amounts are in "
            f"{shop.currency_code}; set it back, or use another database"
        )
    kept.put_shop(transaction, kept.Shop(currency, shop.holdout_bps, shop.holdout_salt))
