"""Reports from summaries, posteriors, segments and import, beside tea-tasting, gbstats, confidence.

tea-tasting runs in our own environment. gbstats and confidence pin an older pandas: they run in an
environment that is made on first use, and take turns with us through a pipe.
"""

import json
import os
import statistics as medians
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fairlift_stats import Analysis, Mean, Rate, Ratio, Summary
from fairlift_stats.bayes.best import best_of
from fairlift_stats.bayes.marginals import Beta

from benchmarks.form import Measure, publish, side_by_side

HOME = Path(__file__).parent
PEERS = Path(sys.prefix) / "peers-statistics"
PYTHON = PEERS / ("Scripts" if os.name == "nt" else "bin") / "python"
REQUIREMENTS = ("gbstats==0.8.0", "spotify-confidence==4.1.0")

RATES = ("converted", "cart", "newsletter", "view360")
MEANS = ("revenue", "profit", "orders", "items")
RATIOS = (("revenue", "orders"), ("items", "orders"))
ANALYSIS = Analysis(
    primary=(Rate("converted", "converted"), Mean("revenue", "revenue", buyers="converted")),
    secondary=(
        *(Rate(c, c) for c in RATES[1:]),
        *(Mean(c, c) for c in MEANS[1:]),
        *(Ratio(f"{a}/{b}", a, b, buyers="converted") for a, b in RATIOS),
    ),
)


def shop(seed: int, n: int = 20_000) -> Summary:
    """Summary of one arm of a plausible shop."""
    rng = np.random.default_rng(seed)
    converted = (rng.random(n) < 0.05).astype(int)
    orders = converted * (1 + rng.poisson(0.3, n))
    revenue = np.round(orders * rng.lognormal(4, 0.8, n), 2)
    rows: dict[str, Any] = {
        "converted": converted, "orders": orders, "revenue": revenue,
        "profit": np.round(revenue * 0.3, 2), "items": orders * (1 + rng.poisson(1, n)),
        "cart": (rng.random(n) < 0.2).astype(int),
        "newsletter": (rng.random(n) < 0.1).astype(int),
        "view360": (rng.random(n) < 0.3).astype(int),
    }  # fmt: skip
    return Summary.from_rows(rows)


def segments(count: int = 50) -> dict[str, dict[str, Summary]]:
    """Cells of many segments, of 20 to 4,000 visitors."""
    rng = np.random.default_rng(7)

    def cell(n: int) -> Summary:
        x = int(rng.binomial(n, 0.1))
        return Summary.from_sums(n, {"converted": x}, {("converted", "converted"): x})

    sizes = rng.integers(20, 4000, count).tolist()
    return {f"s{i}": {"control": cell(n), "b": cell(n)} for i, n in enumerate(sizes)}


def as_json(arms: dict[str, Summary], cells: dict[str, dict[str, Summary]]) -> dict[str, Any]:
    """The same numbers for the peers: raw sums of squares and products."""

    def raw(s: Summary, a: str, b: str) -> float:
        centred = float(s.comoments[s.columns.index(a), s.columns.index(b)])
        return centred + s.sum(a) * s.sum(b) / s.n

    return {
        "arms": [
            {"name": name, "n": s.n}
            | {c: s.sum(c) for c in s.columns}
            | {f"{c}2": raw(s, c, c) for c in s.columns}
            | {f"{a}*{b}": raw(s, a, b) for a, b in RATIOS}
            for name, s in arms.items()
        ],
        "metrics": [
            *({"kind": "rate", "column": c} for c in RATES),
            *({"kind": "mean", "column": c} for c in MEANS),
            *({"kind": "ratio", "column": a, "denominator": b} for a, b in RATIOS),
        ],
        "segments": [
            [[cell[v].n, cell[v].sum("converted")] for v in ("control", "b")]
            for cell in cells.values()
        ],
    }


def tea_tasting(arms: dict[str, Summary]) -> Callable[[], object]:
    """Its report of the same metrics, from its own aggregates."""
    import tea_tasting as tt
    from tea_tasting.aggr import Aggregates

    data: dict[object, Any] = {
        name: Aggregates(
            count_=s.n,
            mean_={c: float(s.mean(c)) for c in s.columns},
            var_={c: s.variance(c) for c in s.columns},
            cov_={tuple(sorted(pair)): s.covariance(*pair) for pair in RATIOS},
        )
        for name, s in arms.items()
    }
    metrics: dict[str, Any] = {c: tt.Proportion(c, method="norm") for c in RATES}
    metrics |= {c: tt.Mean(c) for c in MEANS}
    metrics |= {f"{a}/{b}": tt.RatioOfMeans(a, b) for a, b in RATIOS}
    experiment = tt.Experiment(metrics)
    return lambda: experiment.analyze(data, control="control", all_variants=True)


def peers_python() -> Path:
    """The Python of the peers' own environment, made on first use."""
    if not PYTHON.exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "-p", sys.executable, str(PEERS)], check=True)
        install = [*uv, "pip", "install", "--quiet", "-p", str(PYTHON), *REQUIREMENTS]
        subprocess.run(install, check=True)
    return PYTHON


