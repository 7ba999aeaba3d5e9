"""Exact e-values: shares, conversions, splits and bets on means."""

import math

import numpy as np
from fairlift_stats.sequential.anytime.always_valid import (
    StreamMoments,
    difference,
)
from fairlift_stats.sequential.anytime.betting import (
    batch_betting,
    bernstein_interval,
    betting_interval,
    betting_log_wealth,
)
from fairlift_stats.sequential.anytime.counts import (
    conversion_test,
    counts_log_e,
    sample_ratio_over_time,
    share_interval,
    share_log_e,
)
from fairlift_stats.sequential.anytime.mixture import (
    always_valid_p,
)

from tests.golden.formulas import stream as values_of
from tests.golden.methods.exchange import (
    Json,
    Methods,
    numbers,
    registering,
)

METHODS: Methods = {}
method = registering(METHODS)


@method
def beta_binomial_e(*, successes: int, n: int, prior: list[float], p0: list[float]) -> Json:
    a, b = prior
    return [math.exp(share_log_e(successes, n - successes, p, prior=(a, b))) for p in p0]


@method
def beta_binomial_cs(*, prior: list[float], alpha: float, cases: list[list[int]]) -> Json:
    a, b = prior
    found = [share_interval(s, n - s, prior=(a, b), alpha=alpha) for s, n in cases]
    return [[interval.low, interval.high] for interval in found]


@method
def conditional_conversion_e(
    *, conversions: list[int], rho: list[Json], k: list[float], alpha: float
) -> Json:
    shares = numbers(rho)
    if len(conversions) > 2:
        return {"e": [math.exp(counts_log_e(conversions, shares, k=one)) for one in k]}
    found = {
        one: conversion_test(*conversions, treatment_share=shares[1], k=one, alpha=alpha)
        for one in k
    }
    answer: dict[str, Json] = {
        "e": [math.exp(f.log_e) for f in found.values()],
        "theta_cs": [[f.share.low, f.share.high] for f in found.values()],
        "risk_ratio_cs": [[1 + f.lift.low, 1 + f.lift.high] for f in found.values()],
        "lift_cs": [[f.lift.low, f.lift.high] for f in found.values()],
        "fixed_z": _score_z(conversions, rho),
    }
    for one, f in found.items():
        answer[f"lift_cs_k{one:g}"] = [f.lift.low, f.lift.high]
        answer[f"theta_cs_k{one:g}"] = [f.share.low, f.share.high]
        answer[f"risk_ratio_cs_k{one:g}"] = [1 + f.lift.low, 1 + f.lift.high]
    return answer


def _score_z(conversions: list[int], rho: list[Json]) -> float | None:
    """Unpooled z of the rates, where the shares are written as visitors over all visitors."""
    if not all(isinstance(share, str) for share in rho):
        return None
    arms = [
        StreamMoments.of_rate(int(share.split("/")[0]), x)
        for share, x in zip(rho, conversions, strict=True)
    ]
    estimate, variance = difference(arms[0], arms[1])
    return estimate / math.sqrt(variance)


@method
def betting_e_one_mean(
    *, stream: str, m0: list[float], alpha: float, theta: float = 0.5, c: float = 0.5
) -> Json:
    x = values_of(stream)
    return [math.exp(betting_log_wealth(x, m, alpha=alpha, theta=theta, cap=c)[-1]) for m in m0]


@method
def betting_cs_one_mean(*, stream: str, alpha: float, n: list[int]) -> Json:
    found = [betting_interval(values_of(stream)[:one], alpha=alpha, intersected=False) for one in n]
    return [[interval.low, interval.high] for interval in found]


@method
def predictable_empirical_bernstein_cs(*, stream: str, alpha: float) -> Json:
    found = bernstein_interval(values_of(stream), alpha=alpha)
    return [found.low, found.high]


@method
def batch_betting_e(*, days: list[list[int]], p0: float, rule: str = "") -> Json:  # noqa: ARG001 - the rule in words
    found = batch_betting([(n, s) for n, s in days], p0)
    return {"lambda_": found.bets, "e": found.wealth}


@method
def dirichlet_multinomial_e(*, counts: list[int], theta: list[Json], k: float) -> Json:
    log_e = counts_log_e(counts, numbers(theta), k=k)
    return {"e": math.exp(log_e), "p": always_valid_p([log_e])[0]}


@method
def dirichlet_multinomial_e_sequence(
    *, daily: list[list[int]], theta: list[Json], k: float
) -> Json:
    found = sample_ratio_over_time(np.cumsum(daily, axis=0).tolist(), numbers(theta), k=k)
    return {"e": [f.e_value for f in found], "p_running_min": [f.p_value for f in found]}
