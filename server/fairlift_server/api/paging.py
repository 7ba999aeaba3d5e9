"""Page tokens: opaque, and valid only for the listing that issued them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from fairlift.engine.errors import InvalidRequest, Violation

T = TypeVar("T")

DEFAULT_SIZE = 50
MAX_SIZE = 1_000
_MAC_BYTES = 8


class PageTokens:
    """Issues and reads page tokens; they are valid until the server restarts."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def size(self, requested: int) -> int:
        """The number of rows on a page.

        Raises:
            InvalidRequest: the requested size is negative.
        """
        if requested < 0:
            raise InvalidRequest([Violation("page_size", f"is {requested}, must be 0 or more")])
        return min(requested or DEFAULT_SIZE, MAX_SIZE)

    def token(self, listing: str, after: str) -> str:
        """The token of the page that starts after this row."""
        row = after.encode()
        return base64.urlsafe_b64encode(self._mac(listing, row) + row).decode()

    def next_token(
        self, listing: str, rows: Sequence[T], size: int, key: Callable[[T], str]
    ) -> str:
        """The token of the page after the first `size` rows; empty if there are no more rows."""
        return self.token(listing, key(rows[size - 1])) if len(rows) > size else ""

    def after(self, listing: str, token: str) -> str:
        """The row after which the token's page starts; empty for the first page.

        Raises:
            InvalidRequest: the token is from another listing, or from before a restart.
        """
        if not token:
            return ""
        try:
            content = base64.urlsafe_b64decode(token.encode())
        except ValueError:
            content = b""
        mac, row = content[:_MAC_BYTES], content[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(listing, row)):
            text = "does not belong to this listing with these filters; start again without a token"
            raise InvalidRequest([Violation("page_token", text)])
        return row.decode()

    def _mac(self, listing: str, row: bytes) -> bytes:
        content = listing.encode() + b"\0" + row
        return hashlib.blake2b(content, key=self._key, digest_size=_MAC_BYTES).digest()
