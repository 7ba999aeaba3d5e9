"""Sections on what shops send: tickets, counts, open windows, ASOS, and orders replayed."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fairlift_stats.design.aa_replay import History, Replay, replay
from fairlift_stats.sequential.anytime.counts import prior_strength
from fairlift_stats.sequential.anytime.mixture import mixture_line
from fairlift_stats.sequential.group_sequential.boundaries import spending_boundaries
from fairlift_stats.sequential.group_sequential.spending import Side
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

from tests.simulation.sequential_asos import replayed, tally
from tests.simulation.sequential_shops import (
    Loyal,
    Shop,
    conversions,
    guarded,
    revenue_z,
    side_errors,
    splits,
)
from tests.simulation.sequential_walks import OBF, curved, spent
from tests.simulation.tables import share_bounds, table
from tests.stats.sequential.asos import FILE, TAU_SQUARED, streams


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
    """Open-ended metrics break every sequential plan; a fixed window per visitor repairs it."""
    rng, runs = np.random.default_rng(20266), 2500
    rows: list[Sequence[object]] = []
    for burst in (False, True):
        for window in (None, 7):
            scene = Loyal(window, burst)
            side = Side(OBF, 0.025)
            found = spending_boundaries(scene.times()[0], upper=side, lower=side)
            alarms = sum(side_errors(scene.z(runs, rng), found))
            arrivals = "two thirds on the first day" if burst else "steady"
            rows.append((arrivals, window or "open", alarms, share_bounds(alarms, runs)))
    return table(("arrivals", "window, days", "false alarms", "99 % bounds"), rows)


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
        " analysed by the default plan, with at least 1 % of its visitors between looks"
        " (minimum 7 days).\n\n"
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
    metric = SequentialMetric("revenue_per_visitor", unit="money", needs="orders")
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
