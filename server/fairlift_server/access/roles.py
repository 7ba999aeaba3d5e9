"""The roles that a token may have."""

from enum import StrEnum


class Role(StrEnum):
    """What a token is for; api/permissions.py says which calls each of them may make."""

    EVALUATE = "evaluate"
    RELAY = "relay"
    STOREFRONT = "storefront"
    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"
