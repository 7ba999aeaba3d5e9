"""Tells open pages that what they show has changed, by one thread for each campaign in view."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal

from fairlift_cli.failures import CommandRefused, Failure
from fairlift_cli.server_connection import ServerStream
from fairlift_cli.web.server_reader import ServerReader, list_version, versions

# What the list of all campaigns is followed as.
ALL_CAMPAIGNS: Final = ""
_MOST_PAGES: Final = 500
_LIST_EVERY_S: Final = 5.0
# Proxies close a connection that is silent for a minute.
_QUIET_S: Final = 15.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class PageNews:
    """What an open page is told.

    Attributes:
        event: a version that it should show, or that the server is lost.
        version: as `server_reader` names it; empty when the server is lost.
    """

    event: Literal["version", "lost"]
    version: str = ""


class LiveUpdates:
    """Follows what open pages show; all methods are called in the event loop."""

    def __init__(self, reader: ServerReader) -> None:
        self._reader = reader
        self._followed: dict[str, _Followed] = {}
        self._pages = 0

    @property
    def is_full(self) -> bool:
        """Whether more pages are open than one program should follow."""
        return self._pages >= _MOST_PAGES

    async def news(self, campaign: str) -> AsyncIterator[PageNews | None]:
        """The news of a campaign, or of ALL_CAMPAIGNS: the latest at once, then as they come.

        None now and then while nothing is new: it shows whether the page is still open.
        """
        self._pages += 1
        followed = self._followed.get(campaign)
        if followed is None:
            loop = asyncio.get_running_loop()
            followed = self._followed[campaign] = _Followed(self._reader, campaign, loop)
        queue: asyncio.Queue[PageNews] = asyncio.Queue()
        followed.add(queue)
        try:
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), _QUIET_S)
                except TimeoutError:
                    yield None
        finally:
            self._pages -= 1
            if followed.remove(queue):
                del self._followed[campaign]


class _Followed:
    """One campaign, or the list, that at least one page shows."""

    def __init__(
        self, reader: ServerReader, campaign: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._reader = reader
        self._campaign = campaign
        self._loop = loop
        self._queues: set[asyncio.Queue[PageNews]] = set()
        self._latest: PageNews | None = None
        self._stopped = threading.Event()
        self._stream: ServerStream | None = None
        self._thread = threading.Thread(
            target=self._follow, name=f"follow {campaign or 'all campaigns'}", daemon=True
        )
        self._thread.start()

    def add(self, queue: asyncio.Queue[PageNews]) -> None:
        self._queues.add(queue)
        if self._latest is not None:
            queue.put_nowait(self._latest)

    def remove(self, queue: asyncio.Queue[PageNews]) -> bool:
        """Whether no page is left; then it stops."""
        self._queues.discard(queue)
        if self._queues:
            return False
        self._stopped.set()
        if self._stream is not None:
            self._stream.cancel()
        return True

    def _tell(self, news: PageNews) -> None:
        """In the event loop: hands out what is new."""
        if news != self._latest:
            self._latest = news
            for queue in self._queues:
                queue.put_nowait(news)

    def _post(self, news: PageNews) -> None:
        # The loop is closed while the program ends.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, news)

    def _follow(self) -> None:
        """In a thread of its own, until no page is left."""
        read: Callable[[], None] = (
            self._read_stream if self._campaign != ALL_CAMPAIGNS else self._read_list
        )
        pause = _FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                read()
                pause = _FIRST_PAUSE_S
            except CommandRefused as refusal:
                # The page itself says what is wrong: it is read again, once.
                self._post(PageNews("version", refusal.code))
                pause = _LONGEST_PAUSE_S
            except Failure:
                self._post(PageNews("lost"))
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            self._stopped.wait(pause)

    def _read_stream(self) -> None:
        self._stream = self._reader.watch(self._campaign)
        if self._stopped.is_set():
            self._stream.cancel()
        for version in versions(self._stream):
            self._post(PageNews("version", version))

    def _read_list(self) -> None:
        while not self._stopped.is_set():
            version = list_version(self._reader.summaries("en"))
            self._post(PageNews("version", version))
            self._stopped.wait(_LIST_EVERY_S)
