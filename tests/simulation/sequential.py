"""The sections of the calibration page that belong to the methods of sequential analysis.

Each section takes the folder for its plots and returns Markdown; seeds are fixed, bounds come from
the binomial. `SECTIONS` is what `make calibrate` runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.simulation.sequential_stopping import (
    bandits,
    bayes,
    beyond_the_end,
    continuous,
    estimates,
    giving_up,
    peeking,
    variants,
)
from tests.simulation.sequential_traffic import asos, counted, shuffled, tickets, windows
from tests.simulation.tables import introduced

SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    title: introduced(section)
    for title, section in {
        "Peeking, exact": peeking,
        "Continuous monitoring": continuous,
        "Futility stopping": giving_up,
        "Looking after the planned end": beyond_the_end,
        "Several variants": variants,
        "Tickets and uneven splits": tickets,
        "Counts: conversions and the split": counted,
        "Open-ended metrics": windows,
        "Estimates at a stop": estimates,
        "Bayesian stopping": bayes,
        "Bandits": bandits,
        "The ASOS experiments": asos,
        "A/A replay of a shop's orders": shuffled,
    }.items()
}
