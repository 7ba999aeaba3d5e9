"""The methods of sequential.json, each answered by the function that the product uses.

The golden files write inputs as their sources did, some in words: fractions as "1/14", a stream as
a formula. Reading these words is all that this module adds.
"""

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from fairlift_stats.bayes.best import best_of, p_greater
from fairlift_stats.bayes.marginals import Beta
from fairlift_stats.sequential.always_valid import (
    ArmMoments,
    confidence_sequence,
    difference,
    msprt,
    msprt_stream,
    regression_log_e,
    regression_sequence,
    regression_tuning,
    relative_lift,
)
from fairlift_stats.sequential.bandit import p_best_normal, top_two_shares, with_floor
from fairlift_stats.sequential.bandit_inference import (
    Day,
    DayContrasts,
    batched_least_squares,
    precision_weighted,
)
from fairlift_stats.sequential.bayes import expected_losses
from fairlift_stats.sequential.betting import (
    batch_betting,
    bernstein_interval,
    betting_interval,
    betting_log_wealth,
)
from fairlift_stats.sequential.boundaries import (
    Boundaries,
    exit_probabilities,
    spending_boundaries,
)
from fairlift_stats.sequential.characteristics import (
    characteristics,
    drift_for_power,
    fixed_drift,
    inflation,
)
from fairlift_stats.sequential.counts import (
    conversion_test,
    share_interval,
    share_log_e,
    split_log_e,
    split_over_time,
)
from fairlift_stats.sequential.forecast import (
    conditional_exits,
    first_reaching,
    predictive_exits,
    shrunk_drift,
)
from fairlift_stats.sequential.futility import futility_design
from fairlift_stats.sequential.guards import hall_transform
from fairlift_stats.sequential.howard import (
    normal_log_mixture,
    normal_mixture_bound,
    poly_stitching_bound,
)
from fairlift_stats.sequential.inference import (
    estimate_at_stop,
    repeated_interval,
    repeated_p_values,
)
from fairlift_stats.sequential.mixture import (
    always_valid_p,
    mixture_line,
    tuning_constant,
    tuning_constant_approximate,
    yeast_line,
)
from fairlift_stats.sequential.shapes import (
    equal_times,
    haybittle_peto,
    lines,
    type_one,
    wang_tsiatis,
)
from fairlift_stats.sequential.spending import Side, Spending
from scipy.special import ndtri

from tests.golden.forms import Forms
from tests.golden.formulas import formula_columns, stream

# JSON of many shapes goes in and comes out.
Json = Any
METHODS: dict[str, Callable[..., Json]] = {}


def method(function: Callable[..., Json]) -> Callable[..., Json]:
    METHODS[function.__name__] = function
    return function


def number(value: float | str) -> float:
    """A number, or a fraction in words: "1/14"."""
    return float(Fraction(value)) if isinstance(value, str) else float(value)


def numbers(values: Sequence[float | str]) -> tuple[float, ...]:
    return tuple(number(value) for value in values)


def spending_of(spec: str, **parameters: float) -> Spending:
    """A spending function by any of its usual names, e.g. "power rho=2"."""
    words = dict(re.findall(r"(\w+)\s*=\s*(-?[\d.]+)", spec))
    given = {**{k: float(v) for k, v in words.items()}, **parameters}
    name = re.sub(r"\s*\w+\s*=.*", "", spec).strip().lower().replace("-", "_")
    if name in ("lan_demets_obf", "ldof", "asof", "ld_obf", "obf"):
        return Spending("lan_demets_obf")
    if name in ("lan_demets_pocock", "ldpocock", "asp", "ld_pocock", "pocock"):
        return Spending("lan_demets_pocock")
    if name in ("hsd", "hwang_shih_decani", "ashsd"):
        return Spending("hsd", given.get("gamma", given.get("parameter", -4.0)))
    if name in ("power", "kim_demets", "kd", "askd"):
        return Spending("power", given.get("rho", given.get("parameter", 3.0)))
    raise ValueError(f"spending {spec!r} is not known")


def spending_lines(spending: Spending, alpha: float, sides: int, t: Sequence[float]) -> Boundaries:
    side = Side(spending, alpha / sides)
    return spending_boundaries(t, upper=side, lower=side if sides == 2 else None)


@method
def obrien_fleming_classical(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.0).upper


@method
def obrien_fleming_constant(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.0).upper[-1]


