"""Warnings about a result: few events, few buyers, skewed values."""

from collections.abc import Sequence

from fairlift_stats.data.metrics import Metric, Quantile, Ratio
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Flag, FlagCode
from fairlift_stats.messages import Figure, Message, Number, Percent, Verbatim
from fairlift_stats.methods.skewness import DISTRUST, WARN, difference_skewness, third_of_ratio
from fairlift_stats.report.result_rows import ResultRow

__all__ = ["ENOUGH_BUYERS", "flags_of"]

# Measured: with 90/10 splits and fewer buyers than this, no interval from sums covers 95 %.
ENOUGH_BUYERS = 50
# Even equal splits need a few: below, a t interval rests on single orders.
LEAST_BUYERS = 10
LEAST_EVENTS = 5
UNEQUAL = 1.25


def flags_of(row: ResultRow, summaries: Sequence[Summary], i: int) -> tuple[Flag, ...]:
    """Warnings for treatment i (1 is the first) against the control."""
    flags: list[Flag | None]
    if row.is_rate:
        flags = [_few_events(row, i)]
    else:
        flags = [_few_buyers(row, i), _skewed(row, summaries, i)]
        if isinstance(row.metric, Ratio):
            flags.append(_conditional(row.metric))
    if row.metric.covariates:
        least = min(row.reduction[0], row.reduction[i])
        flags.append(_warning(FlagCode.ADJUSTED, "adjusted", share=Percent(least, 0)))
    return tuple(flag for flag in flags if flag is not None)


def _few_events(row: ResultRow, i: int) -> Flag | None:
    x, n = row.events, row.units
    least = min(x[0], n[0] - x[0], x[i], n[i] - x[i])
    if least >= LEAST_EVENTS:
        return None
    return _warning(FlagCode.FEW_EVENTS, "few_events", least=Number(least))


def _few_buyers(row: ResultRow, i: int) -> Flag | None:
    if not row.events:
        return None
    least = min(row.events[0], row.events[i])
    unequal = max(row.n[0], row.n[i]) > UNEQUAL * min(row.n[0], row.n[i])
    need = ENOUGH_BUYERS if unequal else LEAST_BUYERS
    if least >= need:
        return None
    key = "few_buyers_unequal" if unequal else "few_buyers"
    return _warning(FlagCode.FEW_BUYERS, key, least=Number(least), needed=Number(need))


def _skewed(row: ResultRow, summaries: Sequence[Summary], i: int) -> Flag | None:
    if not (summaries[0].thirds and summaries[i].thirds):
        return None
    control, treatment = (_third(row.metric, summaries[a]) for a in (0, i))
    if control is None or treatment is None:
        return None
    gamma = difference_skewness(
        treatment, control, row.n[i], row.n[0], row.variance[i] + row.variance[0]
    )
    if gamma is None or abs(gamma) <= WARN:
        return None
    code = FlagCode.TOO_SKEWED if abs(gamma) > DISTRUST else FlagCode.SKEWED
    return _warning(code, code.value, skewness=Number(gamma, 2))


def _third(metric: Metric, summary: Summary) -> float | None:
    match metric:
        case Ratio():
            return third_of_ratio(summary, metric.numerator, metric.denominator)
        case Quantile():
            return None
        case _:
            return summary.third(metric.column)


def _conditional(metric: Ratio) -> Flag:
    names = {"metric": Verbatim(metric.name), "denominator": Verbatim(metric.denominator)}
    return _warning(FlagCode.CONDITIONAL_ON_BUYING, "conditional_on_buying", **names)


def _warning(code: FlagCode, key: str, **figures: Figure) -> Flag:
    return Flag(code, Message.of(f"warning.{key}", **figures))
