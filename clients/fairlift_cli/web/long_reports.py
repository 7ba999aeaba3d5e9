"""Reports that take long: read in threads, while pages say how far they are."""

import threading
import time
from collections.abc import Callable
from typing import Final

from fairlift.v1 import results_service_pb2 as pb

# A page that takes longer says how far it is, and is read again.
PATIENCE_S: Final = 3.0
# After so long without a page that asks, its readers have left.
_LEFT_S: Final = 30.0

Tell = Callable[[pb.ReportProgress], None]
# Gives a report, and tells meanwhile how far it is.
ReadReport = Callable[[Tell], pb.Report]
# Campaign, language and epoch.
Key = tuple[str, str, int]


class StillReading(Exception):
    """A report is not there yet.

    Attributes:
        progress: how far it is.
    """

    def __init__(self, progress: pb.ReportProgress) -> None:
        super().__init__()
        self.progress = progress


class LongReports:
    """One reading for all pages that ask for the same report; used by several threads."""

    def __init__(self, *, left_s: float = _LEFT_S) -> None:
        self._left_s = left_s
        self._lock = threading.Lock()
        self._readings: dict[Key, _Reading] = {}

    def report(self, key: Key, read: ReadReport, *, patience_s: float = PATIENCE_S) -> pb.Report:
        """The report, begun after this call or for another page that waits for it.

        Args:
            key: of the report.
            read: reads it.
            patience_s: how long the page waits.

        Raises:
            StillReading: it takes longer; a page that asks again gets it.
            Failure: as `read` raises it.
        """
        with self._lock:
            self._forget_left()
            reading = self._readings.get(key)
            if reading is None:
                reading = self._readings[key] = _Reading(read, patience_s + self._left_s)
            else:
                reading.wanted_for(patience_s + self._left_s)
        if not reading.has_ended_within(patience_s):
            raise StillReading(reading.progress)
        with self._lock:
            # What others may have put in its place stays.
            if self._readings.get(key) is reading:
                del self._readings[key]
        return reading.result()

    def _forget_left(self) -> None:
        for key in [key for key, reading in self._readings.items() if reading.was_left]:
            del self._readings[key]


class _ReadersLeft(Exception):
    """No page asks for the report any more."""


class _Reading:
    """One report that a thread reads."""

    def __init__(self, read: ReadReport, wanted_s: float) -> None:
        self._began_s = time.monotonic()
        self._told: pb.ReportProgress | None = None
        self._read = read
        self._wanted_until_s = self._began_s + wanted_s
        self._ended = threading.Event()
        self._outcome: pb.Report | Exception | None = None
        threading.Thread(target=self._run, name="read a report", daemon=True).start()

    @property
    def was_left(self) -> bool:
        """Whether no page waits for it, and none has asked for long."""
        return time.monotonic() > self._wanted_until_s

    @property
    def progress(self) -> pb.ReportProgress:
        """How far it is; before the server says so, how long it has taken."""
        return self._told or pb.ReportProgress(elapsed_s=time.monotonic() - self._began_s)

    def wanted_for(self, seconds: float) -> None:
        """A page waits for it, and may ask again within so long."""
        self._wanted_until_s = max(self._wanted_until_s, time.monotonic() + seconds)

    def has_ended_within(self, seconds: float) -> bool:
        """Whether it ends within so long."""
        return self._ended.wait(seconds)

    def result(self) -> pb.Report:
        """The report, once it is there.

        Raises:
            Failure: the server gave none.
            StillReading: it was ended at the moment when a page came back, which asks again.
        """
        if isinstance(self._outcome, pb.Report):
            return self._outcome
        assert self._outcome is not None, "it has ended"
        if isinstance(self._outcome, _ReadersLeft):
            raise StillReading(self.progress)
        raise self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._read(self._tell)
        except Exception as error:  # raised again where a page asks
            self._outcome = error
        finally:
            self._ended.set()

    def _tell(self, progress: pb.ReportProgress) -> None:
        if self.was_left:
            raise _ReadersLeft
        self._told = progress