@method
def pocock_constant(*, alpha: float, sides: int, K: int) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=0.5).upper[-1]


@method
def wang_tsiatis_(*, alpha: float, sides: int, K: int, delta: float) -> Json:  # noqa: N803 - the file's name
    return wang_tsiatis(equal_times(K), alpha=alpha, sides=sides, delta=delta).upper


METHODS["wang_tsiatis"] = METHODS.pop("wang_tsiatis_")


@method
def haybittle_peto_(*, alpha: float, sides: int, K: int, interim: float = 3.0) -> Json:  # noqa: N803 - the file's name
    return haybittle_peto(equal_times(K), alpha=alpha, sides=sides, interim=interim).upper[-1]


METHODS["haybittle_peto"] = METHODS.pop("haybittle_peto_")


@method
def naive_peeking_type1(*, z: float, K: Json, sides: int = 2) -> Json:  # noqa: N803 - the file's name
    found = [type_one(lines(equal_times(k), (z,) * k, sides=sides)) for k in _listed(K)]
    return Forms((found, found[0]))


def _listed(value: Json) -> list[Json]:
    """A list, also where a source writes one number."""
    return value if isinstance(value, list) else [value]


@method
def spending_bounds(
    *,
    spending: str,
    alpha: float,
    sides: int,
    t: list[Json],
    note: str = "",  # noqa: ARG001 - remarks of the file
    **parameters: float,
) -> Json:
    return spending_lines(spending_of(spending, **parameters), alpha, sides, numbers(t)).upper


@method
def beta_spending_design(
    *, alpha: float, beta: float, t: list[Json], upper: Json, lower: Json, binding: bool = False
) -> Json:
    design = futility_design(
        numbers(t),
        success=Side(spending_of(upper.pop("spending"), **upper), alpha),
        give_up=Side(spending_of(lower.pop("spending"), **lower), beta),
        binding=binding,
    )
    low = list(design.boundaries.lower)
    return {
        "upper": design.boundaries.upper,
        # rpact leaves out the last, where both lines meet.
        "lower": Forms((low, low[:-1])),
        "inflation": design.inflation,
        "drift": design.drift,
        "asn_h0": design.mean_size(0.0),
        "asn_h01": design.mean_size(0.5),
        "asn_h1": design.mean_size(1.0),
    }


@method
def inflation_asn(*, alpha: float, sides: int, beta: float, rows: list[str]) -> Json:
    found = [design_row(row, alpha, sides) for row in rows]
    fixed = fixed_drift(alpha=alpha, sides=sides, power=1 - beta)
    ratios = [inflation(b, alpha=alpha, sides=sides, power=1 - beta) for b in found]
    pairs = list(zip(found, ratios, strict=True))

    def mean_sizes(share: float) -> list[float]:
        return [
            r * float(exit_probabilities(b, [share * fixed * math.sqrt(r)]).expected_time[0])
            for b, r in pairs
        ]

    return {
        "inflation": ratios,
        "asn_h0": mean_sizes(0.0),
        "asn_h01": mean_sizes(0.5),
        "asn_h1": mean_sizes(1.0),
    }


def design_row(row: str, alpha: float, sides: int) -> Boundaries:
    """A design in rpact's short words: "K5 OF", "K5 asOF", "K10 WT0.25", "K5 asHSD-4"."""
    looks, name = re.fullmatch(r"K\s*=?\s*(\d+)\s+(.+)", row).groups()  # type: ignore[union-attr]
    times = equal_times(int(looks))
    return named_design(name, times, alpha, sides)


