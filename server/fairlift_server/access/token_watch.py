"""Keeps tokens and settings in memory like those that are stored, whoever changed them."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.access.shop_policy import ShopPolicy
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.exposure_keys import ExposureKey
from fairlift_server.store.shop_settings import ShopSettings
from fairlift_server.store.tokens import StoredToken, all_tokens, note_uses, tokens_version

log = logging.getLogger("fairlift.tokens")

# A token that was revoked by another server or by a command is refused within a second.
POLL_S = 0.4
_MINUTE_US = 60_000_000

# What was read: the tokens, and the settings with their keys; None: they are as they were.
_Read: TypeAlias = tuple[
    tuple[int, list[StoredToken]] | None, tuple[ShopSettings, list[ExposureKey]] | None
]


class TokenWatch:
    """Reads what changed, ends streams whose token ended, and notes when tokens were used.

    Args:
        store: the database.
        tokens: those in memory.
        policy: the settings in memory.
        now_us: microseconds since 1970.
    """

    def __init__(
        self, store: Store, tokens: LiveTokens, policy: ShopPolicy, now_us: Callable[[], int]
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._policy = policy
        self._now_us = now_us
        self._version = -1
        self._checked_us = now_us()
        self._noted_us = 0
        self._failed = False
        # Called when a token that was valid may not be any more.
        self.on_end: Callable[[], None] = lambda: None

    def load(self) -> None:
        """Reads all of it before the server starts."""
        self._take(self._store.read_now(self._changed))

    async def run(self) -> None:
        """Goes on until it is cancelled; while the database is away, all stays as it was."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.refresh()
                await self.note_uses()
            except Exception as error:
                if not self._failed:
                    fields = {"reason": " ".join(str(error).split())}
                    log.warning(
                        "changes of tokens and settings cannot be read", extra={"fields": fields}
                    )
                self._failed = True
            else:
                self._failed = False

    async def refresh(self) -> None:
        """Reads what changed."""
        self._take(await self._store.read_soon(self._changed))

    def end(self, identifier: str) -> None:
        """Refuses a stored token at once, whether or not its end can be stored."""
        self._tokens.end(identifier)
        self.on_end()

    async def note_uses(self) -> None:
        """Once a minute, writes down which tokens were used."""
        minute_us = self._now_us() // _MINUTE_US * _MINUTE_US
        if minute_us == self._noted_us:
            return
        self._noted_us = minute_us
        if used := self._tokens.take_used():
            await self._store.write(lambda transaction: note_uses(transaction, used, minute_us))

    def _changed(self, transaction: Transaction) -> _Read:
        version = tokens_version(transaction)
        tokens = None if version == self._version else (version, all_tokens(transaction))
        return tokens, self._policy.changed(transaction)

    def _take(self, read: _Read) -> None:
        changed, settings = read
        if settings is not None:
            self._policy.take(*settings)
        since_us, self._checked_us = self._checked_us, self._now_us()
        if changed is not None:
            self._version, tokens = changed
            self._tokens.replace(tokens)
            self.on_end()
        elif self._tokens.any_ended(since_us, self._checked_us):
            self.on_end()
