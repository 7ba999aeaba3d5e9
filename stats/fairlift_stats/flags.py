"""What to know before trusting a number: few events, few buyers, skewed tickets."""

from fairlift_stats.metrics import Mean, Metric, Rate, Ratio
from fairlift_stats.moments import Moments, counts
from fairlift_stats.results import Flag, FlagCode
from fairlift_stats.skewness import (
    DISTRUST,
    WARN,
    difference_skewness,
    third_of_mean,
    third_of_ratio,
)

__all__ = ["ENOUGH_BUYERS", "flags_of"]

# Measured: with 90/10 splits and fewer buyers than this, no interval from sums covers 95 %.
ENOUGH_BUYERS = 50
# Even equal splits need a few: below, a t interval rests on single orders.
LEAST_BUYERS = 10
LEAST_EVENTS = 5
UNEQUAL = 1.25


def flags_of(
    metric: Metric, moments: Moments, i: int, variance: list[float], reduction: list[float]
) -> tuple[Flag, ...]:
    """Warnings for treatment i (1 is the first) against the control."""
    match metric:
        case Rate():
            found = [_few_events(metric, moments, i)]
        case Mean() | Ratio():
            found = [_few_buyers(metric, moments, i), _skewed(metric, moments, i, variance)]
            if isinstance(metric, Ratio):
                found.append(_conditional(metric))
    if metric.covariates:
        least = min(reduction[0], reduction[i])
        found.append(Flag(FlagCode.ADJUSTED, f"covariates took away {least:.0%} of the variance"))
    return tuple(flag for flag in found if flag is not None)


def _few_events(metric: Rate, moments: Moments, i: int) -> Flag | None:
    x, n = counts(moments, metric)
    least = min(min(x[a], n[a] - x[a]) for a in (0, i))
    if least >= LEAST_EVENTS:
        return None
    return Flag(
        FlagCode.FEW_EVENTS,
        f"only {least:.0f} units differ from the rest in one arm: the interval is honest, and wide",
    )


def _few_buyers(metric: Mean | Ratio, moments: Moments, i: int) -> Flag | None:
    if metric.buyers is None:
        return None
    buyers = moments.totals[:, moments.at(metric.buyers)]
    least = min(buyers[0], buyers[i])
    sizes = sorted((moments.n[0], moments.n[i]))
    unequal = sizes[1] > UNEQUAL * sizes[0]
    if least >= (ENOUGH_BUYERS if unequal else LEAST_BUYERS):
        return None
    need = ENOUGH_BUYERS if unequal else LEAST_BUYERS
    why = " of an unequal split" if unequal else ""
    return Flag(
        FlagCode.FEW_BUYERS,
        f"an arm{why} has {least:.0f} buyers, needs {need} for its interval to hold",
    )


def _skewed(metric: Mean | Ratio, moments: Moments, i: int, variance: list[float]) -> Flag | None:
    thirds = []
    for a in (0, i):
        summary = moments.summaries[a]
        if isinstance(metric, Ratio):
            third = third_of_ratio(summary, metric.numerator, metric.denominator)
        else:
            third = third_of_mean(summary, metric.column)
        if third is None:
            return None
        thirds.append(third)
    n = moments.n
    gamma = float(
        difference_skewness(thirds[1], thirds[0], n[i], n[0], variance[i], variance[0])  # type: ignore[arg-type]
    )
    if abs(gamma) <= WARN:
        return None
    advice = "split equally, or cap the metric"
    if abs(gamma) > DISTRUST:
        return Flag(
            FlagCode.TOO_SKEWED,
            f"the difference has skewness {gamma:.2f}: do not trust its interval; {advice}",
        )
    return Flag(
        FlagCode.SKEWED, f"the difference has skewness {gamma:.2f}: its interval is rough; {advice}"
    )


def _conditional(metric: Ratio) -> Flag:
    return Flag(
        FlagCode.CONDITIONAL_ON_BUYING,
        f"{metric.name} looks only at units with {metric.denominator}, and the campaign may change "
        "who they are: read it beside conversion and the value per unit",
    )
