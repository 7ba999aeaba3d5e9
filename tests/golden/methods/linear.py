"""Means and ratios from sums: lifts, adjustment by covariates, and the parts of revenue."""

import math
from collections.abc import Sequence

import numpy as np
from fairlift_stats.data.metrics import Mean, Ratio
from fairlift_stats.data.moments import stack
from fairlift_stats.errors import NoEstimate
from fairlift_stats.methods import one_rate as rates
from fairlift_stats.methods import two_means as means
from fairlift_stats.methods.delta_method import Estimates, estimates
from fairlift_stats.methods.fieller import log_lift_limits, satterthwaite
from fairlift_stats.report.decomposition import log_factors
from scipy.special import stdtr, stdtrit

from tests.golden.forms import Forms
from tests.golden.methods.exchange import Found, Sums, any_level, ci, summary_of


def _metric(
    num: str, den: str | None, covariates: Sequence[tuple[str, str | None]]
) -> Mean | Ratio:
    if den is None:
        return Mean("metric", num, covariates=tuple(a for a, _ in covariates))
    pairs = tuple((a, b) for a, b in covariates if b is not None)
    return Ratio("metric", num, den, covariates=pairs)


def _groups(found: Estimates) -> list[means.ArmMoments]:
    """Treatment and control, from arms that stand the other way round."""
    arms = zip(*(x.tolist() for x in (found.value, found.variance, found.units)), strict=True)
    return [means.ArmMoments(*arm) for arm in arms][::-1]


def _compared(found: Estimates, confidence: float) -> Found:
    """Everything that a comparison of means or ratios can be asked for; the treatment is second."""
    t, c = _groups(found)
    test = means.welch(t, c, confidence=confidence)
    error = test.difference / test.t if test.t else math.sqrt(t.variance + c.variance)
    answer = {
        "mean_t": t.mean, "mean_c": c.mean,
        "se_t": math.sqrt(t.variance), "se_c": math.sqrt(c.variance),
        "diff": test.difference, "se": error, "se_diff": error, "t": test.t, "df": test.df,
        **ci(test.interval), "p": test.p_value,
        "p_z": math.erfc(abs(test.difference) / error / math.sqrt(2)),
    }  # fmt: skip
    if c.mean == 0:
        return answer
    naive = [(test.difference + side * rates.critical_z(confidence) * error) / c.mean
             for side in (-1, 1)]  # fmt: skip
    answer |= {"naive_rel_ci_z": naive, **_linear_lift(t, c, confidence, base=(c.mean, t.mean))}
    if t.mean > 0 and c.mean > 0:
        answer["log_ci"] = _log_lift(t, c, confidence)
    try:
        interval = means.lift(t, c, confidence=confidence)
    except NoEstimate:
        return answer
    return answer | {"fieller_ci": [interval.low, interval.high]}


def _linear_lift(
    t: means.ArmMoments, c: means.ArmMoments, confidence: float, *, base: Sequence[float]
) -> Found:
    """Lift and its linear interval over the means in `base`, as in gbstats."""
    df, (bc, bt) = means.welch(t, c).df, base
    lift, error = (
        (t.mean - c.mean) / bc,
        math.sqrt(t.variance + (bt / bc) ** 2 * c.variance) / abs(bc),
    )
    half = float(stdtrit(df, (1 + confidence) / 2)) * error
    return {
        "lift": lift, "lift_se": error, "lin_ci": [lift - half, lift + half],
        "lin_p": float(2 * stdtr(df, -abs(lift) / error)),
    }  # fmt: skip


def _log_lift(t: means.ArmMoments, c: means.ArmMoments, confidence: float) -> list[float]:
    """On the log scale with its own degrees of freedom, as in tea-tasting."""
    own = (t.variance / t.mean**2, c.variance / c.mean**2, t.units, c.units)
    k = stdtrit(satterthwaite(*map(np.array, own)), (1 + confidence) / 2)
    limits = log_lift_limits(*map(np.array, (t.mean, c.mean, t.variance, c.variance, k)))
    return [float(limit) for limit in limits]


def mean_or_ratio(
    num: str, treatment: Sums, control: Sums, den: str | None = None, confidence: float = 0.95
) -> Found:
    metric = _metric(num, den, ())
    arms = stack([summary_of(control), summary_of(treatment)], metric.columns)
    return _compared(estimates(arms, metric), confidence)


def cuped(
    y: str,
    x: str,
    treatment: Sums,
    control: Sums,
    den_y: str | None = None,
    den_x: str | None = None,
    confidence: float = 0.95,
) -> Found:
    metric = _metric(y, den_y, [(x, den_x)])
    arms = stack([summary_of(control), summary_of(treatment)], metric.columns)
    found = estimates(arms, metric, how="pooled")
    answer = _compared(found, confidence) | {"theta": float(found.slopes[0, 0])}
    # gbstats takes the lift over the mean before the adjustment.
    unadjusted = estimates(arms, _metric(y, den_y, ())).value.tolist()
    t, c = _groups(found)
    other = _linear_lift(t, c, confidence, base=unadjusted)
    return answer | {name: Forms((answer.get(name), value)) for name, value in other.items()}


def lin_regression(y: str, x: str, treatment: Sums, control: Sums) -> Found:
    metric = Mean("metric", y, covariates=(x,))
    found = estimates(stack([summary_of(control), summary_of(treatment)], metric.columns), metric)
    (mc, mt), (theta_c, theta_t) = found.value.tolist(), found.slopes[:, 0].tolist()
    return {"diff": mt - mc, "theta_c": theta_c, "theta_t": theta_t, "mean_c": mc, "mean_t": mt}


def aov_cluster_hc0(treatment: Sums, control: Sums) -> Found:
    """Cluster-robust errors without the n/(n−1) that ours have."""
    metric = Ratio("ticket", "revenue", "orders")
    arms = [summary_of(control), summary_of(treatment)]
    found = estimates(stack(arms, metric.columns), metric)
    hc0 = [v * (s.n - 1) / s.n for v, s in zip(found.variance.tolist(), arms, strict=True)]
    return {
        "se_c": math.sqrt(hc0[0]), "se_t": math.sqrt(hc0[1]), "se_diff": math.sqrt(sum(hc0)),
        "diff": float(found.value[1] - found.value[0]),
    }  # fmt: skip


def decomposition(arm: Sums, **names: str) -> Found:
    logs, covariance = log_factors(summary_of(arm), **({"buyers": "conv"} | names))
    # The fourth row is the logarithm of revenue per visitor: the sum of the three.
    with_sum = np.vstack([np.eye(3), np.ones(3)])
    whole = with_sum @ covariance @ with_sum.T
    return {"log": (with_sum @ logs).tolist(), "cov": whole.ravel().tolist()}


METHODS = any_level(
    mean_or_ratio,
    cuped,
    lin_regression,
    aov_cluster_hc0,
    decomposition,
)
