"""Many arms and many segments: error rates and errors, by simulation."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from fairlift_stats.bayes.segment_shrinkage import fit_segments
from fairlift_stats.methods.delta_method import Estimates
from fairlift_stats.report.comparison import compare_linear, joint_p, joint_test

Array: TypeAlias = npt.NDArray[np.float64]


def dunnett_error(sizes: tuple[int, ...], sds: tuple[float, ...], runs: int, seed: int) -> float:
    """Share of runs with any false claim among several arms, the control first."""
    rng = np.random.default_rng(seed)
    value, variance = np.empty((2, len(sizes), runs))
    for i, (n, sd) in enumerate(zip(sizes, sds, strict=True)):
        rows = rng.normal(10, sd, (runs, n))
        value[i], variance[i] = rows.mean(axis=1), rows.var(axis=1, ddof=1) / n
    zero = np.zeros_like(value)
    units = np.broadcast_to(np.array(sizes, dtype=float)[:, None], value.shape)
    made = Estimates(value, variance, zero, units, zero, zero)
    joint = joint_test(variance, 0.05)
    p = joint_p(compare_linear(made, 0.05, joint.critical).p, joint.loadings)
    return float(np.mean((p < 0.05).any(axis=1)))


def segment_errors(tau: float, runs: int, seed: int) -> dict[str, float]:
    """Error and coverage of 12 segments' log lifts around an average of 0.05, alone and pooled."""
    rng = np.random.default_rng(seed)
    units = np.array([10, 20, 20, 40, 60, 100, 150, 250, 400, 700, 1200, 2000])
    alone, pooled, hits = [], [], []
    for _ in range(runs):
        truth = rng.normal(0.05, tau, len(units))
        rate = np.minimum(0.1 * np.exp(truth), 0.99)
        xt, xc = rng.binomial(units, rate) + 0.5, rng.binomial(units, 0.1) + 0.5
        y = np.log(xt / xc)
        v = 1 / xt + 1 / xc - 2 / (units + 0.5)
        effects = {str(i): pair for i, pair in enumerate(zip(y.tolist(), v.tolist(), strict=True))}
        fit = fit_segments(effects)
        alone.append(y - truth)
        pooled.append(np.array([s.shrunk for s in fit.segments]) - truth)
        hits.append([t in s.interval for t, s in zip(truth, fit.segments, strict=True)])
    small = units <= 20
    errors = {"alone": np.array(alone), "pooled": np.array(pooled)}
    found = {f"RMSE {name}": float(np.sqrt((e**2).mean())) for name, e in errors.items()}
    found |= {f"RMSE {n}, n ≤ 20": float(np.sqrt((e[:, small] ** 2).mean()))
              for n, e in errors.items()}  # fmt: skip
    inside = np.array(hits)
    return found | {"coverage pooled": float(inside.mean()),
                    "coverage pooled, n ≤ 20": float(inside[:, small].mean())}  # fmt: skip
