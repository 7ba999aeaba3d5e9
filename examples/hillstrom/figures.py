"""What is known of the experiment, and what a report says of the same.

The known figures were computed from the same file with pandas, scipy and statsmodels, and stand in
two independent public notebooks; they are facts about the data.
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
    """One figure: as it is known, to the digits given, and as the report says it."""

    name: str
    known: str
    found: float

    @property
    def shown(self) -> str:
        """What was found, to as many digits as are known."""
        if "e" in self.known:
            digits = len(self.known.partition("e")[0].partition(".")[2])
            return f"{self.found:.{digits}e}"
        return f"{self.found:.{len(self.known.partition('.')[2])}f}"

    @property
    def agrees(self) -> bool:
        """Whether both are the same to the digits given."""
        return self.shown == self.known.removeprefix("+")


def figures(report: Report) -> list[Figure]:
    """Every figure that is known, beside the report's."""
    return [*_arms(report), *_comparisons(report)]


def _arms(report: Report) -> Iterator[Figure]:
    metrics = {metric.metric: metric for metric in report.metrics}
    totals = {each.variant: each for each in report.totals}
    for arm, known in _ARMS.items():
        found = _of_arm(metrics, totals[arm])
        for column, text, value in zip(_COLUMNS, known, found, strict=True):
            yield Figure(f"{arm}: {column}", text, value)


def _of_arm(metrics: Mapping[str, MetricResult], totals: VariantTotals) -> tuple[float, ...]:
    def estimate(metric: str) -> float:
        arms = metrics[metric].arms
        return next(each.estimate for each in arms if each.variant == totals.variant)

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
    found = {
        metric.metric: next(c for c in metric.comparisons if c.variant == "mens-email")
        for metric in report.metrics
    }
    units = sum(t.units for t in report.totals if t.variant in ("mens-email", "no-email"))
    rate, mean = found["conversion_rate"], found["revenue_per_visitor"]
    ticket = found["average_ticket"]
    who = "men's against no e-mail"
    yield Figure(f"{who}: conversion, points", "+0.6805", 100 * rate.difference)
    # Our score test has N/(N-1) in its variance (Miettinen and Nurminen), the known z has not.
    z = -float(ndtri(rate.p_value / 2)) * math.sqrt(units / (units - 1))
    yield Figure(f"{who}: conversion, pooled z", "7.3851", math.copysign(z, rate.difference))
    yield Figure(f"{who}: revenue per customer", "+0.7698", mean.difference)
    yield Figure(f"{who}: revenue per customer, Welch t", "5.30014", _t(mean))
    yield Figure(f"{who}: revenue per customer, p", "1.164e-07", mean.p_value)
    interval = mean.difference_interval
    yield Figure(f"{who}: revenue per customer, 95 % from", "0.4851", interval.lower)
    yield Figure(f"{who}: revenue per customer, 95 % to", "1.0545", interval.upper)
    yield Figure(f"{who}: average ticket", "-0.48", ticket.difference)
    yield Figure(f"{who}: average ticket, z", "-0.041", _t(ticket))


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
    found = brentq(surplus, *ends) if surplus(ends[0]) * surplus(ends[1]) < 0 else ends[1]
    return math.copysign(statistic(math.exp(found)), comparison.difference)


def _half_width(interval: Interval) -> tuple[float, float]:
    return (interval.upper - interval.lower) / 2, interval.confidence
