"""The published figures of the experiment, and the same figures from a report.

The published figures were computed from the same file with pandas, scipy and statsmodels, in two
independent public notebooks; they are facts about the data.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlift.v1.results_service_pb2 import MetricResult, Report, VariantTotals
from fairlift.v1.value_pb2 import Interval
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import t as student

_MICROS = 1_000_000

# Arm: customers, visits in %, buyers, conversion in %, revenue, per customer, per buyer.
_ARMS = {
    "mens-email": ("21307", "18.2757", "267", "1.25311", "30311.69", "1.422617", "113.526929"),
    "womens-email": ("21387", "15.1400", "189", "0.88371", "23038.11", "1.077202", "121.894762"),
    "no-email": ("21306", "10.6167", "122", "0.57261", "13908.33", "0.652789", "114.002705"),
}
_COLUMNS = (
    *("customers", "visits, %", "buyers", "conversion, %", "revenue", "revenue per customer"),
    "revenue per buyer",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: as published, to the given digits, and as computed by the report."""

    name: str
    published: str
    computed: float

    @property
    def rounded(self) -> str:
        """The computed value, with as many digits as the published one."""
        if "e" in self.published:
            digits = len(self.published.partition("e")[0].partition(".")[2])
            return f"{self.computed:.{digits}e}"
        return f"{self.computed:.{len(self.published.partition('.')[2])}f}"

    @property
    def agrees(self) -> bool:
        """Whether both agree to the given digits."""
        return self.rounded == self.published.removeprefix("+")


def figures(report: Report) -> list[Figure]:
    """All published figures with the report's."""
    return [*_arms(report), *_comparisons(report)]


def _arms(report: Report) -> Iterator[Figure]:
    metrics = {metric.metric: metric for metric in report.metrics}
    totals = {arm_totals.variant: arm_totals for arm_totals in report.totals}
    for arm, published in _ARMS.items():
        computed = _of_arm(metrics, totals[arm])
        for column, text, value in zip(_COLUMNS, published, computed, strict=True):
            yield Figure(f"{arm}: {column}", text, value)


def _of_arm(metrics: Mapping[str, MetricResult], totals: VariantTotals) -> tuple[float, ...]:
    def estimate(metric: str) -> float:
        arms = metrics[metric].arms
        return next(arm.estimate for arm in arms if arm.variant == totals.variant)

    return (
        totals.units,
        100 * estimate("action_rate(visit)"),
        totals.buyers,
        100 * estimate("conversion_rate"),
        totals.revenue_micros / _MICROS,
        estimate("revenue_per_visitor"),
        # Every buyer of the file has exactly one order.
        estimate("average_ticket"),
    )


def _comparisons(report: Report) -> Iterator[Figure]:
    by_metric = {
        metric.metric: next(c for c in metric.comparisons if c.variant == "mens-email")
        for metric in report.metrics
    }
    units = sum(t.units for t in report.totals if t.variant in ("mens-email", "no-email"))
    rate, mean = by_metric["conversion_rate"], by_metric["revenue_per_visitor"]
    ticket = by_metric["average_ticket"]
    pair = "men's against no e-mail"
    yield Figure(f"{pair}: conversion, points", "+0.6805", 100 * rate.difference)
    # Our score test has N/(N-1) in its variance (Miettinen and Nurminen), the known z has not.
    z = -float(ndtri(rate.p_value / 2)) * math.sqrt(units / (units - 1))
    yield Figure(f"{pair}: conversion, pooled z", "7.3851", math.copysign(z, rate.difference))
    yield Figure(f"{pair}: revenue per customer", "+0.7698", mean.difference)
    yield Figure(f"{pair}: revenue per customer, Welch t", "5.30014", _t(mean))
    yield Figure(f"{pair}: revenue per customer, p", "1.164e-07", mean.p_value)
    interval = mean.difference_interval
    yield Figure(f"{pair}: revenue per customer, 95 % from", "0.4851", interval.lower)
    yield Figure(f"{pair}: revenue per customer, 95 % to", "1.0545", interval.upper)
    yield Figure(f"{pair}: average ticket", "-0.48", ticket.difference)
    yield Figure(f"{pair}: average ticket, z", "-0.041", _t(ticket))


def _t(comparison: MetricResult.Comparison) -> float:
    """The t of a comparison: with its degrees of freedom it gives both interval and p-value."""
    half, confidence = _half_width(comparison.difference_interval)
    tail = (1 - confidence) / 2

    def statistic(df: float) -> float:
        return float(abs(comparison.difference) * student.isf(tail, df) / half)

    def surplus(log_df: float) -> float:
        df = math.exp(log_df)
        return 2 * float(student.sf(statistic(df), df)) - comparison.p_value

    # The p-value picks the degrees of freedom; where it hardly does, they hardly matter.
    ends = (math.log(2.0), math.log(1e9))
    solution = brentq(surplus, *ends) if surplus(ends[0]) * surplus(ends[1]) < 0 else ends[1]
    return math.copysign(statistic(math.exp(solution)), comparison.difference)


def _half_width(interval: Interval) -> tuple[float, float]:
    return (interval.upper - interval.lower) / 2, interval.confidence
