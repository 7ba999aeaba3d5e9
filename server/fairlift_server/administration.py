"""Connects what concerns the rights of callers: tokens, settings of administrators, audit."""

import logging
from collections.abc import Callable
from datetime import datetime

from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.access.shop_policy import ShopPolicy
from fairlift_server.access.token_changes import TokenChanges
from fairlift_server.access.token_watch import TokenWatch
from fairlift_server.api.admin import AdminApi
from fairlift_server.api.audit_calls import AuditCalls
from fairlift_server.api.authors import Authors
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.settings_calls import SettingsCalls
from fairlift_server.api.token_calls import TokenCalls
from fairlift_server.results.retention_rules import RetentionRules
from fairlift_server.settings import Settings
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.unit_requests import UnitRequests

log = logging.getLogger("fairlift.server")


class Administration:
    """The tokens of a server, and the service that changes them.

    Args:
        settings: of the server.
        store: the database, migrated.
        clock: the time, in UTC.
    """

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self.tokens = LiveTokens(
            environment=settings.environment,
            setting=settings.token,
            is_open=settings.is_open,
            now_us=self._now_us,
        )
        self.authors = Authors(self.tokens)
        self.policy = ShopPolicy(settings.environment)
        self.watch = TokenWatch(store, self.tokens, self.policy, self._now_us)
        self.watch.load()
        if settings.token:
            log.info(
                "FAIRLIFT_TOKEN is a token of the role admin, which may do everything; "
                "`fairlift-server token create` makes tokens that may do less"
            )

    def service(self, units: UnitRequests, page_tokens: PageTokens) -> AdminApi:
        """AdminService."""
        settings = self._settings
        changes = TokenChanges(settings.environment, has_setting=bool(settings.token))
        return AdminApi(
            units,
            TokenCalls(self._store, changes, self.watch, self.authors, page_tokens, self._now_us),
            SettingsCalls(
                self._store,
                self.watch,
                self.authors,
                environment=settings.environment,
                currency=settings.currency,
                now_us=self._now_us,
            ),
            AuditCalls(self._store, page_tokens),
            self.authors,
            now=self._clock,
        )

    def retention_rules(self, transaction: Transaction) -> RetentionRules:
        """As administrators set them, or as the server's environment does."""
        return RetentionRules.stored(
            transaction,
            server_days=self._settings.retention_days,
            history_days=self._settings.history_days,
        )

    def _now_us(self) -> int:
        return microseconds(self._clock())
