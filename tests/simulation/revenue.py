"""Shops with skewed tickets and returning buyers: how often intervals of money hold the truth."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from fairlift_stats.bayes.best import lift_cdf
from fairlift_stats.bayes.marginals import Hurdle
from fairlift_stats.methods.delta_method import Estimates
from fairlift_stats.methods.fieller import log_lift_limits
from fairlift_stats.report.comparison import compare_linear
from scipy import special

Array: TypeAlias = npt.NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, int]], Array]

Z = float(special.ndtri(0.975))


@dataclass(frozen=True, slots=True)
class Arms:
    """Two arms of a shop.

    Attributes:
        n_control, n_treatment: visitors.
        conversion: of the control.
        conversion_lift, ticket_lift: the truth.
        sigma: spread of a ticket's logarithm; buyers differ by `taste` besides.
        again: orders after the first, on average.
    """

    n_control: int
    n_treatment: int
    conversion: float
    conversion_lift: float = 0.0
    ticket_lift: float = 0.0
    sigma: float = 0.8
    taste: float = 0.8
    again: float = 1.0

    @property
    def truth(self) -> tuple[float, float]:
        """True lifts of revenue per visitor and of the average ticket."""
        return (1 + self.conversion_lift) * (1 + self.ticket_lift) - 1, self.ticket_lift


def _arm(rng: np.random.Generator, arms: Arms, treated: bool) -> dict[str, float]:
    n = arms.n_treatment if treated else arms.n_control
    rate = arms.conversion * (1 + arms.conversion_lift * treated)
    buyers = max(int(rng.binomial(n, rate)), 2)
    orders = 1 + rng.poisson(arms.again, buyers)
    taste = np.repeat(rng.normal(0, arms.taste, buyers), orders)
    centre = math.log(50) + math.log1p(arms.ticket_lift * treated)
    tickets = np.exp(centre + taste + rng.normal(0, arms.sigma, len(taste)))
    revenue = np.add.reduceat(tickets, np.cumsum(orders) - orders)
    return {
        "n": n, "k": buyers, "o": float(orders.sum()), "oo": float(orders @ orders),
        "r": float(revenue.sum()), "rr": float(revenue @ revenue),
        "ro": float(revenue @ orders), "tt": float(tickets @ tickets),
    }  # fmt: skip


def simulate(arms: Arms, runs: int, seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Sums of the control and of the treatment, (runs,) each."""
    rng = np.random.default_rng(seed)
    drawn = [(_arm(rng, arms, False), _arm(rng, arms, True)) for _ in range(runs)]
    return tuple(  # type: ignore[return-value] # two of them
        {name: np.array([pair[i][name] for pair in drawn]) for name in drawn[0][0]} for i in (0, 1)
    )


def _estimates(c: dict[str, Array], t: dict[str, Array], what: str) -> Estimates:
    values, variances, units = [], [], []
    for s in (c, t):
        n, mean = s["n"], s["r"] / s["n"]
        if what == "revenue":
            value, spread = mean, (s["rr"] - s["r"] ** 2 / n) / (n - 1)
            unit = n
        elif what == "ticket":
            value = s["r"] / s["o"]
            residual = s["rr"] - 2 * value * s["ro"] + value**2 * s["oo"]
            spread, unit = residual / (n - 1) / (s["o"] / n) ** 2, s["k"]
        else:  # as if each order were a unit of its own
            value, n = s["r"] / s["o"], s["o"]
            spread, unit = (s["tt"] - s["r"] ** 2 / n) / (n - 1), n
        values.append(value)
        variances.append(spread / n)
        units.append(unit)
    stacked = [np.stack(part) for part in (values, variances, units)]
    zero = np.zeros_like(stacked[0])
    return Estimates(stacked[0], stacked[1], zero, stacked[2], zero, zero)


