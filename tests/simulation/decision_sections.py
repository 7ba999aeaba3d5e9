"""The sections of the calibration page on the decision: is it right as often as it says?"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.simulation import (
    decision_costs,
    decision_errors,
    decision_guardrails,
    decision_lifts,
    decision_quantiles,
)
from tests.simulation.tables import introduced

SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    title: introduced(section)
    for title, section in {
        **decision_lifts.SECTIONS,
        **decision_guardrails.SECTIONS,
        **decision_costs.SECTIONS,
        **decision_errors.SECTIONS,
        **decision_quantiles.SECTIONS,
    }.items()
}
