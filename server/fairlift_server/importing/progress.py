"""Says how far an import has come: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from typing import TextIO

_TERMINAL_EVERY_S = 0.2
_PLAIN_EVERY_S = 10.0
_WIDTH = 30


class ProgressBar:
    """Writes the progress of one file.

    Args:
        total: rows of the file.
        out: where it is written.
        now: a clock in seconds that never goes back.
    """

    def __init__(self, total: int, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._out = out
        self._now = now
        self._is_terminal = out.isatty()
        self._started_s = self._said_s = now()

    def say(self, rows: int) -> None:
        """Says it, if it is time to."""
        now_s = self._now()
        every_s = _TERMINAL_EVERY_S if self._is_terminal else _PLAIN_EVERY_S
        if now_s - self._said_s < every_s:
            return
        self._said_s = now_s
        rate = rows / max(now_s - self._started_s, 1e-9)
        left = time_left(max(0, self._total - rows) / rate) if rate else "?"
        share = rows / self._total if self._total else 1.0
        text = f"{rows:,} of {self._total:,} rows, {rate:,.0f} a second, {left} left"
        if self._is_terminal:
            done = min(_WIDTH, round(share * _WIDTH))
            self._out.write(f"\r[{'#' * done}{'.' * (_WIDTH - done)}] {text}\x1b[K")
        else:
            self._out.write(f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """Clears the bar."""
        if self._is_terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()


def time_left(seconds: float) -> str:
    """A time as people write it.

    >>> time_left(42), time_left(150), time_left(7_500)
    ('42 s', '2 min 30 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"
