"""The one form of a benchmark: run, print a readable table, write results/NAME.json."""

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
    """One figure beside a peer's, from the same run.

    Attributes:
        what: name of the figure, e.g. `report_10x3_ms`.
        value, unit: ours.
        peer: who else was measured; empty if nobody does the same.
        peer_value: theirs, in the same unit.
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
    """Median seconds per call over some rounds, after one that is not counted."""
    return side_by_side({"": work}, rounds=rounds, calls={"": calls})[""]


def side_by_side(
    works: dict[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    calls: dict[str, int] | None = None,
) -> dict[str, float]:
    """Median seconds per call of several works whose rounds take turns.

    Taking turns lets a noisy neighbour disturb all of them alike.
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
    return {name: statistics.median(found) for name, found in times.items()}


def publish(name: str, measures: Iterable[Measure]) -> Path:
    """Print the table, and write it with its ratios to `results/{name}.json`."""
    rows = list(measures)
    print(f"\n{name}")
    print(f"{'what':<34} {'value':>12} {'unit':<14} {'peer':<26} {'peer value':>12} {'ratio':>8}")
    for m in rows:
        theirs = "" if m.peer_value is None else f"{m.peer_value:,.4g}"
        ratio = "" if m.ratio is None else f"{m.ratio:,.3g}×"
        print(f"{m.what:<34} {m.value:>12,.4g} {m.unit:<14} {m.peer:<26} {theirs:>12} {ratio:>8}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    found = []
    for m in rows:
        fields = asdict(m)
        del fields["less_is_better"]
        found.append(fields | {"ratio": m.ratio})
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(RESULTS.parent.parent)}")
    return path
