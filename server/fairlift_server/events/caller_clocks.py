"""Whose clock is wrong, a caller's or the server's (decision 17).

Each caller says what its clock shows when it sends. A clock that differs from the server's by more
than `TOLERANCE_US` is wrong where at least two more of the other callers agree with the server than
with this caller; else nobody can say, or it is the server's.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("fairlift.clocks")

# A call is under way for seconds; a clock that is wrong is wrong by more.
TOLERANCE_US = 60 * 1_000_000
# One that agrees may run on the server's own machine, by the same clock.
_MAJORITY = 2
# Who was silent for longer has no say.
_REMEMBERED_S = 600.0
_MAX_CALLERS = 1_000
_LOG_EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the callers' clocks say about the server's.

    Attributes:
        callers: heard within ten minutes.
        agreeing: those whose clocks are within a minute of the server's.
        same_way: the largest number of callers that differ from it, but not from each other.
        ahead_us: how far these are ahead of the server; negative: behind.
    """

    callers: int
    agreeing: int
    same_way: int
    ahead_us: int

    @property
    def suspects_server(self) -> bool:
        """Whether the server's clock is wrong: two or more callers say so, and fewer contradict."""
        return self.same_way >= 2 and self.same_way > self.agreeing


class CallerClocks:
    """The clocks of recent callers, compared through a clock that never jumps.

    Args:
        now_us: the server's clock, in microseconds since 1970.
        monotonic: seconds that pass evenly, whatever happens to the clock.
    """

    def __init__(self, now_us: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now_us = now_us
        self._monotonic = monotonic
        # By caller: what its clock shows beyond the monotonic one, and when it was heard.
        self._heard: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._logged_s: float | None = None

    def shift_us(self, caller: str, sent_us: int) -> int:
        """What is to be added to the times of this caller's events; 0 unless its clock is wrong.

        Args:
            caller: its connection.
            sent_us: what its clock showed when it sent the request.
        """
        passed_s = self._monotonic()
        ahead_us = sent_us - self._now_us()
        self._heard[caller] = (sent_us - round(passed_s * 1e6), passed_s)
        self._heard.move_to_end(caller)
        self._forget(passed_s)
        if abs(ahead_us) <= TOLERANCE_US:
            if self._logged_s is not None:
                self._note()
            return 0
        others = [ahead for name, ahead in self._differences() if name != caller]
        with_server = sum(abs(other) <= TOLERANCE_US for other in others)
        with_caller = sum(abs(other - ahead_us) <= TOLERANCE_US for other in others)
        self._note()
        return -ahead_us if with_server >= with_caller + _MAJORITY else 0

    def state(self) -> ClockState:
        """What the callers of the last ten minutes say."""
        self._forget(self._monotonic())
        differences = sorted(ahead for _, ahead in self._differences())
        off = [ahead for ahead in differences if abs(ahead) > TOLERANCE_US]
        same_way, ahead_us = 0, 0
        start = 0
        for end, ahead in enumerate(off):
            while ahead - off[start] > TOLERANCE_US:
                start += 1
            if end - start + 1 > same_way:
                same_way, ahead_us = end - start + 1, off[(start + end) // 2]
        return ClockState(len(differences), len(differences) - len(off), same_way, ahead_us)

    def _differences(self) -> list[tuple[str, int]]:
        """By caller, how far its clock is ahead of the server's as that is now."""
        server_us = self._now_us() - round(self._monotonic() * 1e6)
        return [(name, caller_us - server_us) for name, (caller_us, _) in self._heard.items()]

    def _forget(self, passed_s: float) -> None:
        while self._heard:
            name, (_, heard_s) = next(iter(self._heard.items()))
            if passed_s - heard_s <= _REMEMBERED_S and len(self._heard) <= _MAX_CALLERS:
                return
            del self._heard[name]

    def _note(self) -> None:
        """Logs loudly when the server's clock is wrong, again every five minutes, and its end."""
        state, passed_s = self.state(), self._monotonic()
        if not state.suspects_server:
            if self._logged_s is not None:
                self._logged_s = None
                log.warning("the server's clock agrees with its callers again")
            return
        if self._logged_s is None or passed_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = passed_s
            log.error(
                "the server's clock is wrong: its callers agree on another time; set it right",
                extra={
                    "fields": {
                        "callers_ahead_s": state.ahead_us // 1_000_000,
                        "callers": state.same_way,
                        "agreeing": state.agreeing,
                    }
                },
            )
