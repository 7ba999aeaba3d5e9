"""How many units are mature now: counted by minute, so that an answer stays true as time goes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import full_minute
from fairlift_server.analysis.ledger_query import EntryCount, LedgerAnswer, OpenUnits


def with_maturity(
    entries: Iterable[EntryCount],
    open_units: Sequence[OpenUnits],
    windows: Iterable[Window],
    now_us: int,
) -> tuple[EntryCount, ...]:
    """The entries with their units that are mature at a moment."""
    windows = tuple(windows)
    now_us = full_minute(now_us)
    waiting: dict[tuple[str, int, int | None], dict[Window, int]] = defaultdict(
        lambda: dict.fromkeys(windows, 0)
    )
    for each in open_units:
        counts = waiting[each.variant, each.entry_day, each.mixed_day]
        for window in windows:
            if each.until_us + maturity_us(window) > now_us:
                counts[window] += each.units
    return tuple(
        replace(
            entry,
            mature={
                window: entry.units - units
                for window, units in waiting[
                    entry.variant, entry.entry_day, entry.mixed_day
                ].items()
            },
        )
        for entry in entries
    )


def as_known_at(answer: LedgerAnswer, now_us: int) -> LedgerAnswer:
    """An answer to a live query, a while later: the same events, and more windows are over."""
    windows = dict.fromkeys(window for entry in answer.entries for window in entry.mature)
    entries = with_maturity(answer.entries, answer.open_units, windows, now_us)
    return replace(answer, entries=entries)
