"""The same figures as tea-tasting and gbstats where theirs are right; where not, docs/notebook.md.

They are extras of the benchmarks: without `make bench`, these tests are skipped.
"""

import json
import subprocess
from typing import Any

import pandas as pd
import pytest
from fairlift_stats import FrameReport, Mean, Rate, Ratio, analyze

from tests.stats.frames.frames import visitors

FRAME = visitors()
PAIR: pd.DataFrame = FRAME[FRAME["variant"] != "twenty"].assign(bought=FRAME["bought"].astype(int))
COLUMNS = ("bought", "revenue", "orders")
GBSTATS = """
import json, sys
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import ProportionStatistic, RatioStatistic, SampleMeanStatistic

def statistics(arm):
    mean, denominator = (
        SampleMeanStatistic(n=arm["n"], sum=arm[c], sum_squares=arm[c + "2"])
        for c in ("revenue", "orders")
    )
    return {
        "conversion_rate": ProportionStatistic(n=arm["n"], sum=arm["bought"]),
        "revenue_per_visitor": mean,
        "average_ticket": RatioStatistic(
            n=arm["n"], m_statistic=mean, d_statistic=denominator,
            m_d_sum_of_products=arm["product"],
        ),
    }

arms = [statistics(arm) for arm in json.load(sys.stdin)]
config = FrequentistConfig(difference_type="absolute")
results = {m: TwoSidedTTest(arms[0][m], arms[1][m], config).compute_result() for m in arms[0]}
print(json.dumps({m: [r.expected, *r.ci, r.p_value] for m, r in results.items()}))
"""


@pytest.fixture(scope="module")
def report() -> FrameReport:
    return analyze(
        PAIR,
        metrics=[
            Rate("conversion_rate", "bought"),
            Mean("revenue_per_visitor", "revenue"),
            Ratio("average_ticket", "revenue", "orders"),
        ],
    )


def ours(report: FrameReport, metric: str) -> list[float]:
    result: Any = report[metric, "ten"]
    return [result[c] for c in ("difference", "difference_low", "difference_high", "p_value")]


def test_differences_are_those_of_tea_tasting(report: FrameReport) -> None:
    tea_tasting = pytest.importorskip("tea_tasting")
    metrics = {
        "revenue_per_visitor": tea_tasting.Mean("revenue"),
        "average_ticket": tea_tasting.RatioOfMeans("revenue", "orders"),
    }
    results = tea_tasting.Experiment(metrics).analyze(PAIR, control="control")

    for metric in metrics:
        r = results[metric]
        theirs = [r.effect_size, r.effect_size_ci_lower, r.effect_size_ci_upper, r.pvalue]
        assert ours(report, metric) == pytest.approx(theirs, rel=1e-6)
        # Its interval of the lift is on the logarithm: near, never the same.
        lift = report[metric, "ten"].lift
        assert lift.interval.low == pytest.approx(r.rel_effect_size_ci_lower, abs=0.02)
        assert lift.interval.low != pytest.approx(r.rel_effect_size_ci_lower, rel=1e-6)


def test_differences_are_those_of_gbstats(report: FrameReport) -> None:
    peers = pytest.importorskip("benchmarks.statistics")
    if not peers.PYTHON.exists():
        pytest.skip("the peers have no environment: make bench-statistics")
    arms = []
    for variant in ("control", "ten"):
        rows = PAIR[PAIR["variant"] == variant]
        sums = {c: float(rows[c].sum()) for c in COLUMNS}
        squares = {f"{c}2": float((rows[c] ** 2).sum()) for c in COLUMNS}
        product = float((rows["revenue"] * rows["orders"]).sum())
        arms.append({"n": len(rows), **sums, **squares, "product": product})
    command = [str(peers.PYTHON), "-W", "ignore", "-c", GBSTATS]
    run = subprocess.run(
        command, input=json.dumps(arms), capture_output=True, text=True, check=True
    )
    theirs = json.loads(run.stdout)

    for metric in ("revenue_per_visitor", "average_ticket"):
        assert ours(report, metric) == pytest.approx(theirs[metric], rel=1e-6)
    # A rate is judged by counts here, by a normal mean there.
    assert ours(report, "conversion_rate")[0] == pytest.approx(theirs["conversion_rate"][0])
    assert ours(report, "conversion_rate") == pytest.approx(theirs["conversion_rate"], rel=0.05)
