"""Finds in gRPC's words why two sides that cannot connect disagree about TLS."""

from enum import Enum


class TlsFault(Enum):
    """What keeps a client and a server from each other."""

    SERVER_HAS_NONE = "the server speaks no TLS"
    UNKNOWN_CERTIFICATE = "its certificate is of a CA that is not trusted here"
    OTHER_NAME = "its certificate is of another name"
    ENDED = "its certificate has ended"
    # A server with TLS ends a connection without it; so does one that goes away.
    SERVER_MAY_HAVE_IT = "it closed the connection, as servers with TLS do"


# In this order: words of a later one may stand beside those of an earlier one.
_WORDS = {
    "WRONG_VERSION_NUMBER": TlsFault.SERVER_HAS_NONE,
    "Hostname Verification": TlsFault.OTHER_NAME,
    "is not in peer certificate": TlsFault.OTHER_NAME,
    "certificate has expired": TlsFault.ENDED,
    "CERTIFICATE_VERIFY_FAILED": TlsFault.UNKNOWN_CERTIFICATE,
}
_CLOSED = ("Socket closed", "Connection reset")


def tls_fault(details: str, *, is_encrypted: bool) -> TlsFault | None:
    """The fault; None: something else.

    Args:
        details: of a call that ended with UNAVAILABLE.
        is_encrypted: whether the client speaks TLS.
    """
    if is_encrypted:
        return next((fault for words, fault in _WORDS.items() if words in details), None)
    closed = any(words in details for words in _CLOSED)
    return TlsFault.SERVER_MAY_HAVE_IT if closed else None
