"""Names and reasons in requests."""

from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.wire.campaign import campaign_id

# Characters of a reason.
_MAX_REASON = 1_000


def campaign_id_of(name: str) -> str:
    """The id in a name such as campaigns/free-shipping.

    Raises:
        InvalidRequest: the name is empty.
    """
    identifier = campaign_id(name)
    if not identifier:
        raise InvalidRequest([Violation("name", "is missing, must be campaigns/ and an id")])
    return identifier


def checked_reason(text: str) -> str:
    """The reason, which is kept in the history.

    Raises:
        InvalidRequest: it is too long.
    """
    if len(text) > _MAX_REASON:
        rule = f"has {len(text)} characters, must have at most {_MAX_REASON}"
        raise InvalidRequest([Violation("reason", rule)])
    return text
