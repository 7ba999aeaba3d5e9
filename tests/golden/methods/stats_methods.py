"""The methods of stats.json, each answered by the function that the product uses."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from fairlift_stats import means, multiplicity, power, rates, rates_compared
from fairlift_stats.balance import split_check
from fairlift_stats.bayes import best, shrinkage
from fairlift_stats.bayes.marginals import Beta, Hurdle
from fairlift_stats.decomposition import log_factors
from fairlift_stats.dunnett import critical_value, loadings, p_values
from fairlift_stats.errors import NoEstimate
from fairlift_stats.fieller import log_lift_limits, satterthwaite
from fairlift_stats.linear import Estimates, estimates
from fairlift_stats.metrics import Mean, Ratio
from fairlift_stats.moments import stack
from fairlift_stats.quantiles import QuantileArm
from fairlift_stats.random_effects import james_stein, random_effects
from fairlift_stats.rates_compared import TwoRates
from fairlift_stats.results import Interval
from fairlift_stats.segments import SegmentPrior, fit_segments
from fairlift_stats.stratification import mantel_haenszel, post_stratify
from fairlift_stats.summary import Summary
from scipy.special import stdtr, stdtrit

from tests.golden.forms import Forms

Found = dict[str, Any]  # one JSON object of numbers
Sums = Mapping[str, float]


def _ci(interval: Interval) -> Found:
    return {"ci": [interval.low, interval.high]}


def _two_rates(method: Callable[..., Interval], **fixed: bool) -> Callable[..., Found]:
    def answer(xt: float, nt: float, xc: float, nc: float, confidence: float = 0.95) -> Found:
        return _ci(method(TwoRates(xt, nt, xc, nc), confidence=confidence, **fixed))

    return answer


def _one_rate(method: Callable[..., Interval]) -> Callable[..., Found]:
    def answer(x: float, n: float, confidence: float = 0.95) -> Found:
        return _ci(method(x, n, confidence=confidence))

    return answer


def jeffreys(x: float, n: float, confidence: float = 0.95) -> Found:
    """With the ends that Brown et al. advise, or without as statsmodels has it."""
    both = (rates.jeffreys(x, n, confidence=confidence, open_ends=ends) for ends in (True, False))
    return {"ci": Forms([found.low, found.high] for found in both)}


def _exact(test: str) -> Callable[..., Found]:
    def answer(xt: float, nt: float, xc: float, nc: float) -> Found:
        counts = TwoRates(xt, nt, xc, nc)
        return {
            name: rates_compared.exact_p(counts, test, alternative=side)  # type: ignore[arg-type]
            for name, side in (("p", "two-sided"), ("p_greater", "greater"), ("p_less", "less"))
        }

    return answer


def pooled_z(xt: float, nt: float, xc: float, nc: float) -> Found:
    z, p = rates_compared.score_p(TwoRates(xt, nt, xc, nc), corrected=False)
    return {"z": z, "p": p}


def ni_farrington_manning(xt: float, nt: float, xc: float, nc: float, margin: float) -> Found:
    counts = TwoRates(xt, nt, xc, nc)
    return {"p": rates_compared.non_inferior(counts, difference=margin, corrected=False)}


def _welch(treatment: means.Group, control: means.Group, confidence: float) -> Found:
    found = means.welch(treatment, control, confidence=confidence)
    return {
        "t": found.t,
        "df": found.df,
        "p": found.p_value,
        "diff": found.difference,
        **_ci(found.interval),
    }


def welch_suff(
    nt: float, st: float, sst: float, nc: float, sc: float, ssc: float, confidence: float = 0.95
) -> Found:
    return _welch(means.Group.of(nt, st, sst), means.Group.of(nc, sc, ssc), confidence)


def welch_moments(
    mt: float, sdt: float, nt: float, mc: float, sdc: float, nc: float, confidence: float = 0.95
) -> Found:
    treatment = means.Group(mt, sdt * sdt / nt, nt)
    return _welch(treatment, means.Group(mc, sdc * sdc / nc, nc), confidence)


def summary_of(arm: Sums) -> Summary:
    """Summary from `{"n": …, "x": Σx, "x*y": Σxy}`; a product may stand in either order."""
    sums = {name: value for name, value in arm.items() if name != "n" and "*" not in name}
    pairs = (tuple(name.split("*")) for name in arm if "*" in name)
    products = {(a, b): arm[f"{a}*{b}"] for a, b in pairs}
    return Summary.from_sums(int(arm["n"]), sums, products)


def _metric(
    num: str, den: str | None, covariates: Sequence[tuple[str, str | None]]
) -> Mean | Ratio:
    if den is None:
        return Mean("metric", num, covariates=tuple(a for a, _ in covariates))
    pairs = tuple((a, b) for a, b in covariates if b is not None)
    return Ratio("metric", num, den, covariates=pairs)


def _groups(found: Estimates) -> list[means.Group]:
    """Treatment and control, from arms that stand the other way round."""
    arms = zip(*(x.tolist() for x in (found.value, found.variance, found.units)), strict=True)
    return [means.Group(*arm) for arm in arms][::-1]


def _compared(found: Estimates, confidence: float) -> Found:
    """Everything that a comparison of means or ratios can be asked for; the treatment is second."""
    t, c = _groups(found)
    test = means.welch(t, c, confidence=confidence)
    error = test.difference / test.t if test.t else math.sqrt(t.variance + c.variance)
    answer = {
        "mean_t": t.mean, "mean_c": c.mean,
        "se_t": math.sqrt(t.variance), "se_c": math.sqrt(c.variance),
        "diff": test.difference, "se": error, "se_diff": error, "t": test.t, "df": test.df,
        **_ci(test.interval), "p": test.p_value,
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
    t: means.Group, c: means.Group, confidence: float, *, base: Sequence[float]
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


def _log_lift(t: means.Group, c: means.Group, confidence: float) -> list[float]:
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


def _betas(arms: Sequence[Sequence[float]]) -> list[Beta]:
    return [Beta(a, b) for a, b in arms]


def beta_p_b_gt_a(A: Sequence[float], B: Sequence[float]) -> Found:  # noqa: N803 - the file's names
    return {"p": best.p_greater(Beta(*B), Beta(*A))}


def beta_best_of_k(arms: Sequence[Sequence[float]]) -> Found:
    found = best.best_of(_betas(arms))
    return {"p_best": found.p_best, "e_max": found.expected_best, "loss": found.expected_loss}


def beta_ratio_quantiles(
    A: Sequence[float],  # noqa: N803 - the file's names
    B: Sequence[float],  # noqa: N803
    probs: Sequence[float] = (0.025, 0.5, 0.975),
) -> Found:
    return {"q": best.lift_quantiles(Beta(*B), Beta(*A), probs)}


def rpv_hurdle_posterior(A: Sequence[float], B: Sequence[float]) -> Found:  # noqa: N803
    a, b = Hurdle.of(*A), Hurdle.of(*B)
    loss_a, loss_b = best.best_of([a, b]).expected_loss
    return {
        "p_b_gt_a": best.p_greater(b, a),
        "lift_q": best.lift_quantiles(b, a, (0.025, 0.5, 0.975)),
        "loss_a": loss_a,
        "loss_b": loss_b,
    }


def normal_posterior(
    est: float,
    se: float,
    prior_mean: float = 0.0,
    prior_sd: float | None = None,
    confidence: float = 0.95,
) -> Found:
    prior = None if prior_sd is None else shrinkage.LiftPrior(prior_mean, prior_sd)
    found = shrinkage.normal_posterior(est, se, prior)
    return {
        "mean": found.mean, "sd": found.sd, "ci": found.interval(confidence),
        "p_gt0": found.p_positive,
        "loss_choose_c": found.loss_of_control, "loss_choose_t": found.loss_of_treatment,
    }  # fmt: skip


def t_posterior_mean(n: float, s: float, ss: float, confidence: float = 0.95) -> Found:
    mean, interval = means.posterior(means.Group.of(n, s, ss), confidence=confidence)
    return {"mean": mean, **_ci(interval)}


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


def random_effects_(y: Sequence[float], v: Sequence[float], tau_method: str = "DL") -> Found:
    found = random_effects(y, v, tau_method=tau_method)  # type: ignore[arg-type]
    test = found.heterogeneity
    return {
        "tau2": found.tau2, "mu": found.mean, "se": found.standard_error,
        "Q": test.q, "Q_p": test.p_value, "I2": test.i2,
        "blup": found.shrunk, "blup_se": found.shrunk_error,
    }  # fmt: skip


def james_stein_(y: Sequence[float], n: float) -> Found:
    grand = float(np.mean(y))
    mean, factor, shrunk = james_stein(y, grand * (1 - grand) / n)
    return {"mean": mean, "c": factor, "first": float(shrunk[0]), "shrunk": shrunk}


def hier_full_bayes(
    y: Sequence[float], v: Sequence[float], tau_scale: float, mu_sd: float
) -> Found:
    effects = {str(i): pair for i, pair in enumerate(zip(y, v, strict=True))}
    found = fit_segments(effects, prior=SegmentPrior(tau_scale, mu_sd))
    first = found.segments[0].interval
    return {
        "mu": found.mean,
        "tau": found.tau,
        "theta": [s.shrunk for s in found.segments],
        "p_gt0": [s.p_positive for s in found.segments],
        "ci_first": [first.low, first.high],
        "ci": [[s.interval.low, s.interval.high] for s in found.segments],
    }


def srm(observed: Sequence[int], weights: Sequence[float]) -> Found:
    """Pearson's test at any size, as R and gbstats have it; below 50 units ours is exact."""
    names = [str(i) for i in range(len(observed))]
    check = split_check(
        dict(zip(names, observed, strict=True)),
        dict(zip(names, weights, strict=True)),
        exact_below=0,
    )
    return {"x2": check.statistic, "df": check.df, "p": check.p_value}


