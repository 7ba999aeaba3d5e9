"""Sums over a few units, which looks add up."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fairlift_stats.data.sums import Sum

from fairlift_server.analysis.columns import Window

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums over some units, of one group of columns; money in micros.

    Attributes:
        units: how many.
        totals: in the order of the group's totals.
    """

    units: int
    totals: tuple[Sum, ...]


@dataclass(frozen=True, slots=True)
class LedgerCell:
    """Sums over the units of one variant that came to count on one day.

    A unit that enters on a day is mature a window later, to the moment: where the clock changes in
    between, units of one day are mature on two.

    Attributes:
        segments: a text with the labels at first exposure, where cells are cut by them; see
            `segment_labels`.
    """

    maturity: Window
    variant: str
    entry_day: int
    mature_day: int
    mixed_day: int | None
    segments: str | None
    sums: UnitSums

    def counts_on(self, day: int | None, last_entry: int | None) -> bool:
        """Whether its units are in the sample of a day; None is the sample of everybody."""
        if day is None:
            return self.mixed_day is None
        has_entered = last_entry is None or self.entry_day <= last_entry
        is_clean = self.mixed_day is None or self.mixed_day > day
        return has_entered and self.mature_day <= day and is_clean


def added_up(parts: Iterable[tuple[K, UnitSums]]) -> dict[K, UnitSums]:
    """The sums of all parts with the same key, in the order in which the keys come."""
    by_key: dict[K, list[UnitSums]] = {}
    for key, sums in parts:
        by_key.setdefault(key, []).append(sums)
    return {
        key: of_key[0] if len(of_key) == 1 else _together(of_key) for key, of_key in by_key.items()
    }


def _together(parts: Sequence[UnitSums]) -> UnitSums:
    totals = zip(*(each.totals for each in parts), strict=True)
    return UnitSums(sum(each.units for each in parts), tuple(map(sum, totals)))
