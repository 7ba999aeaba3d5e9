"""What a visitor who turns out to be a customer counts as."""

from enum import StrEnum


class IdentityPolicy(StrEnum):
    """What a visitor who becomes a customer counts as."""

    FIRST_SEEN = "first_seen"
    AS_ASSIGNED = "as_assigned"
    EXCLUDE = "exclude"
