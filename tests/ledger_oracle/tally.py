"""Counts what was compared, and what differs."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .comparison import FIGURES, kind_of, part_differences
from .histories import histories, together
from .product import Arrival, product_report


@dataclass(slots=True)
class Tally:
    """What was compared so far.

    Attributes:
        largest: the largest relative difference of a sum of squares; no other figure is rounded.
    """

    histories: int = 0
    events: int = 0
    figures: int = 0
    different: int = 0
    largest: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)

    def compare(self, seed: int, empty: str, folder: Path) -> list[str]:
        """Lines of what differs in the histories of a seed.

        Args:
            seed: of the histories, and of the order in which they come in.
            empty: a migrated database without events.
            folder: of theirs.
        """
        parts = histories(seed)
        arrival = Arrival(seed, twice=seed % 3 == 0, restarts=seed % 10 == 0)
        product = product_report(together(parts), empty, folder / "shop.db", arrival)
        found: list[str] = []
        for number, part in enumerate(parts):
            lines = list(part_differences(part, product, self._note_rounding))
            self.histories += 1
            self.events += len(part.events)
            self.figures += FIGURES * len(part.campaign.variants)
            self.different += bool(lines)
            self.kinds.update(map(kind_of, lines))
            found += (f"seed {seed}, history {number}: {line}" for line in lines)
        return found

    def _note_rounding(self, relative: float) -> None:
        self.largest = max(self.largest, relative)

    @property
    def summary(self) -> str:
        """The counts in one line."""
        return (
            f"{self.histories} histories, {self.events} events, {self.figures} figures compared: "
            f"{self.different} histories and {sum(self.kinds.values())} figures differ; "
            f"the largest rounding is {self.largest:.1e} of a figure"
        )