def named_design(name: str, times: tuple[float, ...], alpha: float, sides: int) -> Boundaries:
    short = name.strip().lower().replace(" ", "").replace("_", "")
    value = re.search(r"-?(\d+\.?\d*|\.\d+)$", short.replace("=", ""))
    parameter = float(value.group()) if value else None
    kind = short[: -len(value.group())] if value else short
    kind = re.sub(r"(rho|gamma|delta)?=?$", "", kind)
    match kind:
        case "of" | "obf" | "obrienfleming":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=0.0)
        case "p" | "pocock":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=0.5)
        case "wt" | "wangtsiatis":
            return wang_tsiatis(times, alpha=alpha, sides=sides, delta=parameter or 0.0)
        case "hp" | "haybittlepeto":
            return haybittle_peto(times, alpha=alpha, sides=sides, interim=parameter or 3.0)
        case "asof" | "ldof" | "ldobf" | "landemetsobf" | "landemetsobrienfleming":
            return spending_lines(Spending("lan_demets_obf"), alpha, sides, times)
        case "asp" | "ldp" | "ldpocock" | "landemetspocock":
            return spending_lines(Spending("lan_demets_pocock"), alpha, sides, times)
        case "ashsd" | "hsd" | "hsd+":
            gamma = -4.0 if parameter is None else parameter
            return spending_lines(Spending("hsd", gamma), alpha, sides, times)
        case "askd" | "kd" | "power" | "kimdemets":
            return spending_lines(Spending("power", parameter or 3.0), alpha, sides, times)
        case "fixed":
            return spending_lines(Spending("at_the_end"), alpha, sides, times)
        case "naive":
            return lines(times, (float(-ndtri(alpha / sides)),) * len(times), sides=sides)
        case "bayes" | "bayesflat" | "flat" | "bayesp>" | "bayesflatp>":
            # P(better) above p under a flat prior, either way: a plain z at every look.
            height = float(ndtri(parameter if parameter and parameter < 1 else 0.95))
            return lines(times, (height,) * len(times), sides=sides)
        case "bonferroni" | "bonf":
            level = alpha / sides / len(times)
            return lines(times, (float(-ndtri(level)),) * len(times), sides=sides)
        case "yeast":
            return lines(
                times, [yeast_line(t, alpha=alpha, sides=sides) for t in times], sides=sides
            )
        case "mix" | "mixture" | "msprt" | "gavi" | "asympcs" | "cs":
            tuned = parameter or 1.0
            heights = [mixture_line(t * tuned, alpha=alpha, sides=sides) for t in times]
            return lines(times, heights, sides=sides)
    raise ValueError(f"design {name!r} is not known")


@method
def exit_probabilities_(
    *,
    bounds: list[float],
    sides: int = 2,
    t: list[Json],
    drift: list[float],
    lower: list[float] | None = None,
) -> Json:
    found = lines(numbers(t), bounds, sides=sides)
    if lower is not None:
        found = Boundaries(found.times, tuple(lower), found.upper)
    exits = exit_probabilities(found, drift)
    return {
        "p_upper": exits.up,
        "p_lower": exits.down,
        "power": exits.power,
        "asn": exits.expected_time,
    }


METHODS["exit_probabilities"] = METHODS.pop("exit_probabilities_")


@method
def drift_for_power_(
    *, spending: str, alpha: float, sides: int, t: list[Json], power: float, **parameters: float
) -> Json:
    found = spending_lines(spending_of(spending, **parameters), alpha, sides, numbers(t))
    return drift_for_power(found, power)


METHODS["drift_for_power"] = METHODS.pop("drift_for_power_")


def designed(design: str, alpha: float, sides: int) -> Boundaries:
    """A design in words, e.g. "lan_demets_obf K=5" or "fixed"."""
    words = re.fullmatch(r"(.+?)(?:[\s,]+K\s*=\s*(\d+))?", design)
    name, looks = words.groups() if words else (design, None)
    return named_design(name, equal_times(int(looks or 1)), alpha, sides)


def sample_sizes(
    unit: float, null_unit: float, design: str, alpha: float, sides: int, power: float
) -> Json:
    """Totals of two equal arms; `unit` is the size at drift 1, `null_unit` per squared critical."""
    bounds = designed(design, alpha, sides)
    ratio = inflation(bounds, alpha=alpha, sides=sides, power=power)
    fixed = (float(-ndtri(alpha / sides)) * null_unit + float(ndtri(power)) * unit) ** 2
    drift = drift_for_power(bounds, power)
    mean = float(exit_probabilities(bounds, [drift]).expected_time[0])
    return {
        "n_fixed_total": fixed,
        "n_max_total": fixed * ratio,
        "expected_n_h1_total": fixed * ratio * mean,
    }


@method
def sample_size_rates(
    *, pi1: float, pi2: float, alpha: float, sides: int, power: float, design: str
) -> Json:
    # Fleiss: the pooled variance under no effect, the arms' own under the effect.
    pooled = (pi1 + pi2) / 2
    gap = abs(pi1 - pi2)
    own = math.sqrt(2 * (pi1 * (1 - pi1) + pi2 * (1 - pi2))) / gap
    null = math.sqrt(4 * pooled * (1 - pooled)) / gap
    return sample_sizes(own, null, design, alpha, sides, power)


