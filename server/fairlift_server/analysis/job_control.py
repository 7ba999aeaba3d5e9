"""What follows a computation while it runs, and stops it once its answer is not wanted any more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# An engine that was between two statements runs on: it is interrupted again.
_INTERRUPT_EVERY_S: Final = 0.05


class JobStopped(Exception):
    """All who waited for the answer have left."""


class JobControl:
    """How far one computation is, and whether its answer is still wanted.

    A computation asks the ledger in rounds, and each round has steps. Later rounds count as much
    as the one that runs: how many steps they have is not known yet.

    Args:
        tell: is told the share that is done, from 0 to 1; it never falls.
        is_stopped: whether the answer is not wanted any more; asked from several threads.
    """

    def __init__(
        self,
        tell: Callable[[float], None] = lambda _share: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tell = tell
        self._is_stopped = is_stopped
        self._rounds = 1
        self._rounds_done = 0
        self._steps = 0
        self._steps_done = 0
        self._told = 0.0

    def expect_rounds(self, rounds: int) -> None:
        """Says how often the ledger will be asked, as far as that is known."""
        self._rounds = rounds

    def begin_round(self, steps: int) -> None:
        """Begins to ask the ledger, in so many steps.

        Raises:
            JobStopped: the answer is not wanted any more.
        """
        if self._steps:
            self._rounds_done += 1
        self._rounds = max(self._rounds, self._rounds_done + 1)
        self._steps, self._steps_done = steps, 0
        self.check()

    def end_step(self) -> None:
        """One step more is done.

        Raises:
            JobStopped: the answer is not wanted any more.
        """
        self._steps_done += 1
        done = self._rounds_done + min(1.0, self._steps_done / self._steps)
        self._told = max(self._told, done / self._rounds)
        self._tell(self._told)
        self.check()

    def without_steps(self) -> "JobControl":
        """Of what is done beside the rounds, and is short: it is stopped too, and tells nothing."""
        return JobControl(is_stopped=self._is_stopped)

    @contextmanager
    def stopping(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """While the block runs, interrupts the engine once the answer is not wanted any more.

        Args:
            interrupt: ends the statement that runs, if one does; called from another thread.

        Raises:
            JobStopped: in place of whatever an interrupted engine raises.
        """
        has_ended = threading.Event()

        def watch() -> None:
            while not has_ended.wait(_INTERRUPT_EVERY_S):
                if self._is_stopped():
                    interrupt()

        watcher = threading.Thread(target=watch, name="stops a computation", daemon=True)
        watcher.start()
        try:
            yield
        except Exception as error:
            if self._is_stopped():
                raise JobStopped("all who waited for the answer have left") from error
            raise
        finally:
            has_ended.set()
            watcher.join()

    def check(self) -> None:
        """Ends the computation if its answer is not wanted any more.

        Raises:
            JobStopped: it is not.
        """
        if self._is_stopped():
            raise JobStopped("all who waited for the answer have left")


def not_followed() -> JobControl:
    """Of a computation that nothing follows, and nothing stops."""
    return JobControl()
