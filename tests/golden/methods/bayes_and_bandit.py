"""Bayesian stopping and bandits: who is best, what a choice costs, how traffic moves."""

from fairlift_stats.bayes.best import best_of, p_greater
from fairlift_stats.bayes.marginals import Beta
from fairlift_stats.sequential.anytime.expected_loss import expected_losses
from fairlift_stats.sequential.bandit.allocation import p_best_normal, top_two_shares, with_floor
from fairlift_stats.sequential.bandit.effects import (
    ArmDay,
    DayContrasts,
    batched_least_squares,
    precision_weighted,
)

from tests.golden.methods.exchange import (
    Json,
    Methods,
    registering,
)

METHODS: Methods = {}
method = registering(METHODS)


@method
def bayes_prob_better(*, a: list[float], b: list[float]) -> Json:
    return p_greater(Beta(*b), Beta(*a))


@method
def bayes_expected_loss(*, a: list[float], b: list[float]) -> Json:
    found = best_of([Beta(*a), Beta(*b)])
    return {"choose_a": found.expected_loss[0], "choose_b": found.expected_loss[1]}


@method
def bayes_expected_loss_normal(*, mean: float, sd: float) -> Json:
    choose_b, choose_a = expected_losses(mean, sd)
    return {"choose_b": choose_b, "choose_a": choose_a}


@method
def thompson_prob_best_normal(*, mean: list[float], sd: list[float]) -> Json:
    return p_best_normal(mean, sd)


@method
def top_two_probabilities(*, p_best: list[float], beta: float = 0.5) -> Json:
    return top_two_shares(p_best, beta=beta)


@method
def exploration_floor(*, w: list[float], floor: float) -> Json:
    return with_floor(w, floor=floor)


@method
def bandit_batch_contrast(
    *, n_a: list[int], x_a: list[int], n_b: list[int], x_b: list[int]
) -> Json:
    arms = [
        [ArmDay.of_rate(n, x) for n, x in zip(ns, xs, strict=True)]
        for ns, xs in ((n_a, x_a), (n_b, x_b))
    ]
    days = DayContrasts.of(arms[0], arms[1])
    least = batched_least_squares(days)
    ivw, ivw_se = precision_weighted(days)
    return {
        "batch_diff": days.difference,
        "batch_se": days.se,
        "ivw": ivw,
        "ivw_se": ivw_se,
        "bols": least.estimate,
        "bols_z": least.z,
        "bols_halfwidth95": least.interval.width / 2,
        "pooled": sum(x_b) / sum(n_b) - sum(x_a) / sum(n_a),
    }
