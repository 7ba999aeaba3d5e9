"""Stopping rules on simulated z: the exact recursion's numbers by another road, and 2,000 looks."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Z95 = float(-ndtri(0.025))
# Mean of z at the end for which a fixed two-sided test of 5 % has 80 % power.
FIXED_DRIFT = Z95 + float(ndtri(0.8))
OBF = Spending("lan_demets_obf")
_CHUNK = 4_000_000


def spent(name: Spending, looks: int, *, level: float = 0.025) -> Boundaries:
    side = Side(name, level)
    return spending_boundaries(equal_times(looks), upper=side, lower=side)


def level_lines(looks: int, height: float) -> Boundaries:
    return lines(equal_times(looks), (height,) * looks, sides=2)


def curved(looks: int, height: Callable[[float], float]) -> Boundaries:
    times = equal_times(looks)
    return lines(times, [height(t) for t in times], sides=2)


def rules(looks: int) -> dict[str, Boundaries]:
    """The rules that test_sequential_simulation.py has exact figures of."""
    return {
        "fixed": spent(Spending("at_the_end"), looks),
        "naive daily peeking": level_lines(looks, Z95),
        "Bonferroni over looks": level_lines(looks, float(-ndtri(0.025 / looks))),
        "GST LD-OBF": spent(Spending("lan_demets_obf"), looks),
        "GST HSD(-4)": spent(Spending("hsd", -4.0), looks),
        "GST power 3": spent(Spending("power", 3.0), looks),
        "GST power 2": spent(Spending("power", 2.0), looks),
        "GST LD-Pocock": spent(Spending("lan_demets_pocock"), looks),
        "YEAST": curved(looks, yeast_line),
        "mixture, N*=N": curved(looks, mixture_line),
        "mixture, N*=N/5": curved(looks, lambda t: mixture_line(5 * t)),
        "mixture, N*=N/20": curved(looks, lambda t: mixture_line(20 * t)),
    }


@dataclass(frozen=True, slots=True)
class Played:
    """Stops of simulated tests: look (from 0; -1 never), z there, z at the last look."""

    look: NDArray[np.int64]
    z: Floats
    upward: NDArray[np.bool_]

    @property
    def alarms(self) -> float:
        return float((self.look >= 0).mean())

    @property
    def wins(self) -> float:
        return float(((self.look >= 0) & self.upward).mean())


def play(boundaries: Boundaries, drift: float, runs: int, rng: np.random.Generator) -> Played:
    """Simulated tests that stop at the first line they cross."""
    at = np.array(boundaries.times)
    step = np.diff(at, prepend=0.0)
    upper, lower = np.array(boundaries.upper), np.array(boundaries.lower)
    parts: list[tuple[NDArray[np.int64], Floats]] = []
    left = runs
    while left:
        n = min(left, max(1, _CHUNK // at.size))
        score = (drift * step + rng.standard_normal((n, at.size)) * np.sqrt(step)).cumsum(axis=1)
        z = score / np.sqrt(at)
        out = (z >= upper) | (z <= lower)
        look = np.where(out.any(axis=1), out.argmax(axis=1), -1)
        parts.append((look, z[np.arange(n), look]))
        left -= n
    look, z_stop = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Played(look, z_stop, z_stop > 0)


def many_arms(arms: int, runs: int, rng: np.random.Generator, *, shared: bool) -> float:
    """Share of campaigns without effects in which some arm crosses, alpha shared or not."""
    looks = 14
    level = 0.025 / arms if shared else 0.025
    found = spent(Spending("lan_demets_obf"), looks, level=level)
    at = np.array(found.times)
    step = np.sqrt(np.diff(at, prepend=0.0))
    control = (rng.standard_normal((runs, 1, looks)) * step).cumsum(axis=2)
    own = (rng.standard_normal((runs, arms, looks)) * step).cumsum(axis=2)
    z = (own - control) / math.sqrt(2) / np.sqrt(at)
    return float((np.abs(z) >= np.array(found.upper)).any(axis=(1, 2)).mean())


def overrun(looks: int) -> Boundaries:
    """LD-OBF lines of a plan whose last one is used again and again up to 1.5 N."""
    planned = spent(Spending("lan_demets_obf"), looks)
    extra = [t for t in (1 + k / looks for k in range(1, looks)) if t <= 1.5 + 1e-9]
    heights = (*planned.upper, *(planned.upper[-1],) * len(extra))
    return lines((*planned.times, *extra), heights, sides=2)
