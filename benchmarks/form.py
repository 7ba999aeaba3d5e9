"""What all benchmarks share: timing in turns, a readable table, results/NAME.json."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["RESULTS", "Measure", "median_of", "publish", "side_by_side"]

RESULTS = Path(__file__).parent / "results"
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure and the peer's, from the same run.

    Attributes:
        what: name of the figure, e.g. `report_10x3_ms`.
        value, unit: our figure.
        peer: the peer's name; empty when there is none.
        peer_value: the peer's figure, in the same unit.
        less_is_better: True for times, False for rates.
    """

    what: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    less_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        if self.peer_value is None:
            return None
        better, worse = (self.value, self.peer_value)
        return worse / better if self.less_is_better else better / worse


def median_of(work: Callable[[], object], *, rounds: int = ROUNDS, calls: int = 1) -> float:
    """Median seconds per call over some rounds, after a warm-up call."""
    return side_by_side({"": work}, rounds=rounds, calls={"": calls})[""]


def side_by_side(
    works: dict[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    calls: dict[str, int] | None = None,
) -> dict[str, float]:
    """Median seconds per call of several functions whose rounds alternate.

    Alternating spreads the noise of a busy machine over all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            repeat = (calls or {}).get(name, 1)
            gc.collect()
            start = time.perf_counter()
            for _ in range(repeat):
                work()
            times[name].append((time.perf_counter() - start) / repeat)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def publish(name: str, measures: Iterable[Measure]) -> Path:
    """Print the table, and write it with its ratios to `results/{name}.json`."""
    rows = list(measures)
    print(f"\n{name}")
    print(f"{'what':<34} {'value':>12} {'unit':<14} {'peer':<26} {'peer value':>12} {'ratio':>8}")
    for measure in rows:
        peer_value = "" if measure.peer_value is None else f"{measure.peer_value:,.4g}"
        ratio = "" if measure.ratio is None else f"{measure.ratio:,.3g}×"
        print(
            f"{measure.what:<34} {measure.value:>12,.4g} {measure.unit:<14} "
            f"{measure.peer:<26} {peer_value:>12} {ratio:>8}"
        )
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    records = []
    for measure in rows:
        fields = asdict(measure)
        del fields["less_is_better"]
        records.append(fields | {"ratio": measure.ratio})
    path.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(RESULTS.parent.parent)}")
    return path
