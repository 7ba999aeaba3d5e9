"""Memory that the server shares with its worker processes: a slot for each job that runs."""

from collections import deque
from multiprocessing.context import BaseContext
from typing import Final

from fairlift_server.analysis.job_control import JobControl, not_followed

_IN_USE: Final = 0
_STOPPED: Final = 1


class SharedSlots:
    """How far each job is, and whether it is still wanted; travels to new processes."""

    def __init__(self, context: BaseContext, number: int) -> None:
        self._shares = context.RawArray("d", number)
        self._states = context.RawArray("b", number)

    def clear(self, slot: int) -> None:
        """Before a job gets it."""
        self._shares[slot] = 0.0
        self._states[slot] = _IN_USE

    def share(self, slot: int) -> float:
        """How much of the job is done, from 0 to 1."""
        return float(self._shares[slot])

    def stop(self, slot: int) -> None:
        """Says that the job is not wanted any more."""
        self._states[slot] = _STOPPED

    def control(self, slot: int) -> JobControl:
        """Of the job, in its process."""

        def tell(share: float) -> None:
            self._shares[slot] = share

        return JobControl(tell, lambda: self._states[slot] == _STOPPED)


class FreeSlots:
    """The slots that no job has; used by several threads."""

    def __init__(self, shared: SharedSlots, number: int) -> None:
        self.shared = shared
        self._free = deque(range(number))
        self._taken: set[int] = set()

    def take(self) -> int | None:
        """A slot; None: each has a job."""
        if not self._free:
            return None
        slot = self._free.popleft()
        self.shared.clear(slot)
        self._taken.add(slot)
        return slot

    def give_back(self, slot: int) -> None:
        """Once its job has ended."""
        self._taken.discard(slot)
        self._free.append(slot)

    def stop_all(self) -> None:
        """Says of all jobs that they are not wanted any more."""
        for slot in list(self._taken):
            self.shared.stop(slot)


class _Current:
    """The slots of this process, and the one of the job that it runs."""

    slots: SharedSlots | None = None
    control: JobControl | None = None


def open_slots(slots: SharedSlots) -> None:
    """In a new worker process: names the slots of its jobs."""
    _Current.slots = slots


def begin_job(slot: int) -> None:
    """In a worker process: names the slot of the job that begins."""
    assert _Current.slots is not None, "the process was begun with its slots"
    _Current.control = _Current.slots.control(slot)


def current_job() -> JobControl:
    """In a worker process: of the job that runs."""
    return _Current.control or not_followed()
