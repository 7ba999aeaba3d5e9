"""What statsmodels answers to the questions of a report; imported only when it is asked for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.special import stdtr, stdtrit
from statsmodels.regression.linear_model import OLS, WLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
    test_proportions_2indep,
)
from statsmodels.stats.weightstats import CompareMeans

from fairlift_stats.arrays import Array
from fairlift_stats.data.metrics import Direction, Mean, Quantile, Rate, Ratio
from fairlift_stats.effects import CannotSay, Role
from fairlift_stats.report.result import Result

__all__ = ["Opinion", "corrected_p_values", "opinions_of"]

ArmRows: TypeAlias = Mapping[str, Array]

SCORE = "score test of the ratio (test_proportions_2indep)"
NO_SCORE_WHY = "it divides by zero where all units of an arm did the same"
SHARES = "shares of the counts"
Z_TEST = "z-test (proportions_ztest)"
Z_TEST_WHY = "it leaves out Miettinen and Nurminen's factor N/(N − 1), and so do most tools"
NEWCOMBE = "Newcombe's interval (confint_proportions_2indep)"
NEWCOMBE_WHY = (
    "ours is the score interval of the same test as the p-value; statsmodels' own score interval "
    "of a difference mixes up two counts in version 0.15, so another method stands here"
)
WELCH = "Welch's t (CompareMeans)"
OLS_HC2 = "OLS with HC2 errors"
DF_WHY = "the error is the same; degrees of freedom are n − 2, ours are Welch's"
LIN = "OLS with interactions and HC2 errors (Lin)"
LIN_WHY = (
    "ours adds the chance in the covariates' mean, takes each arm's residual variance as it is, "
    "and has Welch's degrees of freedom"
)
NO_LIMIT_WHY = (
    "the control's mean is not clear of 0 by its error there, so the test rejects no large lift"
)
CLUSTER = "WLS of the ratio, weighted by the denominator, errors clustered by unit"
CLUSTER_WHY = (
    "it multiplies the variance by G/(G − 1) · (n − 1)/(n − 2) and tests with G − 1 degrees of "
    "freedom; ours is the delta method with Welch's"
)
NO_QUANTILE = "none"
NO_QUANTILE_WHY = (
    "statsmodels' quantile regression needs the density at the quantile, which values with price "
    "points do not have"
)


class Opinion(NamedTuple):
    """A figure by its name in a report, its method, and why it may differ from ours."""

    figure: str
    value: float | None
    method: str
    why: str


def opinions_of(result: Result, arms: Mapping[str, ArmRows]) -> Iterator[Opinion]:
    """The figures of one result, by statsmodels, from the rows of all variants."""
    if isinstance(result.difference, CannotSay):
        return
    metric, alpha = result.answers.row.metric, result.answers.question.alpha
    control, treatment = arms[result.control.variant], arms[result.variant]
    match metric:
        case Rate(covariates=()):
            yield from _rate(metric, result, control, treatment, alpha)
        case Quantile():
            yield Opinion("p_value", None, NO_QUANTILE, NO_QUANTILE_WHY)
        case Ratio(covariates=()):
            fit = _clustered(metric, control, treatment)
            yield from fit.opinions(result, alpha, CLUSTER, CLUSTER_WHY)
        case Mean(covariates=()):
            means = CompareMeans.from_data(treatment[metric.column], control[metric.column])
            low, high = means.tconfint_diff(alpha, usevar="unequal")
            yield Opinion("difference_low", float(low), WELCH, "")
            yield Opinion("difference_high", float(high), WELCH, "")
            yield Opinion("p_value", float(means.ttest_ind(usevar="unequal")[1]), WELCH, "")
            fit = _interacted(metric, control, treatment, arms)
            yield from fit.opinions(result, alpha, OLS_HC2, DF_WHY)
        case _:
            fit = _interacted(metric, control, treatment, arms)
            yield from fit.opinions(result, alpha, LIN, LIN_WHY)


def corrected_p_values(p_values: Sequence[float], role: Role) -> list[float]:
    """Holm's p-values of primary metrics, Benjamini and Hochberg's of secondary ones."""
    if not p_values:
        return []
    method = "holm" if role == "primary" else "fdr_bh"
    return [float(p) for p in multipletests(p_values, method=method)[1]]


def _rate(
    metric: Rate, result: Result, control: ArmRows, treatment: ArmRows, alpha: float
) -> Iterator[Opinion]:
    (xt, nt), (xc, nc) = (_counts(metric, arm) for arm in (treatment, control))
    if not 0 < xt + xc < nt + nc:
        return  # units do not vary, so statsmodels has no test
    ratio = {"compare": "ratio", "method": "score"}
    yield Opinion("difference", xt / nt - xc / nc, SHARES, "")
    if 0 < xt < nt and 0 < xc < nc:
        p = test_proportions_2indep(xt, nt, xc, nc, value=1, **ratio)[1]
        low, high = confint_proportions_2indep(xt, nt, xc, nc, alpha=alpha, **ratio)
        yield Opinion("p_value", float(p), SCORE, "")
        yield Opinion("lift_low", float(low) - 1, SCORE, "")
        yield Opinion("lift_high", float(high) - 1, SCORE, "")
        guard = result.non_inferiority
        if guard is not None and not guard.is_absolute:
            bound, tail = _worse(metric.direction, guard.margin)
            p = test_proportions_2indep(xt, nt, xc, nc, value=bound, alternative=tail, **ratio)[1]
            yield Opinion("margin_p_value", float(p), SCORE, "")
    else:
        yield Opinion("p_value", None, SCORE, NO_SCORE_WHY)
    low, high = confint_proportions_2indep(
        xt, nt, xc, nc, compare="diff", method="newcomb", alpha=alpha
    )
    yield Opinion("difference_low", float(low), NEWCOMBE, NEWCOMBE_WHY)
    yield Opinion("difference_high", float(high), NEWCOMBE, NEWCOMBE_WHY)
    yield Opinion("p_value", float(proportions_ztest([xt, xc], [nt, nc])[1]), Z_TEST, Z_TEST_WHY)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A regression's mean of the control, difference, and their (2, 2) covariance."""

    estimate: Array
    covariance: Array
    critical: Callable[[float], float]
    p_value: float
    one_sided: Callable[[float], float]

    def opinions(self, result: Result, alpha: float, method: str, why: str) -> Iterator[Opinion]:
        k = self.critical(alpha)
        half = k * math.sqrt(self.covariance[1, 1])
        difference = float(self.estimate[1])
        yield Opinion("difference", difference, method, "")
        yield Opinion("difference_low", difference - half, method, why)
        yield Opinion("difference_high", difference + half, method, why)
        yield Opinion("p_value", self.p_value, method, why)
        if result["lift"] is not None:
            limits = self._lift_limits(k)
            low, high = limits or (None, None)
            why_lift = why if limits else NO_LIMIT_WHY
            yield Opinion("lift_low", low, f"{method}, its test inverted", why_lift)
            yield Opinion("lift_high", high, f"{method}, its test inverted", why_lift)
        guard = result.non_inferiority
        if guard is not None and guard.p_value is not None:
            direction = result.answers.row.metric.direction
            sign = 1.0 if direction == "higher" else -1.0
            if guard.is_absolute:
                z = (sign * difference + guard.margin) / math.sqrt(self.covariance[1, 1])
            else:
                z = sign * self._distance(_worse(direction, guard.margin)[0])
            yield Opinion("margin_p_value", self.one_sided(z), method, why)

    def _distance(self, ratio: float) -> float:
        """The distance of treatment from ratio × control, in standard errors."""
        contrast = np.array([1 - ratio, 1.0])
        error = math.sqrt(contrast @ self.covariance @ contrast)
        return float(contrast @ self.estimate) / error

    def _lift_limits(self, k: float) -> tuple[float, float] | None:
        """The ratios that the test just does not reject, less 1; None where they have no end.

        Source: Fieller (1954), with the ratio measured from its estimate.
        """
        control = float(self.estimate[0])
        curvature = control**2 - k**2 * float(self.covariance[0, 0])
        if curvature <= 0:
            return None
        lift = float(self.estimate[1]) / control
        contrast = np.array([-lift, 1.0])
        error = float(contrast @ self.covariance @ contrast)
        shared = float(contrast @ self.covariance[:, 0])
        middle = lift - k**2 * shared / curvature
        half = k * math.sqrt((k * shared) ** 2 + curvature * error) / curvature
        return middle - half, middle + half


