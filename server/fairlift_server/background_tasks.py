"""What a server does while no call asks for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fairlift.engine.errors import Unavailable

from fairlift_server.api.parked_events import ParkedEvents
from fairlift_server.api.readiness import Readiness
from fairlift_server.first_use import OnFirstUse
from fairlift_server.results.answer_files import analysis_folder, answers_folder
from fairlift_server.results.due_campaigns import wait_for_first_look
from fairlift_server.results.retention_rules import EVERY_S, wait_for_retention
from fairlift_server.server_parts import ServerParts
from fairlift_server.store.upkeep import Upkeep

if TYPE_CHECKING:
    from fairlift_server.results_parts import ResultsParts

log = logging.getLogger("fairlift.server")


@asynccontextmanager
async def background_tasks(
    parts: ServerParts, results: "OnFirstUse[ResultsParts]", *, worker: int | None
) -> AsyncIterator[None]:
    """Runs the tasks until the block ends, and returns when the last one has ended.

    Args:
        parts: of the server, which serves.
        results: makes looks and removes old events.
        worker: its number among those of a supervisor, from 0; None: it is alone.
    """
    parts.rights.watch.on_end = parts.server.end_refused_streams
    work: dict[str, Coroutine[None, None, None]] = {
        "readiness": _readiness(parts).run(),
        "tokens": parts.rights.watch.run(),
        "results": _load_before_needed(parts, results),
    }
    if parts.store.is_shared:
        work |= {"other-servers": parts.others.run(), "upkeep": Upkeep(parts.store).run()}
    # What concerns the shop as a whole is the work of one worker.
    if not worker:
        parked = ParkedEvents(
            parts.store,
            parts.live,
            parts.clocks,
            rules=parts.event_rules,
            erased=parts.erased,
            now=parts.clock,
        )
        work |= {
            "retention": _remove_old_events(parts, results),
            "look-timer": _make_looks(parts, results),
            "parked-events": parked.run(),
        }
    tasks = [asyncio.create_task(each, name=name) for name, each in work.items()]
    for task in tasks:
        task.add_done_callback(_log_end)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _readiness(parts: ServerParts) -> Readiness:
    """Fails while the database cannot be written, and for good once events have no writer."""
    server, journaled = parts.server, parts.journaled

    async def check() -> None:
        if server.broken:
            raise Unavailable(server.broken)
        await parts.store.check_writes()
        if journaled is not None:
            await journaled.check()

    async def takes_events() -> bool:
        return journaled is not None and not server.broken and await journaled.can_take()

    readiness = Readiness(server.set_writable, check, takes_events=takes_events)

    def end_events(reason: str) -> None:
        server.broken = reason
        readiness.failed(reason)

    parts.store.write_failures.listener = readiness.failed
    parts.ingest.on_end = end_events
    return readiness


async def _load_before_needed(parts: ServerParts, results: "OnFirstUse[ResultsParts]") -> None:
    """Loads what gives results, and starts a process for it, once a campaign was started.

    Loading holds the interpreter for milliseconds at a time; done by a look, it would delay
    assignments. Each process of a server does it, since each may be asked for results.
    """
    await parts.live.wait_for_started()
    await _loaded(results, parts.settings.look_every_s)
    parts.pools.reports.start()


async def _make_looks(parts: ServerParts, results: "OnFirstUse[ResultsParts]") -> None:
    """Makes looks when they are due, from the first one on."""
    settings = parts.settings
    folder = analysis_folder(settings.analysis_folder, parts.store.file)
    await wait_for_first_look(
        parts.store,
        answers=answers_folder(folder if settings.analysis_tables == "database" else ""),
        every_s=settings.look_every_s,
        now=parts.clock,
    )
    await (await _loaded(results, settings.look_every_s)).timer.run()


async def _remove_old_events(parts: ServerParts, results: "OnFirstUse[ResultsParts]") -> None:
    """Removes old events, from the moment on at which the settings ask for it."""
    await wait_for_retention(parts.store, parts.rights.retention_rules)
    await (await _loaded(results, EVERY_S)).retention.run()


async def _loaded(results: "OnFirstUse[ResultsParts]", again_s: float) -> "ResultsParts":
    """The parts that give results, tried again until they can be loaded."""
    while True:
        try:
            return await results.get()
        except Exception:
            # After an upgrade, files of the new version may not fit the old ones in memory.
            log.exception("results cannot be loaded", extra={"fields": {"again_s": again_s}})
        await asyncio.sleep(again_s)


def _log_end(task: "asyncio.Task[None]") -> None:
    """Says loudly that something ended which should go on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        fields = {"task": task.get_name()}
        log.error("a task in the background ended", exc_info=error, extra={"fields": fields})
