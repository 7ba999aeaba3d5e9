"""Mixtures and confidence sequences: valid whenever one looks."""

import math

import numpy as np
from fairlift_stats.sequential.anytime.always_valid import (
    StreamMoments,
    confidence_sequence,
    difference,
    msprt,
    msprt_stream,
    regression_log_e,
    regression_sequence,
    regression_tuning,
    relative_lift,
)
from fairlift_stats.sequential.anytime.mixture import (
    always_valid_p,
    mixture_line,
    tuning_constant,
    tuning_constant_approximate,
)
from fairlift_stats.sequential.anytime.uniform_boundaries import (
    normal_log_mixture,
    normal_mixture_bound,
    poly_stitching_bound,
)
from fairlift_stats.sequential.guards import hall_transform

from tests.golden.forms import Forms
from tests.golden.formulas import formula_columns
from tests.golden.formulas import stream as values_of
from tests.golden.methods.exchange import Json, Methods, listed, numbers, registering

METHODS: Methods = {}
method = registering(METHODS)


def tuned_rho(v_opt: float, alpha: float, rule: str) -> float:
    """The prior variance of a mixture tuned at v_opt: by Lambert's function, or the closed form."""
    level = alpha * (2 if "2*" in rule.replace(" ", "") else 1)
    constant = tuning_constant(level) if "exact" in rule else tuning_constant_approximate(level)
    return v_opt / constant


@method
def normal_mixture_bound_(
    *,
    v: list[float],
    alpha: float,
    v_opt: float,
    sides: int = 2,
    rho_rule: str = "exact",
    alpha_opt: float | None = None,
) -> Json:
    rho = tuned_rho(v_opt, alpha if alpha_opt is None else alpha_opt, rho_rule)
    return [normal_mixture_bound(one, alpha=alpha, rho=rho, sides=sides) for one in v]


METHODS["normal_mixture_bound"] = METHODS.pop("normal_mixture_bound_")


@method
def normal_log_mixture_(*, s: Json, v: float, v_opt: float, alpha_opt: float, sides: Json) -> Json:
    s, sides = listed(s), listed(sides)
    # confseq tunes by the closed form; its one-sided mixture with twice the alpha.
    rho = {1: tuned_rho(v_opt, alpha_opt, "wsr(2*alpha)"), 2: tuned_rho(v_opt, alpha_opt, "wsr")}
    sides = sides * len(s) if len(sides) == 1 else sides
    found = [
        normal_log_mixture(one, v, rho=rho[side], sides=side)
        for one, side in zip(s, sides, strict=True)
    ]
    return Forms((found, found[0]))


METHODS["normal_log_mixture"] = METHODS.pop("normal_log_mixture_")


@method
def poly_stitching_bound_(*, v: Json, **rest: float) -> Json:
    found = [poly_stitching_bound(one, **rest) for one in listed(v)]
    return Forms((found, found[0]))


METHODS["poly_stitching_bound"] = METHODS.pop("poly_stitching_bound_")


@method
def mixture_tuning_constant(*, alpha: list[float]) -> Json:
    return {
        "exact": [tuning_constant(a) for a in alpha],
        "wsr": [Forms((tuning_constant_approximate(a), None)) for a in alpha],
    }


@method
def mixture_z_boundary(*, alpha: float, t: list[Json], sides: int = 2) -> Json:
    return [mixture_line(one, alpha=alpha, sides=sides) for one in numbers(t)]


def moments(arm: Json) -> StreamMoments:
    if "x" in arm:
        return StreamMoments.of_rate(arm["n"], arm["x"])
    return StreamMoments.of_sums(arm["n"], arm["sum"], arm["sumsq"])


def sequence(
    control: StreamMoments, treat: StreamMoments, alpha: float, n_star: float, effect: str
) -> Json:
    read = difference if effect == "absolute" else relative_lift
    estimate, variance = read(control, treat)
    constant = tuning_constant_approximate(alpha)
    t = (control.n + treat.n) / n_star
    found = confidence_sequence(estimate, variance, t=t, alpha=alpha, constant=constant)
    return {
        "estimate": found.estimate,
        "ci": [found.interval.low, found.interval.high],
        "p": found.p_value,
        "variance": variance,
        "mean_control": control.mean,
        "mean_treat": treat.mean,
        "var_control": control.variance,
        "var_treat": treat.variance,
    }


@method
def asymptotic_cs(
    *, control: Json, treat: Json, alpha: float, n_star: float, effect: str = "absolute"
) -> Json:
    return sequence(moments(control), moments(treat), alpha, n_star, effect)


@method
def asymptotic_cs_ratio(
    *, control: Json, treat: Json, alpha: float, n_star: float, effect: str = "absolute"
) -> Json:
    arms = [
        StreamMoments.of_ratio(
            arm["n"],
            y=arm["sum_y"],
            yy=arm["sumsq_y"],
            d=arm["sum_x"],
            dd=arm["sumsq_x"],
            yd=arm["sum_xy"],
        )
        for arm in (control, treat)
    ]
    return sequence(arms[0], arms[1], alpha, n_star, effect)


@method
def msprt_two_sample(*, delta: float, V: float, tau: list[float], alpha: float) -> Json:  # noqa: N803 - the file's name
    found = [msprt(delta, V, tau=one, alpha=alpha) for one in tau]
    return {
        "lr": [math.exp(f.log_e) for f in found],
        "p": [f.p_value for f in found],
        "halfwidth": [f.interval.width / 2 for f in found],
    }


@method
def msprt_one_sample(*, stream: str, sigma: float, tau: float, at: list[int]) -> Json:
    logs = msprt_stream(values_of(stream), sigma=sigma, tau=tau)
    p = always_valid_p(logs)
    return {"e": [math.exp(logs[n - 1]) for n in at], "p_running_min": [p[n - 1] for n in at]}


@method
def anytime_valid_t(*, t2: float, nu: float, n: float, g: float) -> Json:
    return {"log_e": regression_log_e(t2, df=nu, n=n, g=g)}


@method
def anytime_valid_lm(*, n: int, data: str, g: float, alpha: float) -> Json:
    columns, outcome, regressors = formula_columns(data)
    x = np.column_stack([np.ones(n), *(columns[name] for name in regressors)])
    y = columns[outcome]
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    df = n - x.shape[1]
    residual = y - x @ beta
    se = math.sqrt(float(residual @ residual) / df * inverse[1, 1])
    found = regression_sequence(float(beta[1]), se, df=df, n=n, g=g, alpha=alpha)
    return {
        "estimate": found.estimate,
        "se": se,
        "p": found.p_value,
        "ci": [found.interval.low, found.interval.high],
    }


@method
def optimal_g(*, cases: list[Json], alpha: float) -> Json:
    return [regression_tuning(c["n"], parameters=c["p"], alpha=alpha) for c in cases]


@method
def hall_transform_(*, z: list[float], skew: float) -> Json:
    return [hall_transform(one, skew) for one in z]


METHODS["hall_transform"] = METHODS.pop("hall_transform_")
