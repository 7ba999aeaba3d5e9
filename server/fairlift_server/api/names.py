"""Names in requests: of resources, and of who sent them."""

from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.wire.campaign import campaign_id

from fairlift_server.api.call_guard import Context


def campaign_id_of(name: str) -> str:
    """The id in a name such as campaigns/free-shipping.

    Raises:
        InvalidRequest: the name is empty.
    """
    identifier = campaign_id(name)
    if not identifier:
        raise InvalidRequest([Violation("name", "is missing, must be campaigns/ and an id")])
    return identifier


def author_of(context: Context) -> str:
    """The name of the caller's token; empty on an open server."""
    sent = (key == "authorization" for key, _ in context.invocation_metadata() or ())
    return "token" if any(sent) else ""