@method
def sample_size_means(
    *, delta: float, sd: float, alpha: float, sides: int, power: float, design: str
) -> Json:
    unit = 2 * sd / abs(delta)
    return sample_sizes(unit, unit, design, alpha, sides, power)


@method
def repeated_p_value(
    *, spending: str, sides: int, t: list[Json], z: list[float], **parameters: float
) -> Json:
    found = repeated_p_values(
        spending_of(spending, **parameters), times=numbers(t), z=z, sides=sides
    )
    return Forms((found, found[-1]))


@method
def stagewise_inference(
    *,
    t: list[Json],
    bounds: list[float] | None = None,
    sides: int,
    stop_look: int,
    z: float,
    estimate: float | None = None,
    se: float | None = None,
    spending: str | None = None,
) -> Json:
    times = numbers(t)[:stop_look]
    if bounds is None:
        alpha = re.search(r"alpha\s*=\s*([\d.]+)", spending or "")
        words = re.sub(r"\s*alpha\s*=.*", "", spending or "")
        level = float(alpha.group(1)) if alpha else 0.05
        bounds = list(spending_lines(spending_of(words), level, sides, times).upper)
    heights = [*bounds, *[math.inf] * stop_look][:stop_look]
    stop = estimate_at_stop(lines(times, heights, sides=sides), z=z, se=se, sides=sides)
    root_t = math.sqrt(times[-1])
    found: dict[str, Json] = {
        "p_value": stop.p_value,
        "mue_drift": stop.drift,
        "mue": stop.median_unbiased,
        "ci95": [stop.effect_interval.low, stop.effect_interval.high],
        "ci95_drift": [stop.interval.low, stop.interval.high],
        "ci95_drift_at_last_look": [stop.interval.low * root_t, stop.interval.high * root_t],
    }
    if estimate is not None and se is not None:
        rci = repeated_interval(estimate, se, heights[-1])
        found["rci"] = [rci.low, rci.high]
    if spending is not None:
        words = re.sub(r"\s*alpha\s*=.*", "", spending)
        looks = [0.0] * (stop_look - 1) + [z]
        found["repeated_p"] = repeated_p_values(
            spending_of(words), times=times, z=looks, sides=sides
        )[-1]
    return found


@method
def conditional_exit(
    *,
    look: int,
    z: float,
    design: str | None = None,
    theta_at_t1_fixed: list[float] | None = None,
    spending: str | None = None,
    alpha: float = 0.05,
    sides: int = 2,
    t: list[Json] | None = None,
    drift: Json = "z/sqrt(t)",
    **parameters: float,
) -> Json:
    if design is not None and not design.startswith("gs-default"):
        found = designed(design, alpha, sides)
        drifts = drift if isinstance(drift, list) else [z / math.sqrt(found.times[look - 1])]
        return {"p_upper_next": conditional_exits(found, drifts, look=look, z=z).up}
    if design is not None:
        # gsDesign(): k = 3, test.type = 4, alpha .025, beta .1, HSD(-4) and HSD(-2).
        default = futility_design(
            equal_times(3),
            success=Side(Spending("hsd", -4.0), 0.025),
            give_up=Side(Spending("hsd", -2.0), 0.1),
        )
        thetas = [theta * math.sqrt(default.inflation) for theta in theta_at_t1_fixed or []]
        return {"p_upper_next": conditional_exits(default.boundaries, thetas, look=look, z=z).up}
    times = numbers(t or [])
    bounds = spending_lines(spending_of(spending or "", **parameters), alpha, sides, times)
    now = z / math.sqrt(times[look - 1])
    drifts = [
        now if isinstance(d, str) else d for d in (drift if isinstance(drift, list) else [drift])
    ]
    exits = conditional_exits(bounds, drifts, look=look, z=z)
    wins = np.cumsum(exits.up, axis=1)
    mean, sd = shrunk_drift(z, times[look - 1])
    predicted = predictive_exits(bounds, look=look, z=z, mean=mean, sd=sd)[0]
    when = first_reaching(times[look:], wins[0].tolist(), 0.5)
    return {
        "p_upper_next": exits.up,
        "cum_p_win": wins if isinstance(drift, list) else wins[0],
        "median_win_look": None if when is None else times.index(when) + 1,
        "predictive_prob_flat_prior": predicted[-1],
    }


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
    s, sides = _listed(s), _listed(sides)
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
    found = [poly_stitching_bound(one, **rest) for one in _listed(v)]
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


