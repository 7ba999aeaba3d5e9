"""The sections of the calibration page that belong to sequential analysis.

Each section takes the folder for its plots and returns Markdown; seeds are fixed, bounds come from
the binomial. `SECTIONS` is what `make calibrate` runs.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.replay import History, Replay, clopper_pearson, replay
from fairlift_stats.sequential.bayes import LossRule, stopping_table
from fairlift_stats.sequential.boundaries import exit_probabilities, spending_boundaries
from fairlift_stats.sequential.characteristics import characteristics
from fairlift_stats.sequential.counts import prior_strength
from fairlift_stats.sequential.futility import futility_design
from fairlift_stats.sequential.inference import estimate_at_stop
from fairlift_stats.sequential.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.sequential.shapes import equal_times, type_one
from fairlift_stats.sequential.spending import Side, Spending

from tests.simulation.sequential_asos import replayed, tally
from tests.simulation.sequential_bandits import coverage
from tests.simulation.sequential_shops import (
    Loyal,
    Shop,
    conversions,
    guarded,
    revenue_z,
    side_errors,
    splits,
)
from tests.simulation.sequential_walks import (
    FIXED_DRIFT,
    Z95,
    curved,
    level_lines,
    many_arms,
    overrun,
    play,
    rules,
    spent,
)
from tests.stats.sequential.asos import FILE, TAU_SQUARED, streams

Section = Callable[[Path], str]
OBF: Final = Spending("lan_demets_obf")
HSD: Final = Spending("hsd", -2.0)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with four digits."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _bounds(share: float, runs: int) -> str:
    found = clopper_pearson(round(share * runs), runs)
    return f"{found.low:.4f}–{found.high:.4f}"


def peeking(folder: Path) -> str:
    """Exact and simulated behaviour of each rule at 14 and 28 looks."""
    rng, runs = np.random.default_rng(20261), 40_000
    rows: list[Sequence[object]] = []
    for looks in (14, 28):
        for name, found in rules(looks).items():
            exact = characteristics(found)
            null = play(found, 0.0, runs, rng).alarms
            power = play(found, FIXED_DRIFT, runs, rng).wins
            rows.append(
                (
                    looks,
                    name,
                    exact.type_one,
                    f"{null:.4f} ({_bounds(null, runs)})",
                    exact.power,
                    power,
                    exact.mean_size,
                    exact.mean_size_double,
                    exact.inflation,
                )
            )
    _plot_lines(folder / "sequential-lines.svg")
    head = (
        "looks",
        "rule",
        "false alarms, exact",
        "simulated (99 % bounds)",
        "power, exact",
        "simulated",
        "mean size at the effect",
        "at twice the effect",
        "maximum size for 80 %",
    )
    return (
        "Two-sided 5 %, equal looks; sizes relative to the fixed test with 80 % power.\n\n"
        + table(head, rows)
        + "\n![Lines of each rule](calibration/sequential-lines.svg)\n"
    )


def _plot_lines(path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for name in ("GST HSD(-4)", "GST LD-Pocock", "YEAST", "mixture, N*=N", "naive daily peeking"):
        found = rules(28)[name]
        axes.plot(found.times, found.upper, label=name)
    axes.set(ylim=(1.5, 6), xlabel="share of the planned visitors", ylabel="z to reach")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def continuous(_: Path) -> str:
    """Two thousand looks: what 'watching all the time' means."""
    rng, runs, looks = np.random.default_rng(20262), 40_000, 2000
    found = {
        "naive": level_lines(looks, Z95),
        "mixture, N*=N": curved(looks, mixture_line),
        "mixture, N*=N/20": curved(looks, lambda t: mixture_line(20 * t)),
        "YEAST": curved(looks, yeast_line),
    }
    rows = []
    for name, lines in found.items():
        null, power = (play(lines, drift, runs, rng) for drift in (0.0, FIXED_DRIFT))
        rows.append((name, null.alarms, _bounds(null.alarms, runs), power.wins))
    return table(("rule", "false alarms", "99 % bounds", "power"), rows)


def giving_up(_: Path) -> str:
    """Exact: what non-binding futility saves."""
    rows: list[Sequence[object]] = []
    designs = {
        "LD-OBF + HSD(-2)": (OBF, HSD),
        "LD-OBF + LD-OBF": (OBF, OBF),
        "power 2 + HSD(-2)": (Spending("power", 2.0), HSD),
        "HSD(-4) + HSD(-2), the default": (Spending("hsd", -4.0), HSD),
    }
    for name, (success, give_up) in designs.items():
        found = futility_design(
            equal_times(14), success=Side(success, 0.025), give_up=Side(give_up, 0.2)
        )
        won = float(exit_probabilities(found.boundaries, [0.0]).power[0])
        sizes = (found.mean_size(share) for share in (0.0, -1.0, 1.0))
        rows.append((name, found.inflation, *sizes, won))
    head = ("design", "maximum", "mean, no effect", "at -MDE", "at MDE", "wins, no effect")
    return table(head, rows)


def beyond_the_end(_: Path) -> str:
    """Exact: false alarms when a plan is quietly extended to one and a half times its size."""
    rows = [(looks, type_one(overrun(looks))) for looks in (5, 14, 28)]
    return table(("planned looks", "false alarms"), rows)


def variants(_: Path) -> str:
    """Several variants against one control."""
    rng, runs = np.random.default_rng(20263), 40_000
    rows = [
        (arms, many_arms(arms, runs, rng, shared=False), many_arms(arms, runs, rng, shared=True))
        for arms in (2, 3, 5)
    ]
    return table(("variants", "each at 5 %", "alpha shared (default)"), rows)


def tickets(_: Path) -> str:
    """Skewed tickets and uneven splits, with and without the guard. Nominal 2.5 % a side."""
    rng, runs = np.random.default_rng(20264), 6000
    obf, mixture = spent(OBF, 28), curved(28, mixture_line)
    rows: list[Sequence[object]] = []
    for share in (0.5, 1 / 3, 0.2, 0.1):
        for sigma in (1.0, 1.5):
            z = revenue_z(Shop(share, sigma), runs, rng)[0]
            capped = revenue_z(Shop(share, sigma, cap=0.99), runs, rng)
            tamed = guarded(*capped)
            rows.append(
                (
                    f"{share:.0%}",
                    sigma,
                    side_errors(z, obf)[1],
                    side_errors(z, mixture)[1],
                    *side_errors(tamed, obf),
                    *side_errors(tamed, mixture),
                )
            )
    head = (
        "smaller arm",
        "sigma",
        "GST raw, losers",
        "mixture raw, losers",
        "GST guarded, winners",
        "losers",
        "mixture guarded, winners",
        "losers",
    )
    return table(head, rows)


def counted(_: Path) -> str:
    """The exact conversion test and the split check."""
    rng, runs = np.random.default_rng(20265), 40_000
    exact = [
        (
            f"{a_day} conversions a day and arm" + (", base rate swinging by half" if wave else ""),
            *(
                float((conversions(a_day, lift, runs, rng, wave=wave).max(axis=1) >= limit).mean())
                for lift in (0.0, 0.1, 0.2)
            ),
        )
        for a_day, wave in ((60, 0.0), (60, 0.5), (3, 0.0), (1, 0.0))
        for limit in (math.log(20),)
    ]
    split: list[Sequence[object]] = []
    for k in (1000.0, prior_strength(28 * 2000)):
        for share in (0.5, 0.51, 0.52):
            log_e = splits(share, k, 20_000, rng)
            largest = log_e.max(axis=1)
            warned = log_e >= math.log(20)
            day = float((warned.argmax(axis=1) + 1)[warned.any(axis=1)].mean())
            parts = (float((largest >= math.log(limit)).mean()) for limit in (20, 100))
            split.append((f"{k:.0f}", f"{share:.0%}", *parts, day))
    return (
        table(("conversions", "no effect", "+10 %", "+20 %"), exact)
        + "\nThe split check over 28 days of 2,000 visitors:\n\n"
        + table(("k", "true share", "warned", "blocked", "mean day of the warning"), split)
    )


def windows(_: Path) -> str:
    """Open-ended metrics break every plan of looks; a fixed window per visitor mends it."""
    rng, runs = np.random.default_rng(20266), 2500
    rows: list[Sequence[object]] = []
    for burst in (False, True):
        for window in (None, 7):
            scene = Loyal(window, burst)
            side = Side(OBF, 0.025)
            found = spending_boundaries(scene.times()[0], upper=side, lower=side)
            alarms = sum(side_errors(scene.z(runs, rng), found))
            arrivals = "two thirds on the first day" if burst else "steady"
            rows.append((arrivals, window or "open", alarms, _bounds(alarms, runs)))
    return table(("arrivals", "window, days", "false alarms", "99 % bounds"), rows)


def estimates(_: Path) -> str:
    """The estimate at a stop: raw and corrected, LD-OBF at 14 looks, at the planned effect."""
    rng, runs = np.random.default_rng(20267), 200_000
    found = spent(OBF, 14)
    played = play(found, FIXED_DRIFT, runs, rng)
    look = np.where(played.look < 0, 13, played.look)
    raw = played.z / np.sqrt(np.array(found.times))[look]
    corrected, low, high = (np.empty(runs) for _ in range(3))
    for k in range(14):
        here = look == k
        if here.any():
            grid = np.linspace(played.z[here].min() - 1e-6, played.z[here].max() + 1e-6, 24)
            stops = [estimate_at_stop(found.until(k + 1), z=float(z)) for z in grid]
            for target, values in (
                (corrected, [s.drift for s in stops]),
                (low, [s.interval.low for s in stops]),
                (high, [s.interval.high for s in stops]),
            ):
                target[here] = np.interp(played.z[here], grid, values)
    half = Z95 / np.sqrt(np.array(found.times))[look]
    won = (played.look >= 0) & played.upward
    height = np.array(found.upper)[look] / np.sqrt(np.array(found.times))[look]
    both = (raw / FIXED_DRIFT, corrected / FIXED_DRIFT)
    held = (np.abs(raw - FIXED_DRIFT) < half, (low < FIXED_DRIFT) & (high > FIXED_DRIFT))
    rows: list[Sequence[object]] = [
        ("mean over the truth, given a win", *(float(x[won].mean()) for x in both)),
        ("mean over the truth, always", *(float(x.mean()) for x in both)),
        ("above the truth", *(float((x > 1).mean()) for x in both)),
        ("95 % interval holds the truth", *(float(x.mean()) for x in held)),
        ("repeated interval holds it", float((np.abs(raw - FIXED_DRIFT) < height).mean()), "–"),
    ]
    return table(("", "raw", "corrected"), rows)


def bayes(_: Path) -> str:
    """Stopping by expected loss, seen by a frequentist: 28 looks at 2 × 2,000 visitors, 3 %."""
    rng = np.random.default_rng(20268)
    se = math.sqrt(2 * 0.03 * 0.97 / 2000) / 0.03
    rows: list[Sequence[object]] = []
    # A prior of 100 % is as good as flat; as a plan it would be allowed, a flat one is refused.
    for prior, threshold in ((0.03, 0.001), (0.03, 0.005), (1.0, 0.001), (1.0, 0.005), (1.0, 0.01)):
        rule = LossRule(prior_sd=prior, threshold=threshold, looks=28, se_per_look=se, first_look=1)
        seen = stopping_table(rule, effects=(0.0, 0.1, -0.05), rng=rng, runs=40_000)
        honest = stopping_table(
            rule, effects=(), rng=np.random.default_rng(20269), runs=40_000, true_sd=0.03
        )
        rows.append(
            (
                f"{prior:.0%}",
                f"{threshold:.1%}",
                *seen.ships,
                seen.mean_days[0],
                honest.right,
                honest.reported,
                honest.true,
            )
        )
    head = (
        "prior sd",
        "loss",
        "ships, no effect",
        "ships at +10 %",
        "ships at -5 %",
        "mean days, no effect",
        "truly better of those shipped",
        "reported lift",
        "true lift",
    )
    return "True lifts for the last three columns: normal with a deviation of 3 %.\n\n" + table(
        head, rows
    )


def bandits(_: Path) -> str:
    """Two equal arms under Thompson's shares: coverage of 95 % intervals."""
    rng = np.random.default_rng(20270)
    rows = []
    for floor in (0.01, 0.05, 0.1):
        found = coverage(floor, 3000, rng)
        rows.append((f"{floor:.0%}", found.pooled, found.weighted, found.batched, found.sequence))
    head = ("floor", "pooled z (never report)", "inverse variance", "batched", "sequence, all days")
    return table(head, rows)


