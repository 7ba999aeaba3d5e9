"""Means, strata and quantiles of arms: differences, tests and intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods import multiplicity
from fairlift_stats.methods import two_means as means
from fairlift_stats.methods.dunnett import critical_value, loadings, p_values
from fairlift_stats.methods.quantiles import QuantileArm
from fairlift_stats.methods.stratification import post_stratify

from tests.golden.methods.exchange import Found, any_level, ci


def _welch(treatment: means.ArmMoments, control: means.ArmMoments, confidence: float) -> Found:
    found = means.welch(treatment, control, confidence=confidence)
    return {
        "t": found.t,
        "df": found.df,
        "p": found.p_value,
        "diff": found.difference,
        **ci(found.interval),
    }


def welch_suff(
    nt: int, st: float, sst: float, nc: int, sc: float, ssc: float, confidence: float = 0.95
) -> Found:
    return _welch(means.ArmMoments.of(nt, st, sst), means.ArmMoments.of(nc, sc, ssc), confidence)


def welch_moments(
    mt: float, sdt: float, nt: float, mc: float, sdc: float, nc: float, confidence: float = 0.95
) -> Found:
    treatment = means.ArmMoments(mt, sdt * sdt / nt, nt)
    return _welch(treatment, means.ArmMoments(mc, sdc * sdc / nc, nc), confidence)


def t_posterior_mean(n: int, s: float, ss: float, confidence: float = 0.95) -> Found:
    mean, interval = means.posterior(means.ArmMoments.of(n, s, ss), confidence=confidence)
    return {"mean": mean, **ci(interval)}


def p_adjust(p: Sequence[float], adjust: multiplicity.Adjustment) -> Found:
    return {"p": multiplicity.adjusted_p(p, adjust)}


def dunnett(
    control: Sequence[float],
    treatments: Sequence[Sequence[float]],
    fmt: str = "[n,sum,sumsq]",
    confidence: float = 0.95,
) -> Found:
    """Classic Dunnett: one variance for all arms, from sums."""
    assert fmt == "[n,sum,sumsq]", fmt
    arms = np.array([control, *treatments], dtype=float)
    n, mean = arms[:, 0], arms[:, 1] / arms[:, 0]
    df = float(n.sum() - len(n))
    variance = float(np.sum(arms[:, 2] - n * mean**2)) / df / n
    error = np.sqrt(variance[1:] + variance[0])
    t, lam = (mean[1:] - mean[0]) / error, loadings(variance[0], variance[1:])
    half = critical_value(1 - confidence, lam, df) * error
    gap = mean[1:] - mean[0]
    return {"p": p_values(t, lam, df), "t": t, "ci": np.column_stack([gap - half, gap + half])}


def dunnett_crit_z(k: int, alpha: float = 0.05, corr: float = 0.5) -> Found:
    return {"crit": float(critical_value(alpha, np.full(k, math.sqrt(corr))))}


def dunnett_crit_t(k: int, df: float, alpha: float = 0.05, corr: float = 0.5) -> Found:
    return {"crit": float(critical_value(alpha, np.full(k, math.sqrt(corr)), float(df)))}


def poststrat(cells: Sequence[Mapping[str, Any]], confidence: float = 0.95) -> Found:
    strata = [
        tuple(
            Summary.from_sums(cell[f"n{a}"], {"y": cell[f"s{a}"]}, {("y", "y"): cell[f"ss{a}"]})
            for a in ("t", "c")
        )
        for cell in cells
    ]
    found = post_stratify([(t, c) for t, c in strata], "y", confidence=confidence)
    return {
        "diff": found.difference, "se_super": found.standard_error, "se": found.standard_error,
        "p": found.p_value, **ci(found.interval),
    }  # fmt: skip


def quantile_variance(
    n: int,
    lower: float,
    upper: float,
    n_star: int | None = None,
    nu: float = 0.5,
    quantile_hat: float | None = None,
) -> Found:
    middle = (lower + upper) / 2 if quantile_hat is None else quantile_hat
    return {"var": QuantileArm(n, nu, middle, lower, upper, n_at_ranks=n_star).unit_variance}


def yuen(
    a: Sequence[float], b: Sequence[float], trim: float = 0.2, confidence: float = 0.95
) -> Found:
    found = means.yuen(a, b, trim=trim, confidence=confidence)
    return {"t": found.t, "df": found.df, "p": found.p_value, **ci(found.interval)}


def tost_welch(a: Sequence[float], b: Sequence[float], low: float, high: float) -> Found:
    groups = []
    for rows in (a, b):
        summary = Summary.from_rows({"x": rows})
        groups.append(
            means.ArmMoments(summary.mean("x"), summary.variance("x") / summary.n, summary.n)
        )
    return {"p": means.equivalent(*groups, low=low, high=high)}


def variance_shifted(x: Sequence[float]) -> Found:
    """One cell per row, merged: the hard way to the variance."""
    merged = Summary.total(Summary.from_rows({"x": [row]}) for row in x)
    return {"var": merged.variance("x"), "mean": merged.mean("x")}


METHODS = any_level(
    welch_suff,
    welch_moments,
    t_posterior_mean,
    p_adjust,
    dunnett,
    dunnett_crit_z,
    dunnett_crit_t,
    poststrat,
    quantile_variance,
    yuen,
    tost_welch,
    variance_shifted,
)
