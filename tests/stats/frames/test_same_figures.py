"""Every library gives the same report, and it is what scipy and R's formulas say."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from fairlift_stats import (
    Analysis,
    FrameReport,
    Funnel,
    Guardrail,
    Mean,
    Quantile,
    QuantileArm,
    Rate,
    Ratio,
    Summary,
    analyze,
    compare,
    decompose,
    sample_ratio,
    summarize,
)
from scipy import stats

from tests.stats.frames.frames import FRAMES, visitors

# Ibis 12 calls what DuckDB 1.5 is about to rename.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

VISITORS = visitors()
ARMS = ("control", "ten", "twenty")
METRICS = (
    Rate("conversion_rate", "bought"),
    Mean("revenue_per_visitor", "revenue"),
    Ratio("average_ticket", "revenue", "orders", buyers="bought"),
    Guardrail(Quantile("large_order", 0.9, column="revenue"), margin=0.5),
)


def arm(name: str) -> pd.DataFrame:
    return VISITORS[VISITORS["variant"] == name]


@pytest.fixture(scope="module", params=FRAMES)
def report(request: pytest.FixtureRequest) -> FrameReport:
    return analyze(
        FRAMES[request.param](VISITORS),
        metrics=METRICS,
        secondary=[Mean("orders_per_visitor", "orders", unit="count")],
        segments="device",
        unit="visitor",
    )


@pytest.fixture(scope="module", params=FRAMES)
def adjusted(request: pytest.FixtureRequest) -> FrameReport:
    return analyze(
        FRAMES[request.param](VISITORS),
        metrics=[Mean("revenue_per_visitor", "revenue"), Ratio("ticket", "revenue", "orders")],
        covariates={"revenue": "revenue_before"},
    )


@pytest.mark.parametrize("variant", ["ten", "twenty"])
def test_difference_of_means_is_welch(report: FrameReport, variant: str) -> None:
    expected = stats.ttest_ind(arm(variant)["revenue"], arm("control")["revenue"], equal_var=False)
    result = report["revenue_per_visitor", variant]

    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert (result["difference_low"], result["difference_high"]) == pytest.approx((low, high))


def test_estimates_are_those_of_the_rows(report: FrameReport) -> None:
    for name in report.report.variants:
        rows = arm(name)
        summary = report.summaries[name]
        assert summary.n == len(rows)
        assert summary.sum("bought") == int(rows["bought"].sum())
        assert summary.mean("revenue") == pytest.approx(math.fsum(rows["revenue"]) / len(rows))
        assert summary.variance("revenue") == pytest.approx(rows["revenue"].var(ddof=1), rel=1e-12)
        assert summary.covariance("revenue", "orders") == pytest.approx(
            np.cov(rows["revenue"], rows["orders"])[0, 1], rel=1e-12
        )
        third = ((rows["revenue"] - rows["revenue"].mean()) ** 3).mean()
        assert summary.third("revenue") == pytest.approx(third, rel=1e-9)
    ticket = report["average_ticket", "ten"].treatment.estimate
    assert ticket == pytest.approx(arm("ten")["revenue"].sum() / arm("ten")["orders"].sum())


def test_a_quantile_is_of_the_values(report: FrameReport) -> None:
    result = report["large_order", "twenty"]

    assert result.control.estimate == pytest.approx(np.quantile(arm("control")["revenue"], 0.9))
    assert result.non_inferiority is not None


def test_segments_are_rows_of_a_variant_and_a_value(report: FrameReport) -> None:
    family = next(f for f in report.segments["device"] if f.metric == "orders_per_visitor")
    for segment in family.segments:
        both = VISITORS[VISITORS["variant"].isin(["control", family.variant])]
        rows = both[both["device"] == segment.segment].groupby("variant")["orders"]
        assert segment.n == rows.count().sum()
        assert segment.raw == pytest.approx(
            rows.mean()[family.variant] / rows.mean()["control"] - 1
        )
    assert [s.segment for s in family.segments] == ["desktop", "phone", "tablet"]


def test_the_split_is_checked(report: FrameReport) -> None:
    counts = {name: len(arm(name)) for name in ("control", "ten", "twenty")}

    assert report.sample_ratio.p_value == pytest.approx(stats.chisquare([*counts.values()]).pvalue)
    assert report.sample_ratio == sample_ratio(counts, dict.fromkeys(counts, 1))


def test_a_decomposition_is_of_the_rows(report: FrameReport) -> None:
    columns = {"buyers": "bought", "orders": "orders", "revenue": "revenue"}
    control, ten = (
        Summary.from_rows({column: arm(name)[column].to_numpy() for column in columns.values()})
        for name in ARMS[:2]
    )
    expected = decompose(control, ten, buyers="bought", orders="orders", revenue="revenue")

    parts = report.decompose("ten", **columns).factors
    assert [p.money for p in parts] == pytest.approx([p.money for p in expected.factors], rel=1e-9)
    assert sum(p.money for p in parts) == pytest.approx(
        arm("ten")["revenue"].mean() - arm("control")["revenue"].mean()
    )


def test_a_frame_has_the_rows_of_the_dictionaries(report: FrameReport) -> None:
    native: Any = report.to_frame()
    frame = nw.from_native(native)
    rows = frame.lazy().collect().rows(named=True)

    assert rounded(rows) == rounded(report.to_dicts())


def lin(covariates: Mapping[str, np.ndarray], treatment: str) -> float:
    """Lin's estimate: the treatment's coefficient in a regression with interactions."""
    arms = VISITORS["variant"].isin(["control", treatment]).to_numpy()
    # Covariates are centred at their mean over all variants, ours too.
    x = np.column_stack([c - c.mean() for c in covariates.values()])[arms]
    treated = (VISITORS["variant"] == treatment).to_numpy()[arms].astype(float)
    design = np.column_stack([np.ones(arms.sum()), treated, x, x * treated[:, None]])
    y = VISITORS["revenue"].to_numpy()[arms]
    return float(np.linalg.lstsq(design, y, rcond=None)[0][1])


def test_a_missing_covariate_is_zero_with_an_indicator(adjusted: FrameReport) -> None:
    before = VISITORS["revenue_before"].to_numpy()
    covariates = {"before": np.nan_to_num(before), "missing": np.isnan(before).astype(float)}

    for variant in ("ten", "twenty"):
        result = adjusted["revenue_per_visitor", variant]
        assert result["difference"] == pytest.approx(lin(covariates, variant), rel=1e-9)
    assert adjusted.filled == {"revenue_before": int(np.isnan(before).sum())}
    assert "revenue_before: " in str(adjusted)


def rounded(rows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Rows whose figures have nine digits; pandas shows what is missing as NaN."""

    def plain(value: object) -> object:
        if value != value:
            return None
        return float(f"{value:.9g}") if isinstance(value, float) else value

    return [{name: plain(value) for name, value in row.items()} for row in rows]