class Peers:
    """gbstats and confidence in their own environment, one call at a time."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [str(peers_python()), str(HOME / "peers" / "statistics_worker.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._send(json.dumps(inputs))

    def seconds(self, name: str, calls: int = 1) -> float:
        """Seconds per call, as the peer's own clock has it."""
        self._send(f"{name} {calls}")
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def every_figure(arms: dict[str, Summary]) -> None:
    """A report, every field of every result read: results are views, made when they are read."""
    for r in ANALYSIS.report(arms).results:
        _ = r.control, r.treatment, r.difference, r.lift, r.p_value, r.adjusted_p, r.method, r.flags


def with_posteriors(arms: dict[str, Summary]) -> None:
    """A report, every posterior asked for."""
    for result in ANALYSIS.report(arms).results:
        _ = result.posterior


def monte_carlo(arms: list[Beta], draws: int = 500_000) -> None:
    """Chance to be best and loss by draws: what confidence does, for five arms."""
    rng = np.random.default_rng(0)
    drawn = np.array([rng.beta(arm.a, arm.b, draws) for arm in arms])
    best = drawn.max(axis=0)
    _ = [(drawn[i] == best).mean() for i in range(len(arms))]
    _ = (best - drawn).mean(axis=1)


def import_seconds(python: Path, statement: str) -> float:
    """Seconds of a fresh interpreter with this import, less those of one without."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    process = subprocess.run(
        [str(python), "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return float(process.stdout)


def measures(peers: Peers, arms: dict[str, Summary], cells: Any) -> list[Measure]:
    """All figures; rounds of the peers alternate."""
    arms_of_five = [(121, 2281), (157, 2225), (139, 2251), (130, 2270), (150, 2240)]
    segment_analysis = Analysis(primary=(Rate("converted", "converted"),))
    works: dict[str, Callable[[], object]] = {
        "report": lambda: ANALYSIS.report(arms),
        "read": lambda: every_figure(arms),
        "posteriors": lambda: with_posteriors(arms),
        "best": lambda: best_of([Beta(a, b) for a, b in arms_of_five]),
        "draws": lambda: monte_carlo([Beta(a, b) for a, b in arms_of_five]),
        "segments": lambda: segment_analysis.segments(cells),
        "tea-tasting": tea_tasting(arms),
    }
    calls = {"report": 20, "read": 20, "best": 20, "segments": 5}
    names = ("gbstats_report", "gbstats_segments", "confidence_report")
    for name in names:
        peers.seconds(name)
    rounds = []
    peer_times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(7):
        rounds.append(side_by_side(works, rounds=1, calls=calls))
        for name in names:
            peer_times[name].append(
                peers.seconds(name, 1 if name == "confidence_report" else 5) * 1e3
            )
    ours = {name: medians.median(r[name] for r in rounds) * 1e3 for name in works}
    peer = {name: medians.median(seconds) for name, seconds in peer_times.items()}
    reports = {
        "tea-tasting": ours["tea-tasting"],
        "gbstats": peer["gbstats_report"],
        "confidence (8 of 10)": peer["confidence_report"],
    }
    fastest = min(reports, key=lambda name: reports[name])
    return [
        Measure("report_10x3_ms", ours["report"], "ms", fastest, reports[fastest]),
        *(
            Measure(f"report_10x3_ms_{i}", ours["report"], "ms", name, value)
            for i, (name, value) in enumerate(reports.items(), start=1)
            if name != fastest
        ),
        Measure("report_read_10x3_ms", ours["read"], "ms"),
        Measure("report_with_posteriors_10x3_ms", ours["posteriors"], "ms"),
        Measure("p_best_5_arms_ms", ours["best"], "ms", "numpy, 500,000 draws", ours["draws"]),
        Measure("segments_50_ms", ours["segments"], "ms", "gbstats, nothing shrunk",
                peer["gbstats_segments"]),
    ]  # fmt: skip


def imports() -> Measure:
    """Import in fresh interpreters, ours with all its public names, taking turns."""
    ours = "import fairlift_stats"
    statements = {
        "tea-tasting": "import tea_tasting",
        "gbstats": "import gbstats.frequentist.tests",
        "confidence": "import spotify_confidence",
    }
    pythons = {"tea-tasting": Path(sys.executable)}
    times: dict[str, list[float]] = {name: [] for name in ("ours", *statements)}
    for _ in range(5):
        times["ours"].append(import_seconds(Path(sys.executable), ours))
        for name, statement in statements.items():
            times[name].append(import_seconds(pythons.get(name, PYTHON), statement))
    medians_by_name = {name: medians.median(values) for name, values in times.items()}
    fastest = min(statements, key=lambda name: medians_by_name[name])
    return Measure("import_s", medians_by_name["ours"], "s", fastest, medians_by_name[fastest])


def main() -> None:
    """Measure and publish."""
    warnings.filterwarnings("ignore")
    arms = {"control": shop(1), "b": shop(2), "c": shop(3)}
    cells = segments()
    peers = Peers(as_json(arms, cells))
    try:
        figures = measures(peers, arms, cells)
    finally:
        peers.close()
    publish("statistics", [*figures, imports()])


if __name__ == "__main__":
    main()
