"""What the statistics say of a comparison has a value of its own in the contract."""

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.metric_messages import metrics_to
from fairlift_stats import QuantileArm
from fairlift_stats.data.metrics import Mean, Quantile, Rate, Ratio
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSayCode, FlagCode
from fairlift_stats.messages import Names
from fairlift_stats.report.analysis import Analysis


@pytest.mark.parametrize("covariates", [(), ("x",)])
def test_every_method_of_the_statistics_has_its_enum_value(covariates: tuple[str, ...]) -> None:
    arm = Summary.from_rows({"x": [0.0, 1.0] * 20, "y": [1.0, 2.0, 4.0, 3.0] * 10})
    analysis = Analysis(
        primary=(
            Rate("a", "x"),
            Mean("b", "y", covariates=covariates),
            Ratio("c", "y", "x"),
            Quantile("d", 0.5),
        ),
        control="control",
    )
    orders = {"d": QuantileArm.of([float(n) for n in range(1, 101)], 0.5)}
    arms = {"control": arm, "free": arm}
    report = analysis.report(arms, dict.fromkeys(arms, orders))

    metrics = metrics_to(analysis, report, ReaderLanguage("en", Names()), {}, {}, set())

    comparisons = [metric.comparisons[0] for metric in metrics]
    assert [comparison.method for comparison in comparisons] == [
        pb.METHOD_SCORE,
        pb.METHOD_WELCH_FIELLER,
        pb.METHOD_RATIO_DELTA,
        pb.METHOD_QUANTILE,
    ]
    adjusted = [comparison.covariate_adjusted for comparison in comparisons]
    assert adjusted == [False, bool(covariates), False, False]


def test_every_flag_and_every_missing_answer_has_its_enum_value() -> None:
    flags = {name.removeprefix("FLAG_") for name in pb.Flag.keys()}  # noqa: SIM118  # an enum
    reasons = {
        name.removeprefix("CANNOT_SAY_REASON_")
        for name in pb.CannotSayReason.keys()  # noqa: SIM118  # an enum
    }

    assert {code.name for code in FlagCode} == flags - {"UNSPECIFIED"}
    assert {code.name for code in CannotSayCode} == reasons - {"UNSPECIFIED", "FAILED"}
