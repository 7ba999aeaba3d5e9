"""One line a minute for each caller whose calls are refused, however many there are."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextvars import Context

log = logging.getLogger("fairlift.calls")

EVERY_S = 60.0
# Beyond them, callers share a line: the log and its memory stay small whoever calls.
_PEERS = 200
_OTHERS = "others"
# A status and a host.
Key = tuple[str, str]


Later = Callable[[float, Callable[[Key], None], Key], object]


class RefusalLog:
    """Logs the first refusal of a caller at once, and every minute how many followed.

    Args:
        later: calls a function after some seconds; by default the running loop does.
    """

    def __init__(self, later: Later | None = None) -> None:
        self._later = later or _in_loop
        # Refusals since the last line, by status and host.
        self._refused: Counter[Key] = Counter()

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
            self._later(EVERY_S, self._sum_up, key)

    def _sum_up(self, key: Key) -> None:
        if calls := self._refused[key]:
            _write(*key, calls=calls)
            self._refused[key] = 0
            self._later(EVERY_S, self._sum_up, key)
        else:
            del self._refused[key]


def _in_loop(seconds: float, function: Callable[[Key], None], key: Key) -> object:
    # Of no call: the line is about many.
    return asyncio.get_running_loop().call_later(seconds, function, key, context=Context())


def _write(code: str, host: str, *, calls: int) -> None:
    log.warning("calls refused", extra={"fields": {"code": code, "peer": host, "calls": calls}})
