"""Page tokens: opaque, and only good for the listing that gave them."""

import base64
import hashlib
import hmac
import secrets

from fairlift.engine.errors import InvalidRequest, Violation

DEFAULT_SIZE = 50
MAX_SIZE = 1_000
_MAC_BYTES = 8


class Pages:
    """Makes and reads page tokens; they live as long as the server."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def size(self, asked: int) -> int:
        """How many rows to give.

        Raises:
            InvalidRequest: a negative number was asked for.
        """
        if asked < 0:
            raise InvalidRequest([Violation("page_size", f"is {asked}, must be 0 or more")])
        return min(asked or DEFAULT_SIZE, MAX_SIZE)

    def token(self, listing: str, after: str) -> str:
        """The token of the page that begins after this row."""
        row = after.encode()
        return base64.urlsafe_b64encode(self._mac(listing, row) + row).decode()

    def after(self, listing: str, token: str) -> str:
        """The row that the token stands after; empty for the first page.

        Raises:
            InvalidRequest: the token is of another listing, or of before a restart.
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
