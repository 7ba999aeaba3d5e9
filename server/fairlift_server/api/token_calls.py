"""The calls of AdminService that concern tokens."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fairlift.engine.errors import Overloaded
from fairlift.v1 import admin_service_pb2 as pb

from fairlift_server.access.live_tokens import SETTING
from fairlift_server.access.token_changes import DEFAULT_OVERLAP, TokenChanges
from fairlift_server.access.token_watch import TokenWatch
from fairlift_server.api.authors import Authors
from fairlift_server.api.call_record import Context
from fairlift_server.api.names import checked_reason
from fairlift_server.api.paging import PageTokens
from fairlift_server.api.token_messages import (
    role_of,
    setting_token,
    time_span,
    token_id_of,
    token_to,
)
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.tokens import all_tokens

T = TypeVar("T")
_LISTING = "tokens"
# Below the longest time of a call, so that the answer can say what is done and what is not.
_LONGEST_WRITE_S = 5.0


class TokenCalls:
    """Reads requests, changes tokens, and makes this server know of it before it answers."""

    def __init__(
        self,
        store: Store,
        changes: TokenChanges,
        watch: TokenWatch,
        authors: Authors,
        page_tokens: PageTokens,
        now_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._changes = changes
        self._watch = watch
        self._authors = authors
        self._page_tokens = page_tokens
        self._now_us = now_us

    async def create(
        self, request: pb.CreateTokenRequest, context: Context
    ) -> pb.CreateTokenResponse:
        """A new token, and the only copy of its secret."""
        role, reason = role_of(request.role), checked_reason(request.reason)
        lifetime = time_span(request.lifetime) if request.HasField("lifetime") else None
        author = self._authors.of(context)
        made = await self._changed(
            lambda transaction: self._changes.create(
                transaction,
                request.display_name,
                role,
                time_us=self._now_us(),
                author=author,
                lifetime=lifetime,
                reason=reason,
            )
        )
        return pb.CreateTokenResponse(token=token_to(made.token), secret=made.secret)

    async def listed(
        self, request: pb.ListTokensRequest, context: Context
    ) -> pb.ListTokensResponse:
        """A page of tokens by id, first of all that of the server's environment."""
        size = self._page_tokens.size(request.page_size)
        after = self._page_tokens.after(_LISTING, request.page_token)
        stored = await self._store.read(all_tokens)
        tokens = [token_to(token) for token in stored]
        if self._changes.has_setting:
            tokens.insert(0, setting_token(self._changes.environment))
        # By place and not by name: the first one is not in the order of the others.
        start = int(after or 0)
        page = tokens[start : start + size + 1]
        return pb.ListTokensResponse(
            tokens=page[:size],
            next_page_token=self._page_tokens.next_token(
                _LISTING, page, size, lambda _: str(start + size)
            ),
        )

    async def rotate(
        self, request: pb.RotateTokenRequest, context: Context
    ) -> pb.RotateTokenResponse:
        """A second secret of a token."""
        identifier, reason = token_id_of(request.name), checked_reason(request.reason)
        overlap = time_span(request.overlap) if request.HasField("overlap") else DEFAULT_OVERLAP
        author = self._authors.of(context)
        made = await self._changed(
            lambda transaction: self._changes.rotate(
                transaction,
                identifier,
                time_us=self._now_us(),
                author=author,
                overlap=overlap,
                reason=reason,
            )
        )
        return pb.RotateTokenResponse(token=token_to(made.token), secret=made.secret)

    async def revoke(self, request: pb.RevokeTokenRequest, context: Context) -> pb.Token:
        """The token, which is not valid any more.

        Raises:
            Overloaded: it is refused by this server alone, as the database cannot write now.
        """
        identifier, reason = token_id_of(request.name), checked_reason(request.reason)
        author = self._authors.of(context)
        if identifier != SETTING:
            self._watch.end(identifier)
        try:
            async with asyncio.timeout(_LONGEST_WRITE_S):
                token = await self._changed(
                    lambda transaction: self._changes.revoke(
                        transaction,
                        identifier,
                        time_us=self._now_us(),
                        author=author,
                        reason=reason,
                    )
                )
        except (Overloaded, TimeoutError) as error:
            why = str(error) or f"it has been busy for {_LONGEST_WRITE_S:g} s"
            raise Overloaded(
                f"tokens/{identifier} is refused by this server from now on, but that is not "
                "stored yet: other servers take it, and so does this one after a restart; revoke "
                f"it again until this call succeeds ({why})",
                retry_after_s=1.0,
            ) from error
        return token_to(token)

    async def _changed(self, change: Callable[[Transaction], T]) -> T:
        done = await self._store.write(change)
        await self._watch.refresh()
        return done
