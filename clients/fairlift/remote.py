"""Deciding on the server, for thin clients: one call with a short deadline."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlift.engine.assignment import Assignment
from fairlift.engine.matching import Attributes
from fairlift.transport import Connection
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.assignment import assignment_from
from fairlift.wire.values import put_attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which variants? On all campaigns, when none is named.

    Attributes:
        first_seen: The visitor id under which the customer was first seen; empty if not known.
        now: When it is asked, in epoch seconds.
    """

    campaigns: Sequence[str]
    visitor: str
    customer: str
    first_seen: str
    attributes: Attributes
    now: float

    def ask(self, connection: Connection, *, timeout_s: float) -> dict[str, Assignment]:
        """The server's decisions by campaign id.

        Raises:
            FairliftError: no answer came in time, or the server refused.
        """
        return self._decided(connection.assign(self._request(), timeout_s=timeout_s))

    async def ask_async(self, connection: Connection, *, timeout_s: float) -> dict[str, Assignment]:
        """As `ask`, without holding up the event loop."""
        return self._decided(await connection.assign_async(self._request(), timeout_s=timeout_s))

    def _request(self) -> pb.AssignVariantsRequest:
        request = pb.AssignVariantsRequest(
            visitor_id=self.visitor,
            customer_id=self.customer,
            first_seen_visitor_id=self.first_seen,
            campaigns=[f"campaigns/{campaign}" for campaign in self.campaigns],
        )
        put_attributes(request.attributes, self.attributes)
        return request

    def _decided(self, answer: pb.AssignVariantsResponse) -> dict[str, Assignment]:
        made = answer.snapshot_time.seconds + answer.snapshot_time.nanos / 1e9
        decided = (
            assignment_from(each, self.attributes, time=self.now, snapshot_time=made)
            for each in answer.assignments
        )
        return {each.campaign: each for each in decided}
