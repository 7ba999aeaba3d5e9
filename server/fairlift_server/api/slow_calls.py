"""One line a minute at most for each method whose calls are slow."""

import logging
import time
from collections.abc import Callable

from fairlift_server.api.call_classes import ASSIGN_VARIANTS, CallClass, class_of, is_long

log = logging.getLogger("fairlift.calls")

EVERY_S = 60.0
# A storefront waits for an assignment while a page is built.
_SLOW_ASSIGNMENT_S = 0.1
_SLOW_S = 1.0
# The first list of reports loads what reads them.
_SLOW_LIST_S = 5.0
# Of calls that may take minutes.
_SLOW_LONG_S = 30.0


class SlowCalls:
    """Logs the first slow call of a method at once, and with the next line how many followed.

    Args:
        method: such as /fairlift.v1.EventService/RecordEvents.
        now: seconds that pass evenly.
    """

    def __init__(self, method: str, now: Callable[[], float] = time.monotonic) -> None:
        self.slow_s = _slow_s(method)
        self._method = method
        self._now = now
        self._quiet_until_s = 0.0
        self._unlogged = 0

    def add(self, seconds: float, *, code: str, peer: str) -> None:
        """Counts a call that took longer than `slow_s`; its request id is the current one.

        Args:
            seconds: from its message to its answer.
            code: gRPC's name of the status.
            peer: the caller's address.
        """
        if self._now() < self._quiet_until_s:
            self._unlogged += 1
            return
        fields = {
            "method": self._method,
            "code": code,
            "ms": f"{seconds * 1_000:.0f}",
            "peer": peer,
            "others": self._unlogged,
        }
        log.warning("slow call", extra={"fields": fields})
        self._quiet_until_s = self._now() + EVERY_S
        self._unlogged = 0


def _slow_s(method: str) -> float:
    if method == ASSIGN_VARIANTS:
        return _SLOW_ASSIGNMENT_S
    if is_long(method):
        return _SLOW_LONG_S
    return _SLOW_LIST_S if class_of(method) is CallClass.RESULTS else _SLOW_S
