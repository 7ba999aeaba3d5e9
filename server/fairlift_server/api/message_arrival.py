"""Receives the messages of callers who hold no secret, with a limit of how many arrive slowly.

gRPC keeps what has arrived of a message until the rest comes. Callers who send most of it and then
stop would fill the memory: 150 of 4 MiB took 600 MiB.
"""

import asyncio

import grpc
from fairlift.engine.errors import InvalidRequest, Overloaded, Violation

from fairlift_server.api.call_record import Context

# What such callers send arrives with the head of the call; what takes longer is counted.
_AT_ONCE_S = 0.05
# Whoever holds no token takes no place of storefronts, whose token stands in every page.
MOST_SLOW_WITHOUT_TOKEN = 8
MOST_SLOW_WITH_TOKEN = 24
_LONGEST_S = 2.0


class MessageArrival:
    """Receives messages; of those that take longer than a moment only so many at once.

    Args:
        most_slow: so many.
    """

    def __init__(self, most_slow: int) -> None:
        self._most_slow = most_slow
        self._slow = 0

    async def message(self, context: Context) -> bytes:
        """The one message of a call.

        Raises:
            Overloaded: it takes too long, or too many others arrive slowly.
            InvalidRequest: the caller sent none.
        """
        reading = asyncio.ensure_future(context.read())
        try:
            await asyncio.wait({reading}, timeout=_AT_ONCE_S)
            if not reading.done():
                await self._wait(reading)
        finally:
            reading.cancel()
        data = reading.result()
        if data is grpc.aio.EOF:
            raise InvalidRequest([Violation("request", "is missing; send one message")])
        return bytes(data)

    async def _wait(self, reading: "asyncio.Future[bytes]") -> None:
        if self._slow >= self._most_slow:
            text = "too many messages arrive slowly; send the whole message, or try again later"
            raise Overloaded(text, retry_after_s=0.5)
        self._slow += 1
        try:
            await asyncio.wait({reading}, timeout=_LONGEST_S)
        finally:
            self._slow -= 1
        if not reading.done():
            text = f"the message did not arrive within {_LONGEST_S:g} s; send all of it at once"
            raise Overloaded(text, retry_after_s=0.5)
