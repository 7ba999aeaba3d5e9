"""Assignments without a snapshot in memory: the caller's default, or a call to the server."""

import time
from collections.abc import Callable, Mapping, Sequence

from fairlift.assigner import ErrorLog, without_answer
from fairlift.engine.assignment import Assignment, Reason
from fairlift.engine.decision import CurrentSnapshot
from fairlift.engine.matching import Attributes
from fairlift.engine.untrusted import IdInput, plain
from fairlift.transport import Connection
from fairlift.turns import Turns
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.assignment import assignment_from
from fairlift.wire.values import put_attributes


class DefaultFallback:
    """Answers with the caller's default: the campaign is unknown, or there is no snapshot yet."""

    def __init__(self, current: CurrentSnapshot) -> None:
        self._current = current

    def assign(
        self,
        campaign: str,
        visitor: IdInput,
        customer: IdInput,
        attributes: Attributes,
        default: str,
    ) -> Assignment:
        """The default, with the reason."""
        is_ready = bool(self._current.compiled.etag)
        reason = Reason.UNKNOWN_CAMPAIGN if is_ready else Reason.NOT_READY
        return without_answer(self._current, campaign, reason, visitor, customer, default)

    def assign_all(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> dict[str, Assignment]:
        """No campaign is known."""
        return {}


class ServerFallback:
    """Asks the server, for thin clients: one call with a short deadline.

    Args:
        current: The snapshot in use; it stays empty.
        connection: Gives the connection to the server.
        timeout_s: How long a call may take.
        first_seen: The visitor id under which each customer was first seen.
        errors: Where failed calls are counted.
    """

    def __init__(
        self,
        current: CurrentSnapshot,
        connection: Callable[[], Connection],
        *,
        timeout_s: float,
        first_seen: Mapping[str, str],
        errors: ErrorLog,
    ) -> None:
        self._current = current
        self._connection = connection
        self._timeout_s = timeout_s
        self._turns = Turns(timeout_s)
        self._first_seen = first_seen
        self._errors = errors

    def assign(
        self,
        campaign: str,
        visitor: IdInput,
        customer: IdInput,
        attributes: Attributes,
        default: str,
    ) -> Assignment:
        """The server's answer, or the default when none arrived in time."""
        assignments = self._ask((campaign,), visitor, customer, attributes, time.time())
        return self._or_default(assignments, campaign, visitor, customer, default)

    async def assign_async(
        self,
        campaign: str,
        visitor: IdInput,
        customer: IdInput,
        attributes: Attributes,
        default: str,
    ) -> Assignment:
        """Like `assign`, but does not block the event loop; the deadline begins with its turn."""
        try:
            request = self._request((campaign,), visitor, customer, attributes)
            async with self._turns.turn():
                call = self._connection().assign_async(request, timeout_s=self._timeout_s)
                response = await call
            assignments = _assignments_by_campaign(response, attributes, time.time())
            return self._or_default(assignments, campaign, visitor, customer, default)
        except Exception as error:  # a storefront is never broken by us
            self._errors.add(error, "the server did not assign a variant")
            return self._or_default(None, campaign, visitor, customer, default)

    def assign_all(
        self, visitor: IdInput, customer: IdInput, attributes: Attributes, now: float
    ) -> dict[str, Assignment]:
        """The server's answers on all campaigns; empty when none arrived in time."""
        return self._ask((), visitor, customer, attributes, now) or {}

    def _ask(
        self,
        campaigns: Sequence[str],
        visitor: IdInput,
        customer: IdInput,
        attributes: Attributes,
        now: float,
    ) -> dict[str, Assignment] | None:
        """The server's answers on these campaigns, or on all; None when none arrived in time."""
        try:
            request = self._request(campaigns, visitor, customer, attributes)
            response = self._connection().assign(request, timeout_s=self._timeout_s)
            return _assignments_by_campaign(response, attributes, now)
        except Exception as error:  # a storefront is never broken by us
            self._errors.add(error, "the server did not assign a variant")
            return None

    def _request(
        self, campaigns: Sequence[str], visitor: IdInput, customer: IdInput, attributes: Attributes
    ) -> pb.AssignVariantsRequest:
        request = pb.AssignVariantsRequest(
            visitor_id=plain(visitor),
            customer_id=plain(customer),
            first_seen_visitor_id=self._first_seen.get(plain(customer), ""),
            campaigns=[f"campaigns/{campaign}" for campaign in campaigns],
        )
        put_attributes(request.attributes, attributes)
        return request

    def _or_default(
        self,
        assignments: Mapping[str, Assignment] | None,
        campaign: str,
        visitor: IdInput,
        customer: IdInput,
        default: str,
    ) -> Assignment:
        if assignments is None:
            reason = Reason.NOT_READY
            return without_answer(self._current, campaign, reason, visitor, customer, default)
        assignment = assignments[campaign]
        if assignment.reason is Reason.UNKNOWN_CAMPAIGN:
            reason, unit = assignment.reason, assignment.unit
            return without_answer(self._current, campaign, reason, unit, customer, default)
        return assignment


def _assignments_by_campaign(
    response: pb.AssignVariantsResponse, attributes: Attributes, now: float
) -> dict[str, Assignment]:
    """The assignments of a response, by campaign id."""
    snapshot_time = response.snapshot_time.seconds + response.snapshot_time.nanos / 1e9
    assignments = (
        assignment_from(message, attributes, time=now, snapshot_time=snapshot_time)
        for message in response.assignments
    )
    return {assignment.campaign: assignment for assignment in assignments}