def test_libraries_agree_to_nine_digits(report: FrameReport) -> None:
    rows = {name: {c: arm(name)[c] for c in ("bought", "orders", "revenue")} for name in ARMS}
    summed = METRICS[:3]
    thirds = Analysis(primary=summed).thirds
    own = {name: Summary.from_rows(columns, thirds=thirds) for name, columns in rows.items()}
    quantiles = {name: {"large_order": QuantileArm.of(rows[name]["revenue"], 0.9)} for name in ARMS}

    assert rounded(report.to_dicts()) == rounded(
        dict(result) for result in report.analysis.report(own, quantiles).results
    )


@pytest.mark.parametrize("library", FRAMES)
def test_summaries_add_up_every_column_of_numbers(library: str) -> None:
    whole = VISITORS.drop(columns=["revenue_before", "device", "phone"])
    summaries = summarize(FRAMES[library](whole), unit="visitor")

    assert [*summaries] == ["control", "ten", "twenty"]
    summary = summaries["ten"]
    assert summary.columns == ("bought", "orders", "revenue", "micros", "orders_before")
    # Beyond 2^53, so that floats would lose the last digit.
    assert summary.sum("micros") == sum(int(m) for m in arm("ten")["micros"])
    result = compare(Mean("m", "orders"), summaries["control"], summary)
    assert result.p_value == pytest.approx(
        stats.ttest_ind(arm("ten")["orders"], arm("control")["orders"], equal_var=False).pvalue
    )


@pytest.mark.parametrize("library", ["pandas", "DuckDB"])
def test_summaries_hold_what_metrics_need(library: str) -> None:
    frame = FRAMES[library](VISITORS)

    assert summarize(frame, columns=["orders"])["control"].columns == ("orders",)
    of_metrics = summarize(
        frame,
        metrics=[
            Ratio("ticket", "revenue", "orders"),
            Guardrail(Rate("rate", "bought"), margin=0.1),
            Funnel("path", ("phone", "bought")),
        ],
    )
    assert of_metrics["ten"].columns == ("revenue", "orders", "bought", "phone")
    assert of_metrics["ten"].third("orders", "revenue", "revenue") is not None
