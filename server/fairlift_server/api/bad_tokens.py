"""Slows down who sends bad tokens again and again: answers come late, so that fewer are sent.

A caller with a valid token is never slowed down, also not from the same address.
"""

import asyncio
from collections import Counter

# So many bad tokens of one address are answered at once, each further one after a wait.
_FREE = 20
# The more answers wait the longer: whoever keeps thousands of calls open sends few a second.
_WAIT_S = 1.0
_MORE_PER_S = 100
_LONGEST_S = 10.0
# After so long without one an address begins anew.
_FORGET_S = 10.0
# Addresses that are told apart, and answers that may wait, each with 13 kB and what has arrived of
# its message: memory stays small whoever calls. Beyond, answers do not wait.
_ADDRESSES = 1_000
_WAITING = 1_000
_OTHERS = "others"


class BadTokens:
    """Counts bad tokens by address."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._waiting = 0

    async def pause(self, address: str) -> None:
        """Returns when a bad token from this address may be answered."""
        if address not in self._counts and len(self._counts) >= _ADDRESSES:
            address = _OTHERS
        if not self._counts[address]:
            asyncio.get_running_loop().call_later(_FORGET_S, self._forget, address)
        self._counts[address] += 1
        if self._counts[address] <= _FREE or self._waiting >= _WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(min(_LONGEST_S, _WAIT_S + self._waiting / _MORE_PER_S))
        finally:
            self._waiting -= 1

    def _forget(self, address: str) -> None:
        del self._counts[address]
