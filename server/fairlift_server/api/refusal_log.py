"""One line a minute for each caller whose calls are refused, however many there are."""

import asyncio
import logging
from collections import Counter

log = logging.getLogger("fairlift.calls")

EVERY_S = 60.0
# Beyond them, callers share a line: the log and its memory stay small whoever calls.
_PEERS = 200
_OTHERS = "others"


class RefusalLog:
    """Logs the first refusal of a caller at once, and every minute how many followed."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        # Refusals since the last line, by status and host.
        self._refused: Counter[tuple[str, str]] = Counter()

    def add(self, code: str, peer: str) -> None:
        """Counts one refusal.

        Args:
            code: the name of the status.
            peer: as gRPC names it, such as ipv4:10.0.0.7:50312.
        """
        host = peer.rpartition(":")[0] or peer  # each connection has a port of its own
        key = (code, host)
        if key not in self._refused and len(self._refused) >= _PEERS:
            key = (code, _OTHERS)
        if key in self._refused:
            self._refused[key] += 1
        else:
            _write(*key, calls=1)
            self._refused[key] = 0
            self._later(key)

    def _later(self, key: tuple[str, str]) -> None:
        asyncio.get_running_loop().call_later(self._every_s, self._sum_up, key)

    def _sum_up(self, key: tuple[str, str]) -> None:
        if calls := self._refused[key]:
            _write(*key, calls=calls)
            self._refused[key] = 0
            self._later(key)
        else:
            del self._refused[key]


def _write(code: str, host: str, *, calls: int) -> None:
    log.warning("calls refused", extra={"fields": {"code": code, "peer": host, "calls": calls}})
