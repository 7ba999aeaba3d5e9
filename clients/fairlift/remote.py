"""Deciding on the server, for thin clients: one call with a short deadline."""

from collections.abc import Sequence

from fairlift.engine.assignment import Assignment
from fairlift.engine.matching import Attributes
from fairlift.transport import Connection
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.assignment import assignment_from
from fairlift.wire.values import put_attributes


def ask(
    connection: Connection,
    campaigns: Sequence[str],
    visitor: str,
    customer: str,
    attributes: Attributes,
    *,
    first_seen: str,
    now: float,
    timeout_s: float,
) -> dict[str, Assignment]:
    """The server's decisions by campaign id; with no campaigns named, on all of them.

    Raises:
        FairliftError: no answer came in time, or the server refused.
    """
    request = pb.AssignVariantsRequest(
        visitor_id=visitor,
        customer_id=customer,
        first_seen_visitor_id=first_seen,
        campaigns=[f"campaigns/{campaign}" for campaign in campaigns],
    )
    put_attributes(request.attributes, attributes)
    answer = connection.assign(request, timeout_s=timeout_s)
    made = answer.snapshot_time.seconds + answer.snapshot_time.nanos / 1e9
    decided = (
        assignment_from(each, attributes, time=now, snapshot_time=made)
        for each in answer.assignments
    )
    return {each.campaign: each for each in decided}