def _design(options: dict[str, float]) -> power.Design:
    return power.Design(
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
    design = power.Design(alpha=alpha / 2, one_sided=True)
    return {"power": power.power_of_t(n, delta, sd, design)}


def n_t(delta: float, sd: float, **options: float) -> Found:
    return {"n": power.t_units(delta, sd, _design(options))}


def _spread(arm: Sums, num: str, den: str | None) -> power.Spread:
    summary = summary_of(arm)
    if den is None:
        return power.Spread.of_mean(summary, num)
    return power.Spread.of_ratio(summary, num, den)


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
        "p": found.p_value, **_ci(found.interval),
    }  # fmt: skip


def cmh(cells: Sequence[Mapping[str, Any]]) -> Found:
    strata = [TwoRates(cell["xt"], cell["nt"], cell["xc"], cell["nc"]) for cell in cells]
    statistic, p = mantel_haenszel(strata)
    return {"x2": statistic, "p": p}


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
    return {"t": found.t, "df": found.df, "p": found.p_value, **_ci(found.interval)}


def tost_welch(a: Sequence[float], b: Sequence[float], low: float, high: float) -> Found:
    groups = []
    for rows in (a, b):
        summary = Summary.from_rows({"x": rows})
        groups.append(means.Group(summary.mean("x"), summary.variance("x") / summary.n, summary.n))
    return {"p": means.equivalent(*groups, low=low, high=high)}


