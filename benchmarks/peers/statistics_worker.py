# mypy: ignore-errors
# It runs in the peers' environment, where nothing of ours is installed.
"""Run by the peers' own Python: answers each line "NAME CALLS" with the seconds per call.

The summaries arrive as JSON in the first line, so that all measure the same numbers.
"""

import json
import sys
import time
import warnings


def gbstats_report(inputs):
    """Relative t-tests of all metrics and treatments, from summaries."""
    from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
    from gbstats.models import statistics as s

    config = FrequentistConfig(difference_type="relative")

    def mean(arm, column):
        return s.SampleMeanStatistic(n=arm["n"], sum=arm[column], sum_squares=arm[column + "2"])

    def statistic(arm, metric):
        if metric["kind"] == "rate":
            return s.ProportionStatistic(n=arm["n"], sum=arm[metric["column"]])
        if metric["kind"] == "mean":
            return mean(arm, metric["column"])
        return s.RatioStatistic(
            n=arm["n"],
            m_statistic=mean(arm, metric["column"]),
            d_statistic=mean(arm, metric["denominator"]),
            m_d_sum_of_products=arm[metric["column"] + "*" + metric["denominator"]],
        )

    def run():
        for metric in inputs["metrics"]:
            control = statistic(inputs["arms"][0], metric)
            for arm in inputs["arms"][1:]:
                TwoSidedTTest(control, statistic(arm, metric), config).compute_result()

    return run


def gbstats_segments(inputs):
    """Bayesian tests of 50 segments, each on its own: nothing is shrunk."""
    from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig
    from gbstats.models.statistics import ProportionStatistic

    config = EffectBayesianConfig(difference_type="relative")

    def run():
        for control, treatment in inputs["segments"]:
            EffectBayesianABTest(
                ProportionStatistic(*control), ProportionStatistic(*treatment), config
            ).compute_result()

    return run


def confidence_report(inputs):
    """z-tests of all metrics but the ratios, which it does not have."""
    import pandas as pd
    from spotify_confidence import ZTest

    metrics = [m for m in inputs["metrics"] if m["kind"] != "ratio"]
    frames = [
        pd.DataFrame(
            {
                "variant": [arm["name"] for arm in inputs["arms"]],
                "sum": [arm[m["column"]] for arm in inputs["arms"]],
                "squares": [arm[m["column"] + "2"] for arm in inputs["arms"]],
                "n": [arm["n"] for arm in inputs["arms"]],
            }
        )
        for m in metrics
    ]

    def run():
        for frame in frames:
            ZTest(frame, "sum", "squares", "n", "variant").multiple_difference(
                inputs["arms"][0]["name"], absolute=False, level_as_reference=True
            )

    return run


WORKS = {
    "gbstats_report": gbstats_report,
    "gbstats_segments": gbstats_segments,
    "confidence_report": confidence_report,
}


def main():
    """Answer until the input ends."""
    warnings.filterwarnings("ignore")
    inputs = json.loads(sys.stdin.readline())
    works = {}
    for line in sys.stdin:
        name, calls = line.split()
        if name not in works:
            works[name] = WORKS[name](inputs)
        start = time.perf_counter()
        for _ in range(int(calls)):
            works[name]()
        print((time.perf_counter() - start) / int(calls), flush=True)


if __name__ == "__main__":
    main()