def _interacted(
    metric: Rate | Mean | Ratio, control: ArmRows, treatment: ArmRows, arms: Mapping[str, ArmRows]
) -> _Fit:
    """OLS of the outcome on treatment, covariates around their mean, and their products."""
    (outcome, *covariates) = _forms(metric)
    outcomes = [_linear_form(arm, *outcome) for arm in (control, treatment)]
    y = np.concatenate(outcomes)
    x = np.array(
        [
            np.concatenate([_linear_form(arm, *pair) for arm in (control, treatment)])
            - _overall(arms, *pair)
            for pair in covariates
        ]
    ).reshape(len(covariates), len(y))
    treated = np.repeat(
        [0.0, 1.0], [len(_linear_form(arm, *outcome)) for arm in (control, treatment)]
    )
    design = np.column_stack([np.ones(len(y)), treated, x.T, (x * treated).T])
    return _fit(OLS(y, design).fit(cov_type="HC2", use_t=True))


def _clustered(metric: Ratio, control: ArmRows, treatment: ArmRows) -> _Fit:
    above, below = (
        np.concatenate([arm[name] for arm in (control, treatment)])
        for name in (metric.numerator, metric.denominator)
    )
    treated = np.repeat([0.0, 1.0], [len(arm[metric.numerator]) for arm in (control, treatment)])
    has = below != 0
    design = np.column_stack([np.ones(int(has.sum())), treated[has]])
    units = {"groups": np.arange(len(design))}
    model = WLS(above[has] / below[has], design, weights=below[has])
    return _fit(model.fit(cov_type="cluster", cov_kwds=units, use_t=True))


