"""Posteriors and shrinkage: arms, lifts and segments."""

from collections.abc import Sequence

import numpy as np
from fairlift_stats.bayes import best, shrinkage
from fairlift_stats.bayes.marginals import Beta, Hurdle
from fairlift_stats.bayes.segment_shrinkage import SegmentPrior, fit_segments
from fairlift_stats.methods.random_effects import james_stein, random_effects

from tests.golden.methods.exchange import Found, any_level


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


METHODS = any_level(
    beta_p_b_gt_a,
    beta_best_of_k,
    beta_ratio_quantiles,
    rpv_hurdle_posterior,
    normal_posterior,
    hier_full_bayes,
    random_effects=random_effects_,
    james_stein=james_stein_,
)