def asos(_: Path) -> str:
    """All ASOS streams through the default plan."""
    if not FILE.exists():
        return "The ASOS file was not here; set FAIRLIFT_DATA.\n"
    rows: list[Sequence[object]] = []
    each: dict[tuple[str, int], dict[int, str]] = {}
    for metric in TAU_SQUARED:
        found = {key: replayed(points) for key, points in streams(metric).items()}
        counts, means = tally(found.values())
        rows += [(metric, len(found), kind, n, means[kind]) for kind, n in sorted(counts.items())]
        for key, decided in found.items():
            each.setdefault(key, {})[metric] = f"{decided.kind}, day {decided.day:.0f}"
    head = ("metric", "streams", "verdict", "how often", "mean share of visitors by then")
    streams_head = ("experiment / variant", *(f"metric {metric}" for metric in TAU_SQUARED))
    lines = [
        (f"{name} / {variant}", *(by_metric.get(metric, "–") for metric in TAU_SQUARED))
        for (name, variant), by_metric in sorted(each.items())
    ]
    return (
        "ASOS Digital Experiments (Liu, Cardoso, Couturier & McCoy 2021, CC BY 4.0), each stream"
        " read at least 1 % of its visitors apart by the default plan (minimum 7 days).\n\n"
        + table(head, rows)
        + "\n<details><summary>Every stream: what was decided, and when</summary>\n\n"
        + table(streams_head, lines)
        + "\n</details>\n"
    )