# statsmodels has no types.
def _fit(results: Any) -> _Fit:
    df = float(results.df_resid_inference if results.cov_type == "cluster" else results.df_resid)
    return _Fit(
        np.asarray(results.params)[:2],
        np.asarray(results.cov_params())[:2, :2],
        lambda alpha: float(stdtrit(df, 1 - alpha / 2)),
        float(results.pvalues[1]),
        lambda z: float(stdtr(df, -z)),
    )


def _forms(metric: Rate | Mean | Ratio) -> list[tuple[str, str | None]]:
    """Numerator and denominator of the outcome, then of its covariates; None is no denominator."""
    if isinstance(metric, Ratio):
        return [(metric.numerator, metric.denominator), *metric.covariates]
    return [(name, None) for name in (metric.column, *metric.covariates)]


def _linear_form(arm: ArmRows, above: str, below: str | None) -> Array:
    """(units,) values whose mean is the ratio, and whose variance is the ratio's."""
    if below is None:
        return arm[above]
    ratio = arm[above].sum() / arm[below].sum()
    linear: Array = ratio + (arm[above] - ratio * arm[below]) / arm[below].mean()
    return linear


def _overall(arms: Mapping[str, ArmRows], above: str, below: str | None) -> float:
    """The mean or ratio of all variants together."""
    of_arms = arms.values()
    units = sum(len(arm[above]) if below is None else arm[below].sum() for arm in of_arms)
    return sum(float(arm[above].sum()) for arm in of_arms) / float(units)


def _counts(metric: Rate, arm: ArmRows) -> tuple[int, int]:
    among = len(arm[metric.column]) if metric.of is None else int(arm[metric.of].sum())
    return int(arm[metric.column].sum()), among


def _worse(direction: Direction, margin: float) -> tuple[float, str]:
    """The ratio that is just not allowed, and the side on which the treatment is safe."""
    return (1 - margin, "larger") if direction == "higher" else (1 + margin, "smaller")
