"""The id of the call that runs: in its answer, in its errors and in every line of the log about it.

It comes from the caller or is random; it says nothing about a visitor.
"""

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

HEADER: Final = "x-request-id"
# What a header can carry and a log can show; as long as a UUID with a prefix.
_USABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Of the call in whose task the code runs; empty: in none.
CURRENT: Final[ContextVar[str]] = ContextVar("request_id", default="")


# Any: text, or bytes of binary keys.
def set_request_id(metadata: Iterable[tuple[str, Any]]) -> str:
    """The id of a call that begins: the caller's, or a new one where that cannot be used."""
    request_id = ""
    for key, value in metadata:
        if key == HEADER:
            request_id = str(value)
            break
    if not _USABLE.fullmatch(request_id):
        request_id = os.urandom(8).hex()
    CURRENT.set(request_id)
    return request_id