def variance_shifted(x: Sequence[float]) -> Found:
    """One cell per row, merged: the hard way to the variance."""
    merged = Summary.total(Summary.from_rows({"x": [row]}) for row in x)
    return {"var": merged.variance("x"), "mean": merged.mean("x")}


def _any_level(method: Callable[..., Found]) -> Callable[..., Found]:
    """The method, told its confidence in whatever word a file uses for it."""
    known = inspect.signature(method).parameters

    def answer(**given: Any) -> Found:
        for word in ("conf", "conf_level", "level"):
            if word in given and word not in known:
                given["confidence"] = given.pop(word)
        if "alpha" in given and "alpha" not in known and "options" not in known:
            given["confidence"] = 1 - given.pop("alpha")
        return method(**given)

    return answer


_METHODS: dict[str, Callable[..., Found]] = {
    "diff_newcombe": _two_rates(rates_compared.newcombe),
    "diff_score_mn": _two_rates(rates_compared.score_difference),
    "diff_score_mee": _two_rates(rates_compared.score_difference, corrected=False),
    "diff_wald": _two_rates(rates_compared.wald),
    "diff_agresti_caffo": _two_rates(rates_compared.agresti_caffo),
    "ratio_score_mn": _two_rates(rates_compared.score_ratio),
    "ratio_score_koopman": _two_rates(rates_compared.score_ratio, corrected=False),
    "ratio_katz_log": _two_rates(rates_compared.katz),
    "ratio_log_adjusted": _two_rates(rates_compared.katz, adjusted=True),
    "wilson": _one_rate(rates.wilson),
    "clopper_pearson": _one_rate(rates.clopper_pearson),
    "fisher_exact": _exact("fisher"),
    "barnard": _exact("barnard"),
    "boschloo": _exact("boschloo"),
    "random_effects": random_effects_,
    "james_stein": james_stein_,
    **{
        method.__name__: method
        for method in (
            jeffreys, pooled_z, ni_farrington_manning, welch_suff, welch_moments, mean_or_ratio,
            cuped, lin_regression, aov_cluster_hc0, decomposition, beta_p_b_gt_a, beta_best_of_k,
            beta_ratio_quantiles, rpv_hurdle_posterior, normal_posterior, t_posterior_mean,
            p_adjust, dunnett, dunnett_crit_z, dunnett_crit_t, hier_full_bayes, srm, n_two_prop,
            n_cohen_h, power_t, n_t, power_ratio_nobs, mde_ratio, poststrat, cmh,
            quantile_variance, yuen, tost_welch, variance_shifted,
        )
    },
}  # fmt: skip

METHODS = {name: _any_level(method) for name, method in _METHODS.items()}
