"""Sections on rules of stopping: how often they err, how long they take, what they report."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from fairlift_stats.sequential.anytime.expected_loss import LossRule, stopping_table
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import exit_probabilities
from fairlift_stats.sequential.group_sequential.characteristics import characteristics
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, type_one
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.group_sequential.futility import futility_design
from fairlift_stats.sequential.group_sequential.spending import Side, Spending

from tests.simulation.sequential_bandits import coverage
from tests.simulation.sequential_walks import (
    FIXED_DRIFT,
    OBF,
    Z95,
    curved,
    level_lines,
    many_arms,
    overrun,
    play,
    rules,
    spent,
)
from tests.simulation.tables import share_bounds, table

HSD: Final = Spending("hsd", -2.0)


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
                    f"{null:.4f} ({share_bounds(null, runs)})",
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
    """Two thousand looks, close to continuous monitoring."""
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
        rows.append((name, null.alarms, share_bounds(null.alarms, runs), power.wins))
    return table(("rule", "false alarms", "99 % bounds", "power"), rows)


def giving_up(_: Path) -> str:
    """Exact savings of non-binding futility stopping."""
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
    """Exact false alarms when a plan is extended to one and a half times its size."""
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
        ("95 % interval contains the truth", *(float(x.mean()) for x in held)),
        ("repeated interval contains it", float((np.abs(raw - FIXED_DRIFT) < height).mean()), "–"),
    ]
    return table(("", "raw", "corrected"), rows)


def bayes(_: Path) -> str:
    """Frequentist properties of stopping by expected loss: 28 looks at 2 × 2,000 visitors, 3 %."""
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
