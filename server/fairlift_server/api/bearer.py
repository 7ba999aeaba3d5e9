"""What the metadata of a call say of its caller, and where it comes from."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

# The person, as the command line says it.
USER_HEADER = "fairlift-user"
# That the caller belongs to, as the SDK says it.
ENVIRONMENT_HEADER = "fairlift-environment"


def bearer_token(metadata: Iterable[tuple[str, Any]]) -> str:  # Any: text, or bytes of binary keys
    """The token of a call; empty where there is none, or more than one: which would count?"""
    token, sent = "", 0
    for key, value in metadata:
        if key == "authorization":
            sent += 1
            # The scheme's case means nothing (RFC 9110, 11.1).
            scheme, _, rest = str(value).partition(" ")
            token = rest.strip() if scheme.lower() == "bearer" else ""
    return token if sent == 1 else ""


def value_of(name: str, metadata: Iterable[tuple[str, Any]]) -> str:
    """The first value of a key; empty: there is none."""
    for key, value in metadata:
        if key == name:
            return str(value)
    return ""


def address_of(peer: str) -> str:
    """The address without its port, from what gRPC calls a peer, such as ipv4:10.0.0.7:50312."""
    kind, _, place = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return unquote(place).rpartition(":")[0].strip("[]")
