"""Exposure tokens: proof that a server of this environment assigned a variant to a unit.

A token is base64url of the time at which it ends (5 bytes, seconds since 1970) and the first 16
bytes of an HMAC-SHA256. It names neither unit nor variant: whoever sends it says both.
"""

import binascii
import hmac
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable

from fairlift_server.events.caller_clocks import TOLERANCE_US
from fairlift_server.store.exposure_keys import ExposureKey

# A page is shown within the day in which it was asked for; outboxes of servers have this long too.
LIFETIME_S = 24 * 3_600
# A new key signs so long after it was made: all servers know it by then, also those whose clock is
# some seconds behind or whose database was away for a moment.
KEY_DELAY_S = 60
_ENDS_BYTES = 5
_MAC_BYTES = 16
_PURPOSE = b"fairlift exposure token 1\n"
_WAY_OUT = "assign again, and send Assignment.exposure_token with the exposure"


class ExposureTokens:
    """Signs with the newest key that has started, and checks with all of them.

    Args:
        keys: as they are stored, the newest first; the key of an environment is made of each, so
            that a copy of the database in another environment makes no token for this one.
        environment: of this server.
    """

    def __init__(self, keys: Iterable[ExposureKey], environment: str) -> None:
        place = _PURPOSE + environment.encode()
        self._keys = [key._replace(secret=hmac.digest(key.secret, place, "sha256")) for key in keys]

    def token(self, unit: str, campaign: str, epoch: int, variant: str, *, now_s: float) -> bytes:
        """The token of an assignment, as ASCII."""
        ends = int(now_s + LIFETIME_S).to_bytes(_ENDS_BYTES, "big")
        mac = _mac(self._signing_key(now_s), ends, unit, campaign, epoch, variant)
        return urlsafe_b64encode(ends + mac)

    def _signing_key(self, now_s: float) -> bytes:
        for key in self._keys:
            if key.starts_us <= now_s * 1e6:
                return key.secret
        # The first key of all, or one whose predecessor is not to be trusted any more.
        return self._keys[-1].secret

    def problem(
        self,
        token: str,
        unit: str,
        campaign: str,
        epoch: int,
        variant: str,
        *,
        now_s: float,
        time_s: float,
    ) -> str:
        """What is wrong with the token of an exposure, in a sentence; empty: nothing is.

        Args:
            token: as it was sent.
            unit: as it was sent, and not as it is stored.
            campaign: its id.
            epoch: of the exposure.
            variant: of the exposure.
            now_s: the server's clock: what an exposure says of its own time proves nothing.
            time_s: of the exposure, as it says, by the server's clock.
        """
        if not token:
            backend = "a backend that decides by itself has a token of the role storefront"
            return f"is missing, and this shop asks for it; {_WAY_OUT}; {backend}"
        read = _read(token)
        ends, sent = read[:_ENDS_BYTES], read[_ENDS_BYTES:]
        valid = False
        for key in self._keys:
            if key.ends_us is None or now_s * 1e6 < key.ends_us:
                mac = _mac(key.secret, ends, unit, campaign, epoch, variant)
                valid |= hmac.compare_digest(mac, sent)
        if not valid:
            rule = "must be the token of this unit, campaign, epoch and variant"
            return f"is not valid here, {rule}; {_WAY_OUT}"
        ends_s = int.from_bytes(ends, "big")
        # Else orders from before the visitor was assigned would count.
        early_s = ends_s - LIFETIME_S - TOLERANCE_US // 1_000_000 - int(time_s)
        if early_s > 0:
            rule = "an exposure follows its assignment; send it with the time at which it was shown"
            return f"was made more than a minute after the exposure's event_time; {rule}"
        late_s = int(now_s) - ends_s
        if late_s > 0:
            return f"ended {late_s} s ago, it lasts {LIFETIME_S // 3_600} hours; {_WAY_OUT}"
        return ""


def _mac(key: bytes, ends: bytes, unit: str, campaign: str, epoch: int, variant: str) -> bytes:
    # The parts cannot be mistaken for each other: ids of campaigns and variants have no line break,
    # an exposure that names others is refused, and the unit comes last.
    text = f"{campaign}\n{epoch}\n{variant}\n{unit}".encode()
    return hmac.digest(key, ends + text, "sha256")[:_MAC_BYTES]


def _read(token: str) -> bytes:
    """The bytes of a token; no bytes where it cannot be one."""
    if len(token) != 4 * (_ENDS_BYTES + _MAC_BYTES) // 3:
        return b""
    try:
        return b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
