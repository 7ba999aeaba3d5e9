"""The sections of the calibration page on estimation: where intervals hold, and where they do not.

Each section takes the folder for its plots and returns Markdown, as in `sequential.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from scipy import stats

from tests.simulation import conversion, families, revenue
from tests.simulation.revenue import Arms
from tests.simulation.tables import table

RUNS: Final = 4_000
HURDLE_RUNS: Final = 400

SHOPS: Final = {
    "500/500, 5 %, A/A": Arms(500, 500, 0.05),
    "2,000/2,000, 3 %, A/A": Arms(2000, 2000, 0.03),
    "20,000/20,000, 3 %, A/A": Arms(20_000, 20_000, 0.03),
    "20,000/20,000, conversion +20 %, ticket +10 %": Arms(20_000, 20_000, 0.03, 0.2, 0.1),
    "18,000/2,000, 3 %, A/A": Arms(18_000, 2000, 0.03),
    "4,500/500, 3 %, A/A": Arms(4500, 500, 0.03),
}


def bounds(runs: int, share: float = 0.95) -> tuple[float, float]:
    """Where a true share lies in 998 of 1,000 simulations of this many runs."""
    low, high = (float(stats.binom.ppf(p, runs, share)) / runs for p in (0.001, 0.999))
    return low, high


def rates(folder: Path) -> str:
    """Conversion: exact, by enumeration."""
    settings = [(*s, conversion.coverage(*s)) for s in conversion.SETTINGS]
    names = [*conversion.DIFFERENCES, *conversion.RATIOS]
    rows = [[n, f"{rate:.0%}", f"{lift:+.0%}", *(c[name] for name in names)]
            for n, rate, lift, c in settings]  # fmt: skip
    worst = {name: min(c[name] for *_, c in settings) for name in names}
    _plot(
        folder / "conversion.svg",
        [f"{n} per arm, {rate:.0%}, lift {lift:+.0%}" for n, rate, lift, _ in settings],
        [c["score ratio"] for *_, c in settings],
        [c["linear delta"] for *_, c in settings],
    )
    return (
        "Coverage of 95 % intervals for conversion, summed over all possible tables (equal "
        "arms). An undefined interval counts as a miss. Fairlift uses the score intervals.\n\n"
        f"{table(['n per arm', 'control', 'lift', *names], rows)}\n"
        "Worst of these: " + ", ".join(f"{name} {c:.3f}" for name, c in worst.items()) + ".\n\n"
        "![coverage of the lift of a rate](calibration/conversion.svg)\n"
    )


def money(folder: Path) -> str:
    """Revenue per visitor and average ticket, lognormal tickets, buyers who return."""
    found = {name: revenue.coverage(arms, _runs(arms), 11) for name, arms in SHOPS.items()}
    hurdle = {name: revenue.hurdle_coverage(arms, HURDLE_RUNS, 12) for name, arms in SHOPS.items()}
    names = list(next(iter(found.values())))
    rows = [[shop, *(c[name] for name in names), hurdle[shop]] for shop, c in found.items()]
    low, high = bounds(RUNS)
    _plot(
        folder / "revenue.svg",
        list(found),
        [c["revenue: Fieller"] for c in found.values()],
        [c["revenue: linear delta"] for c in found.values()],
    )
    return (
        f"Coverage of 95 % intervals of the lift, {RUNS:,} runs each (1,000 for the largest "
        f"shops); a true 0.95 shows as {low:.3f}…{high:.3f}. Hurdle posterior: {HURDLE_RUNS} "
        "runs.\n\n"
        f"{table(['arms', *names, 'revenue: hurdle posterior'], rows)}\n"
        "**Where this does not hold.** With a split of 90/10 and few buyers in the small arm no "
        "interval computed from sums reaches 0.95: the skewness of the small arm does not cancel. "
        "Fairlift flags such a result (`few_buyers`, `too_skewed`); split equally, or judge the "
        "capped metric. Counting orders as units is wrong at any size when buyers return.\n\n"
        "![coverage of the lift of revenue](calibration/revenue.svg)\n"
    )


def tickets(_: Path) -> str:
    """Models of the ticket."""
    rows = []
    for name, draw in revenue.TICKETS.items():
        for n in (30, 200, 1000):
            found = revenue.ticket_models(draw, n, 4000, 13)
            rows.append([name, n, *found.values()])
    head = ["tickets", "orders per arm", "t on the mean", "exponential (VWO)", "lognormal"]
    return (
        "Coverage of the lift of an average ticket in A/A tests (4,000 runs). Intervals "
        "of a parametric model are narrower if the model is true, and too narrow if it is not: "
        f"Fairlift uses the first.\n\n{table(head, rows)}"
    )


def arms(_: Path) -> str:
    """Dunnett, unequal variances and sizes."""
    rows = [
        ["/".join(map(str, sizes)), "/".join(map(str, sds)),
         families.dunnett_error(sizes, sds, 40_000, 14)]
        for sizes, sds in (
            ((100, 100, 100), (1.0, 1.0, 1.0)),
            ((100, 100, 100, 100, 100), (1.0, 1.0, 2.0, 3.0, 1.0)),
            ((200, 50, 50), (1.0, 3.0, 3.0)),
            ((12, 12, 12), (1.0, 1.0, 1.0)),
        )
    ]  # fmt: skip
    return (
        "Share of 40,000 runs with any false claim among several arms (nominal 0.05).\n\n"
        f"{table(['units, control first', 'standard deviations', 'false claims'], rows)}"
    )


def segments(_: Path) -> str:
    """The hierarchy over segments."""
    found = {tau: families.segment_errors(tau, 400, 15) for tau in (0.0, 0.1, 0.3)}
    names = list(found[0.0])
    rows = [[tau, *(f[name] for name in names)] for tau, f in found.items()]
    return (
        "Twelve segments of 10–2,000 units per arm, base 10 %, true log lifts N(0.05, τ²), 400 "
        "runs.\n\n" + table(["τ", *names], rows) + "\n**Where this does not hold.** When segments "
        "differ far more than the prior expects (τ = 0.3 against a scale of 0.25), small segments "
        "are adjusted too much towards the overall result, and covered less than 95 %.\n"
    )


def _runs(shop: Arms) -> int:
    return RUNS if shop.n_control < 10_000 else 1000


def _plot(path: Path, settings: list[str], ours: list[float], theirs: list[float]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "fairlift"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 1.2 + 0.22 * len(settings)))
    at = np.arange(len(settings))
    axes.axvline(0.95, color="0.6", linewidth=1)
    axes.plot(ours, at, "o", label="Fairlift")
    axes.plot(theirs, at, "x", label="linear delta method")
    axes.set_yticks(at, settings)
    axes.invert_yaxis()
    axes.set_xlabel("coverage of 95 % intervals")
    figure.legend(loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


SECTIONS: Final[dict[str, Callable[[Path], str]]] = {
    "Conversion, exact": rates,
    "Revenue and tickets": money,
    "Models of the ticket": tickets,
    "Several variants at once": arms,
    "Segments": segments,
}