def moments(arm: Json) -> ArmMoments:
    if "x" in arm:
        return ArmMoments.of_rate(arm["n"], arm["x"])
    return ArmMoments.of_sums(arm["n"], arm["sum"], arm["sumsq"])


def sequence(
    control: ArmMoments, treat: ArmMoments, alpha: float, n_star: float, effect: str
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
        ArmMoments.of_ratio(
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
    logs = msprt_stream(_stream(stream), sigma=sigma, tau=tau)
    p = always_valid_p(logs)
    return {"e": [math.exp(logs[n - 1]) for n in at], "p_running_min": [p[n - 1] for n in at]}


_stream = stream


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
        return {"e": [math.exp(split_log_e(conversions, shares, k=one)) for one in k]}
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
        ArmMoments.of_rate(int(share.split("/")[0]), x)
        for share, x in zip(rho, conversions, strict=True)
    ]
    estimate, variance = difference(arms[0], arms[1])
    return estimate / math.sqrt(variance)


@method
def betting_e_one_mean(
    *, stream: str, m0: list[float], alpha: float, theta: float = 0.5, c: float = 0.5
) -> Json:
    x = _stream(stream)
    return [math.exp(betting_log_wealth(x, m, alpha=alpha, theta=theta, cap=c)[-1]) for m in m0]


@method
def betting_cs_one_mean(*, stream: str, alpha: float, n: list[int]) -> Json:
    found = [betting_interval(_stream(stream)[:one], alpha=alpha, intersected=False) for one in n]
    return [[interval.low, interval.high] for interval in found]


@method
def predictable_empirical_bernstein_cs(*, stream: str, alpha: float) -> Json:
    found = bernstein_interval(_stream(stream), alpha=alpha)
    return [found.low, found.high]


@method
def batch_betting_e(*, days: list[list[int]], p0: float, rule: str = "") -> Json:  # noqa: ARG001 - the rule in words
    found = batch_betting([(n, s) for n, s in days], p0)
    return {"lambda_": found.bets, "e": found.wealth}


@method
def dirichlet_multinomial_e(*, counts: list[int], theta: list[Json], k: float) -> Json:
    log_e = split_log_e(counts, numbers(theta), k=k)
    return {"e": math.exp(log_e), "p": always_valid_p([log_e])[0]}


@method
def dirichlet_multinomial_e_sequence(
    *, daily: list[list[int]], theta: list[Json], k: float
) -> Json:
    found = split_over_time(np.cumsum(daily, axis=0).tolist(), numbers(theta), k=k)
    return {"e": [f.e_value for f in found], "p_running_min": [f.p_value for f in found]}


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
        [Day.of_rate(n, x) for n, x in zip(ns, xs, strict=True)]
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


@method
def yeast_boundary(*, alpha: float, t: list[Json] | None = None) -> Json:
    found: dict[str, Json] = {
        "z_one_sided": yeast_line(1.0, alpha=alpha, sides=1),
        "z_two_sided": yeast_line(1.0, alpha=alpha, sides=2),
    }
    if t is not None:
        found["bounds_one_sided"] = [yeast_line(x, alpha=alpha, sides=1) for x in numbers(t)]
        found["bounds_two_sided"] = [yeast_line(x, alpha=alpha, sides=2) for x in numbers(t)]
    return found


@method
def hall_transform_(*, z: list[float], skew: float) -> Json:
    return [hall_transform(one, skew) for one in z]


METHODS["hall_transform"] = METHODS.pop("hall_transform_")


@method
def operating_characteristics(
    *,
    rule: str,
    K: int,  # noqa: N803 - the file's name
    drift_unit: float | None = None,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.8,
) -> Json:
    bounds = named_design(rule, equal_times(K), alpha, sides)
    found = characteristics(bounds, alpha=alpha, sides=sides, power=power)
    unit = (
        drift_unit if drift_unit is not None else fixed_drift(alpha=alpha, sides=sides, power=power)
    )
    exits = exit_probabilities(bounds, [unit, 2 * unit])
    return {
        "type1": found.type_one,
        "power_1": float(exits.power[0]),
        "asn_1": float(exits.expected_time[0]),
        "asn_2": float(exits.expected_time[1]),
        "n80_over_nfixed": found.inflation,
    }
