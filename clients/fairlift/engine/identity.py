"""The identity policy: how a visitor who logs in as a customer is counted."""

from enum import StrEnum


class IdentityPolicy(StrEnum):
    """How a visitor who becomes a customer is counted."""

    FIRST_SEEN = "first_seen"
    AS_ASSIGNED = "as_assigned"
    EXCLUDE = "exclude"