def shuffled(folder: Path) -> str:
    """An A/A replay of simulated orders, as a shop would run it on its own."""
    rng, units = np.random.default_rng(20271), 40_000
    bought = rng.random(units) < 0.04
    value = np.where(bought, rng.lognormal(3.5, 1.0, units), 0.0)
    day = rng.integers(0, 28, units)
    metric = PlannedMetric("revenue_per_visitor", unit="money", needs="orders")
    plan = SequentialPlan(("a", "b"), (metric,), n_max=units)
    rows: list[Sequence[object]] = []
    for shares in ((0.5, 0.5), (0.9, 0.1)):
        for cap in (None, float(np.quantile(value[bought], 0.99))):
            split = SequentialPlan(("a", "b"), (metric,), n_max=units, shares=shares)
            found = replay(History(day, value, cap=cap), split, rng=rng, runs=1000)
            rows.append(_replayed(shares, cap, found))
    even = replay(History(day, value), plan, rng=rng, runs=1000)
    _plot_p(folder / "sequential-replay.svg", even)
    head = (
        "split",
        "capped",
        "false winners",
        "false losers",
        "alarms (99 % bounds)",
        "naive",
        "coverage",
        "p even? (KS p)",
    )
    return table(head, rows) + "\n![p-values of the replay](calibration/sequential-replay.svg)\n"


