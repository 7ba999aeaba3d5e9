"""What the statistics say of a comparison has a value of its own in the contract."""

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.metric_messages import MetricState, metrics_to
from fairlift_server.results.live_figures import LiveFigures
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

    reader, nothing = ReaderLanguage("en", Names()), MetricState(None, {}, {}, {}, set(), {})
    metrics = metrics_to(analysis, report, ("control", "free"), reader, nothing)

    comparisons = [metric.comparisons[0] for metric in metrics]
    assert [comparison.method for comparison in comparisons] == [
        pb.METHOD_SCORE,
        pb.METHOD_WELCH_FIELLER,
        pb.METHOD_RATIO_DELTA,
        pb.METHOD_QUANTILE,
    ]
    adjusted = [comparison.covariate_adjusted for comparison in comparisons]
    assert adjusted == [False, bool(covariates), False, False]


@pytest.mark.parametrize(
    ("language", "error"),
    [
        ("en", "could not be computed: 120 buyers of 100 units"),
        ("es", "no se pudo calcular: 120 buyers of 100 units"),
        ("ro", "nu a putut fi calculat: 120 buyers of 100 units"),
    ],
)
def test_a_metric_that_failed_has_a_row_that_says_so(language: str, error: str) -> None:
    arm = Summary.from_rows({"x": [0.0, 1.0] * 20, "y": [1.0, 2.0] * 20})
    analysis = Analysis(primary=(Rate("a", "x"), Mean("b", "y")), control="control")
    report = analysis.only(["b"]).report({"control": arm, "free": arm})
    failed = MetricState(None, {"a": "120 buyers of 100 units"}, {}, {}, set(), {})

    rate, mean = metrics_to(
        analysis, report, ("control", "free"), ReaderLanguage(language, Names()), failed
    )

    assert (rate.metric, rate.role, rate.error) == ("a", pb.METRIC_ROLE_PRIMARY, error)
    assert [arm.variant for arm in rate.arms] == ["control", "free"]
    assert not rate.comparisons
    assert not mean.error
    assert mean.comparisons


def test_before_a_result_units_are_provisional_and_nothing_is_compared() -> None:
    analysis = Analysis(primary=(Rate("a", "x"),), control="control")
    live = LiveFigures(
        totals={},
        mature={},
        immature={("control", "a"): 40, ("free", "a"): 41},
        estimates={("control", "a"): 0.1, ("free", "a"): float("inf")},
        days=(),
        coupons=(),
    )
    state = MetricState(live, {}, {}, {}, set(), {})

    (row,) = metrics_to(analysis, None, ("control", "free"), ReaderLanguage("en", Names()), state)

    control, free = row.arms
    assert (control.units, control.immature_units, control.provisional_estimate) == (0, 40, 0.1)
    assert not control.HasField("estimate")
    assert (free.immature_units, free.HasField("provisional_estimate")) == (41, False)


def test_every_flag_and_every_missing_answer_has_its_enum_value() -> None:
    flags = {name.removeprefix("FLAG_") for name in pb.Flag.keys()}  # noqa: SIM118  # an enum
    reasons = {
        name.removeprefix("CANNOT_SAY_REASON_")
        for name in pb.CannotSayReason.keys()  # noqa: SIM118  # an enum
    }

    assert {code.name for code in FlagCode} == flags - {"UNSPECIFIED"}
    assert {code.name for code in CannotSayCode} == reasons - {"UNSPECIFIED", "FAILED"}
