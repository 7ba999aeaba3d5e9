"""Before a test: how many, and how small an effect."""

import math

from fairlift_stats.design import power

from tests.golden.methods.exchange import (
    Found,
    Sums,
    any_level,
    summary_of,
)


def _design(options: dict[str, float]) -> power.PowerDesign:
    return power.PowerDesign(
        alpha=options.get("alpha", 0.05),
        power=options.get("power", 0.8),
        ratio=options.get("ratio", 1.0),
    )


def n_two_prop(p1: float, p2: float, **options: float) -> Found:
    return {"n": power.rate_units(p1, p2, _design(options))}


def n_cohen_h(p1: float, p2: float, **options: float) -> Found:
    return {"n": power.cohen_h_units(p2, p1, _design(options))}


def power_t(n: float, delta: float, sd: float, alpha: float = 0.05) -> Found:
    """As R's default, which leaves the wrong tail out: a one-sided test at half the level."""
    design = power.PowerDesign(alpha=alpha / 2, one_sided=True)
    return {"power": power.power_of_t(n, delta, sd, design)}


def n_t(delta: float, sd: float, **options: float) -> Found:
    return {"n": power.t_units(delta, sd, _design(options))}


def _spread(arm: Sums, num: str, den: str | None) -> power.Variability:
    summary = summary_of(arm)
    if den is None:
        return power.Variability.of_mean(summary, num)
    return power.Variability.of_ratio(summary, num, den)


def power_ratio_nobs(
    num: str, rel: float, arm: Sums, den: str | None = None, **options: float
) -> Found:
    design, spread = _design(options), _spread(arm, num, den)
    effect = rel * spread.mean
    n = power.t_units(effect, math.sqrt(spread.variance), design) * (1 + design.ratio)
    return {"n_obs": float(math.ceil(n)), "effect": effect}


def mde_ratio(num: str, n_obs: float, arm: Sums, den: str | None = None, **options: float) -> Found:
    design, spread = _design(options), _spread(arm, num, den)
    effect = power.t_mde(n_obs / (1 + design.ratio), math.sqrt(spread.variance), design)
    return {"effect": effect, "rel": effect / spread.mean}


METHODS = any_level(
    n_two_prop,
    n_cohen_h,
    power_t,
    n_t,
    power_ratio_nobs,
    mde_ratio,
)