def _replayed(shares: tuple[float, float], cap: float | None, found: Replay) -> Sequence[object]:
    bounds = found.alarms.interval
    return (
        f"{shares[0]:.0%}/{shares[1]:.0%}",
        "no" if cap is None else "p99",
        found.winners.share,
        found.losers.share,
        f"{found.alarms.share:.4f} ({bounds.low:.4f}–{bounds.high:.4f})",
        found.naive.share,
        found.coverage.share,
        found.distance_p,
    )


def _plot_p(path: Path, found: Replay) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    axes.plot(found.p_values, np.arange(1, found.p_values.size + 1) / found.p_values.size)
    axes.plot([0, 1], [0, 1], linestyle="--")
    axes.set(xlabel="p at the end", ylabel="share of replays at or below")
    figure.savefig(path, metadata={"Date": None})


def _introduced(section: Section) -> Section:
    """The section with its docstring as first paragraph."""

    def written(folder: Path) -> str:
        return f"{section.__doc__}\n\n{section(folder)}"

    return written


SECTIONS: Final[dict[str, Section]] = {
    title: _introduced(section)
    for title, section in {
        "Peeking, exactly": peeking,
        "Watching all the time": continuous,
        "Giving up early": giving_up,
        "Playing on after the end": beyond_the_end,
        "Several variants": variants,
        "Tickets and uneven splits": tickets,
        "Counts: conversions and the split": counted,
        "Open-ended metrics": windows,
        "Estimates at a stop": estimates,
        "Bayesian stopping": bayes,
        "Bandits": bandits,
        "The ASOS experiments": asos,
        "A shop's own orders, shuffled": shuffled,
    }.items()
}
