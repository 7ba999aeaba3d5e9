"""The call of AdminService that reads the history."""

from fairlift.v1 import admin_service_pb2 as pb
from fairlift.wire.values import time_from

from fairlift_server.api.call_record import Context
from fairlift_server.api.change_messages import change_entry
from fairlift_server.api.paging import PageTokens
from fairlift_server.store import history
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store


class AuditCalls:
    """Pages through everything that was changed."""

    def __init__(self, store: Store, page_tokens: PageTokens) -> None:
        self._store = store
        self._page_tokens = page_tokens

    async def listed(self, request: pb.ListAuditRequest, context: Context) -> pb.ListAuditResponse:
        """A page of the history, oldest first."""
        from_us = None
        if request.HasField("from_time"):
            from_us = microseconds(time_from(request.from_time))
        listing = f"audit/{request.resource}/{from_us}"
        size = self._page_tokens.size(request.page_size)
        after = int(self._page_tokens.after(listing, request.page_token) or 0)
        entries = await self._store.read(
            lambda transaction: history.entries(
                transaction,
                resource=request.resource,
                from_us=from_us,
                after=after,
                limit=size + 1,
            )
        )
        return pb.ListAuditResponse(
            changes=map(change_entry, entries[:size]),
            next_page_token=self._page_tokens.next_token(
                listing, entries, size, lambda entry: str(entry.number)
            ),
        )