def coverage(arms: Arms, runs: int, seed: int) -> dict[str, float]:
    """Share of runs whose 95 % interval of the lift holds the truth."""
    control, treatment = simulate(arms, runs, seed)
    revenue, ticket = arms.truth
    found = {}
    for name, what, truth in (
        ("revenue: Fieller", "revenue", revenue),
        ("ticket: Fieller, t by buyers", "ticket", ticket),
        ("ticket: order as unit", "order", ticket),
    ):
        made = _estimates(control, treatment, what)
        compared = compare_linear(made, 0.05, np.full(runs, Z))
        _, low, _, high, _ = compared.lift[:, 0]
        found[name] = float(np.mean((low <= truth) & (truth <= high)))
        if what == "revenue":
            found |= _others(made, compared.df[0], truth)
    return found


def _others(made: Estimates, df: Array, truth: float) -> dict[str, float]:
    """The linear delta method (gbstats) and the delta method on the log (tea-tasting)."""
    (mc, mt), (vc, vt) = made.value, made.variance
    k = np.asarray(special.stdtrit(df, 0.975), dtype=float)
    half = k * np.sqrt(vt / mc**2 + vc * mt**2 / mc**4)
    low, high = log_lift_limits(mt, mc, vt, vc, k)
    return {
        "revenue: linear delta": float(np.mean(np.abs(mt / mc - 1 - truth) <= half)),
        "revenue: delta on log": float(np.mean((low <= truth) & (truth <= high))),
    }


def hurdle_coverage(arms: Arms, runs: int, seed: int) -> float:
    """Share of runs whose central 95 % posterior interval of the lift holds the truth."""
    control, treatment = simulate(arms, runs, seed)
    hits = 0
    for i in range(runs):
        c, t = (Hurdle.of(*(float(s[x][i]) for x in ("n", "k", "r", "rr")))
                for s in (control, treatment))  # fmt: skip
        hits += 0.025 <= float(lift_cdf(t, c, np.array([arms.truth[0]]))[0]) <= 0.975
    return hits / runs


def ticket_models(draw: Draw, n: int, runs: int, seed: int) -> dict[str, float]:
    """Coverage of the lift of a mean ticket, no true lift, by three models of the ticket."""
    rng = np.random.default_rng(seed)
    c, t = draw(rng, (runs, n)), draw(rng, (runs, n))
    value = np.stack([c.mean(axis=1), t.mean(axis=1)])
    variance = np.stack([c.var(axis=1, ddof=1), t.var(axis=1, ddof=1)]) / n
    zero = np.zeros_like(value)
    made = Estimates(value, variance, zero, np.full_like(value, n), zero, zero)
    _, low, _, high, _ = compare_linear(made, 0.05, np.full(runs, Z)).lift[:, 0]
    # Exponential tickets with a gamma prior (VWO): the ratio of means is a scaled F.
    ratio = value[1] / value[0]
    edges = special.fdtri(2 * n, 2 * n, 0.025), special.fdtri(2 * n, 2 * n, 0.975)
    # Lognormal tickets: mean of the log plus half its variance (Cox).
    logs = [np.log(arm) for arm in (c, t)]
    centre = [a.mean(axis=1) + a.var(axis=1, ddof=1) / 2 for a in logs]
    spread = [a.var(axis=1, ddof=1) / n + a.var(axis=1, ddof=1) ** 2 / (2 * (n - 1)) for a in logs]
    return {
        "t on the mean": float(np.mean((low <= 0) & (high >= 0))),
        "exponential": float(np.mean((ratio * edges[0] <= 1) & (ratio * edges[1] >= 1))),
        "lognormal": float(
            np.mean(np.abs(centre[1] - centre[0]) <= Z * np.sqrt(spread[0] + spread[1]))
        ),
    }


def price_points(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Tickets at a few prices, as shops have them: neither lognormal nor gamma."""
    return rng.choice([9.9, 19.9, 49.0, 199.0], p=[0.5, 0.3, 0.15, 0.05], size=shape)


TICKETS: dict[str, Draw] = {
    "lognormal σ=0.5": lambda rng, shape: rng.lognormal(4, 0.5, shape),
    "lognormal σ=1": lambda rng, shape: rng.lognormal(4, 1.0, shape),
    "lognormal σ=1.5": lambda rng, shape: rng.lognormal(4, 1.5, shape),
    "gamma k=2": lambda rng, shape: rng.gamma(2, 25, shape),
    "price points": price_points,
}
