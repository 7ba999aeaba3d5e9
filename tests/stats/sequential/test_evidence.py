import math

import numpy as np
import pytest
from fairlift_stats.data.metrics import Mean, Metric, Rate, Ratio
from fairlift_stats.data.summary import Summary
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from scipy.stats import norm, skew, ttest_ind

RPV = Mean("revenue_per_visitor", "revenue", buyers="bought")
AOV = Ratio("average_ticket", "revenue", "orders", buyers="bought")
CR = Rate("conversion_rate", "bought")


def rows(seed: int, *, rate: float = 0.1, units: int = 4000) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    bought = (rng.random(units) < rate).astype(int)
    orders = bought * (1 + rng.poisson(0.2, units))
    revenue = np.round(orders * rng.lognormal(3, 1, units), 2)
    return {"bought": bought.tolist(), "orders": orders.tolist(), "revenue": revenue.tolist()}


def found(
    metric: Metric,
    control: dict[str, list[float]],
    treatment: dict[str, list[float]],
    *,
    thirds: bool = True,
) -> Evidence | None:
    analysis = Analysis(primary=(metric,))
    needed = analysis.thirds if thirds else ()
    a, b = (Summary.from_rows(arm, thirds=needed) for arm in (control, treatment))
    result = analysis.report({"control": a, "b": b})[metric.name, "b"]
    return evidence_of(result, metric, a, b, capped=True)


def test_the_evidence_of_a_mean_has_the_p_value_and_skewness_of_the_rows() -> None:
    a, b = rows(1), rows(2, rate=0.12, units=1000)
    t = ttest_ind(b["revenue"], a["revenue"], equal_var=False)
    thirds = [skew(x) * np.std(x) ** 3 / len(x) ** 2 for x in (b["revenue"], a["revenue"])]
    variance = sum(np.var(x, ddof=1) / len(x) for x in (a["revenue"], b["revenue"]))

    evidence = found(RPV, a, b)

    assert evidence is not None
    assert evidence.z == pytest.approx(math.copysign(norm.isf(t.pvalue / 2), t.statistic), rel=1e-6)
    assert evidence.skew == pytest.approx((thirds[0] - thirds[1]) / variance**1.5, rel=0.01)
    assert evidence.estimate == pytest.approx(np.mean(b["revenue"]) - np.mean(a["revenue"]))
    assert evidence.contrast.control == pytest.approx(np.mean(a["revenue"]))
    assert evidence.se == pytest.approx(math.sqrt(variance))
    assert evidence.units == 5000
    assert evidence.capped


def test_a_ratio_has_a_skewness_and_a_rate_has_none() -> None:
    ratio, rate = found(AOV, rows(1), rows(2)), found(CR, rows(1), rows(2))

    assert ratio is not None
    assert ratio.skew is not None
    assert rate is not None
    assert rate.skew is None


def test_without_third_moments_there_is_no_skewness() -> None:
    for metric in (RPV, AOV):
        evidence = found(metric, rows(1), rows(2), thirds=False)

        assert evidence is not None
        assert evidence.skew is None


def test_a_comparison_that_cannot_say_gives_no_evidence() -> None:
    none = {name: [0.0] * 50 for name in ("bought", "orders", "revenue")}

    assert found(AOV, none, none) is None


def test_nobody_against_nobody_is_no_evidence_and_all_against_nobody_is() -> None:
    nobody = {name: [0.0] * 50 for name in ("bought", "orders", "revenue")}
    everybody = {name: [1.0] * 50 for name in ("bought", "orders", "revenue")}

    assert found(CR, nobody, nobody) is None
    against = found(CR, nobody, everybody)
    assert against is not None
    assert against.se == pytest.approx(math.sqrt(0.25 * 2 / 50))


def test_units_and_events_may_be_those_of_the_metric_s_own_window() -> None:
    a, b = (Summary.from_rows(rows(seed)) for seed in (1, 2))
    result = Analysis(primary=(CR,)).report({"control": a, "b": b})["conversion_rate", "b"]

    evidence = evidence_of(result, CR, a, b, units=7000, events=(400, 410))

    assert evidence is not None
    assert (evidence.units, evidence.events) == (7000, (400, 410))
    assert evidence.contrast.rates is not None
    assert evidence.contrast.rates.nc == 4000


def test_a_p_value_below_the_smallest_number_still_has_a_z() -> None:
    few, all_ = rows(3, rate=0.001, units=40_000), rows(4, rate=0.999, units=40_000)

    evidence = found(CR, few, all_)

    assert evidence is not None
    assert 37 < evidence.z < math.inf
