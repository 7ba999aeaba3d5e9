"""Resource names in requests."""

from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.wire.campaign import campaign_id


def campaign_id_of(name: str) -> str:
    """The id in a name such as campaigns/free-shipping.

    Raises:
        InvalidRequest: the name is empty.
    """
    identifier = campaign_id(name)
    if not identifier:
        raise InvalidRequest([Violation("name", "is missing, must be campaigns/ and an id")])
    return identifier
