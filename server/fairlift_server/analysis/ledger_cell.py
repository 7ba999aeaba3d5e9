"""Sums over a few units, which looks add up."""

from dataclasses import dataclass

from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import Sum

from fairlift_server.analysis.columns import Window


@dataclass(frozen=True, slots=True)
class LedgerCell:
    """Sums over the units of one variant that came to count on one day; money in micros.

    A unit that enters on a day is mature a window later, to the moment: where the clock changes in
    between, units of one day are mature on two.

    Attributes:
        segments: a text with the labels at first exposure, where cells are cut by them; see
            `segment_labels`.
        totals: the sums that the summary was made of, in the order of the group's totals;
            empty where they were not kept.
    """

    maturity: Window
    variant: str
    entry_day: int
    mature_day: int
    mixed_day: int | None
    segments: str | None
    summary: Summary
    totals: tuple[Sum, ...] = ()

    def counts_on(self, day: int | None, last_entry: int | None) -> bool:
        """Whether its units are in the sample of a day; None is the sample of everybody."""
        if day is None:
            return self.mixed_day is None
        has_entered = last_entry is None or self.entry_day <= last_entry
        is_clean = self.mixed_day is None or self.mixed_day > day
        return has_entered and self.mature_day <= day and is_clean
