"""The second opinion is another computation, and says where it differs, and why."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from fairlift_stats import (
    FrameReport,
    Guardrail,
    Mean,
    Quantile,
    Rate,
    Ratio,
    SecondOpinion,
    analyze,
)
from scipy import stats

from tests.stats.frames.frames import FRAMES, visitors

VISITORS = visitors()
PAIR = VISITORS[VISITORS["variant"] != "twenty"]


def asked(frame: object, **arguments: Any) -> FrameReport:
    return analyze(
        frame,
        metrics=[
            Rate("conversion_rate", "bought"),
            Mean("revenue_per_visitor", "revenue"),
            Ratio("average_ticket", "revenue", "orders", buyers="bought"),
            Guardrail(Rate("bought", "bought"), margin=0.3),
            Guardrail(Rate("returned", "bought", of="phone", direction="lower"), absolute_margin=1),
            Guardrail(Mean("orders", "orders", direction="lower"), margin=0.3),
            Guardrail(Mean("cost", "orders"), absolute_margin=0.4),
        ],
        secondary=[Mean("items", "orders"), Rate("phone", "phone")],
        **arguments,
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Buyers among phones only, so that one is a share of the other."""
    return PAIR.assign(phone=(PAIR["phone"] | PAIR["bought"]).astype(int))


@pytest.fixture(scope="module")
def opinion(frame: pd.DataFrame) -> SecondOpinion:
    return asked(frame).second_opinion()


def theirs(opinion: SecondOpinion, metric: str, figure: str, method: str = "") -> float:
    (value,) = [
        f.theirs
        for f in opinion.figures
        if (f.metric, f.figure) == (metric, figure) and f.method.startswith(method)
    ]
    assert value is not None
    return value


def test_all_differences_are_explained(opinion: SecondOpinion) -> None:
    assert opinion.unexplained == ()
    assert sum(f.agrees for f in opinion.figures) >= 30
    for figure in opinion.figures:
        # Small in all cases: another answer in the second digit would be another statistic.
        assert figure.ours == pytest.approx(figure.theirs, rel=0.02, abs=0.002), figure


def test_same_formulas_agree(opinion: SecondOpinion) -> None:
    same = {(f.metric, f.figure) for f in opinion.figures if not f.why}
    assert same >= {
        ("conversion_rate", "p_value"), ("conversion_rate", "lift_low"),
        ("revenue_per_visitor", "p_value"), ("revenue_per_visitor", "difference_low"),
        ("average_ticket", "difference"), ("bought", "margin_p_value"),
    }  # fmt: skip


def test_robust_errors_are_those_of_the_formula_interface(
    opinion: SecondOpinion, frame: pd.DataFrame
) -> None:
    rows = frame.assign(treated=(frame["variant"] == "ten").astype(int))
    fit = smf.ols("revenue ~ treated", rows).fit(cov_type="HC2", use_t=True)

    low, high = fit.conf_int().loc["treated"]
    assert theirs(opinion, "revenue_per_visitor", "difference_low", "OLS") == pytest.approx(low)
    assert theirs(opinion, "revenue_per_visitor", "difference_high", "OLS") == pytest.approx(high)
    assert theirs(opinion, "revenue_per_visitor", "p_value", "OLS") == pytest.approx(
        fit.pvalues["treated"]
    )


def test_clustered_errors_are_those_of_one_row_per_order(
    opinion: SecondOpinion, frame: pd.DataFrame
) -> None:
    orders = frame.loc[frame.index.repeat(frame["orders"])]
    orders = orders.assign(
        ticket=orders["revenue"] / orders["orders"], treated=(orders["variant"] == "ten") * 1
    )
    fit = smf.ols("ticket ~ treated", orders).fit(
        cov_type="cluster", cov_kwds={"groups": orders["visitor"]}, use_t=True
    )
    assert theirs(opinion, "average_ticket", "difference") == pytest.approx(fit.params["treated"])
    # Weights count units, not orders, in the correction for small samples.
    units, rows = (frame["orders"] > 0).sum(), len(orders)
    scale = math.sqrt(((units - 1) / (units - 2)) / ((rows - 1) / (rows - 2)))
    half = theirs(opinion, "average_ticket", "difference_high") - fit.params["treated"]
    k = stats.t.ppf(0.975, units - 1)
    assert half == pytest.approx(k * fit.bse["treated"] * scale, rel=1e-9)


def test_inverted_limits_are_not_rejected_by_the_regression(
    opinion: SecondOpinion, frame: pd.DataFrame
) -> None:
    rows = frame.assign(treated=(frame["variant"] == "ten").astype(int))
    fit = smf.ols("revenue ~ treated", rows).fit(cov_type="HC2", use_t=True)

    for figure in ("lift_low", "lift_high"):
        lift = theirs(opinion, "revenue_per_visitor", figure)
        assert float(fit.t_test([-lift, 1]).pvalue) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("library", ["polars lazy", "DuckDB"])
def test_values_are_fetched_from_where_they_are(
    library: str, frame: pd.DataFrame, opinion: SecondOpinion
) -> None:
    fetched = asked(FRAMES[library](frame)).second_opinion()

    for ours, other in zip(fetched.figures, opinion.figures, strict=True):
        assert ours.theirs == pytest.approx(other.theirs, rel=1e-9)


def test_several_treatments_differ_by_dunnett() -> None:
    report = analyze(
        VISITORS,
        metrics=[Mean("revenue_per_visitor", "revenue")],
        secondary=[Rate("conversion_rate", "bought")],
    )
    adjusted = [f for f in report.second_opinion().figures if f.figure == "adjusted_p"]

    assert [f.metric for f in adjusted] == ["revenue_per_visitor"] * 2 + ["conversion_rate"] * 2
    raw = [
        stats.ttest_ind(
            VISITORS.loc[VISITORS["variant"] == name, "revenue"],
            VISITORS.loc[VISITORS["variant"] == "control", "revenue"],
            equal_var=False,
        ).pvalue
        for name in ("ten", "twenty")
    ]
    holm = [min(1.0, max(2 * min(raw), max(raw))) if p == max(raw) else 2 * p for p in raw]
    assert [f.theirs for f in adjusted[:2]] == pytest.approx(holm)
    assert all("Dunnett" in figure.why for figure in adjusted)


@pytest.mark.parametrize("factor", [0.2, 0.9, 8.0])
def test_dunnett_excuses_no_other_correction(factor: float) -> None:
    """Ours is never below the raw p-value, nor above that of independent treatments."""
    report = analyze(
        VISITORS,
        metrics=[Mean("revenue_per_visitor", "revenue")],
        secondary=[Rate("conversion_rate", "bought")],
    )
    opinion = report.second_opinion()
    assert opinion.unexplained == ()
    for place, figure in enumerate(opinion.figures):
        if figure.figure != "adjusted_p":
            continue
        raw = next(
            f.theirs
            for f in opinion.figures
            if (f.metric, f.variant, f.figure) == (figure.metric, figure.variant, "p_value")
        )
        assert raw is not None
        wrong = replace(figure, ours=min(raw * factor, 0.999))
        changed = (*opinion.figures[:place], wrong, *opinion.figures[place + 1 :])
        assert replace(opinion, figures=changed).unexplained == (wrong,)


def test_a_figure_of_ours_that_is_missing_is_loud(opinion: SecondOpinion) -> None:
    for place, figure in enumerate(opinion.figures):
        missing = replace(figure, ours=None)
        changed = (*opinion.figures[:place], missing, *opinion.figures[place + 1 :])

        assert replace(opinion, figures=changed).unexplained == (missing,)


def test_a_figure_that_only_we_have_needs_a_reason(opinion: SecondOpinion) -> None:
    figure = opinion.figures[0]
    for why, unexplained in (("statsmodels has no such test", 0), ("", 1)):
        lonely = replace(figure, theirs=None, why=why)
        changed = replace(opinion, figures=(lonely, *opinion.figures[1:]))

        assert len(changed.unexplained) == unexplained


def test_nothing_to_compare_is_said() -> None:
    rows = pd.DataFrame({"variant": ["control", "b"] * 20, "bought": [0] * 40})

    opinion = analyze(rows, metrics=[Rate("bought", "bought")]).second_opinion()

    assert opinion.figures == ()
    assert str(opinion).startswith("No figure was compared")


def test_covariates_are_a_regression_with_interactions(frame: pd.DataFrame) -> None:
    before = frame["revenue_before"].fillna(5.0)
    rows = frame.assign(before=before, visits=np.arange(len(frame)) % 3 + 1)
    report = analyze(
        rows,
        metrics=[
            Mean("revenue_per_visitor", "revenue"),
            Ratio("average_ticket", "revenue", "orders"),
            Ratio("per_phone", "revenue", "phone", covariates=(("before", "visits"),)),
        ],
        covariates={"average_ticket": "before", "revenue_per_visitor": "before"},
    )
    opinion = report.second_opinion()
    centred = rows.assign(
        x=rows["before"] - rows["before"].mean(), treated=(rows["variant"] == "ten").astype(int)
    )
    fit = smf.ols("revenue ~ treated * x", centred).fit(cov_type="HC2", use_t=True)

    assert theirs(opinion, "revenue_per_visitor", "difference") == pytest.approx(
        fit.params["treated"]
    )
    assert theirs(opinion, "revenue_per_visitor", "p_value") == pytest.approx(
        fit.pvalues["treated"]
    )
    assert opinion.unexplained == ()
    assert "Holm (multipletests): some of the p-values" in str(opinion)


def test_what_statsmodels_cannot_say_is_missing() -> None:
    quiet = pd.DataFrame(
        {
            "variant": ["control", "new"] * 40,
            "none": [0] * 80,
            "some": [0, 1, 0, 0] * 20,
            "same": [1.0] * 80,
            "x": [float(i * i % 17) for i in range(80)],
            "gap": [float(i % 7) - 3 for i in range(80)],
        }
    )
    report = analyze(
        quiet,
        metrics=[
            Rate("none", "none"), Rate("some", "some"), Mean("same", "same"),
            Quantile("median", 0.5, column="x"), Mean("gap", "gap"),
        ],
    )  # fmt: skip
    opinion = report.second_opinion()
    by_metric = {(f.metric, f.figure): f for f in opinion.figures}

    assert {metric for metric, _ in by_metric} == {"some", "median", "gap"}
    assert by_metric["median", "p_value"].theirs is None
    assert "price points" in by_metric["median", "p_value"].why
    assert ("gap", "lift_low") not in by_metric
    assert not by_metric["median", "p_value"].agrees
    assert by_metric["median", "p_value"].difference is None


def small_arms(seed: int) -> FrameReport:
    """Twelve units per arm and two covariates; the control's mean is hardly clear of 0."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"variant": ["control", "new"] * 12, "a": rng.normal(size=24)})
    rows["b"] = rng.normal(size=24)
    rows["x"] = 0.75 + rows["a"] / 2 + rng.normal(size=24)
    return analyze(rows, metrics=[Mean("x", "x")], covariates={"x": ["a", "b"]})


def test_a_lift_without_limits_has_none_and_a_reason() -> None:
    limits = {}
    for seed in range(40):
        report = small_arms(seed)
        if report["x", "new"]["lift"] is None:
            continue
        for figure in report.second_opinion().figures:
            if figure.figure == "lift_high":
                limits[seed] = figure
    without = [figure for figure in limits.values() if figure.theirs is None]

    assert 0 < len(without) < len(limits)
    assert all("not clear of 0" in figure.why for figure in without)


def test_no_primary_p_value_needs_no_correction() -> None:
    rows = pd.DataFrame({"variant": ["control", "b"] * 20, "x": [1.0, 2, 3, 5] * 10})
    report = analyze(rows, metrics=[Mean("x", "x")])

    assert [f.metric for f in report.second_opinion().figures if f.figure == "adjusted_p"] == ["x"]


def test_text_and_tables_have_every_figure(opinion: SecondOpinion) -> None:
    lines = str(opinion).splitlines()
    frame: Any = opinion.to_frame()

    assert lines[0].split() == ["metric", "variant", "figure", "ours", "theirs", "why"]
    assert len(frame) == len(opinion.to_dicts()) == len(opinion.figures)
    agreeing = int(frame["agrees"].sum())
    assert lines[-1] == f"{agreeing} of {len(frame)} figures agree to six digits."
    assert frame["difference"].to_numpy() == pytest.approx(
        (frame["ours"] - frame["theirs"]).to_numpy(), abs=1e-15
    )


def test_each_row_of_the_text_has_the_number_of_its_own_reason(opinion: SecondOpinion) -> None:
    lines = str(opinion).splitlines()
    reasons = dict(line.split(" ", 1) for line in lines if line.startswith("("))

    assert len(set(reasons.values())) == len(reasons) > 3
    for figure, line in zip(opinion.figures, lines[1:], strict=False):
        assert line.split()[:3] == [figure.metric, figure.variant, figure.figure]
        number = line.split()[-1]
        if figure.why:
            assert reasons[number] == f"{figure.method}: {figure.why}"
        else:
            assert number not in reasons


def test_a_difference_without_a_reason_is_loud(opinion: SecondOpinion) -> None:
    wrong = replace(opinion.figures[0], ours=1.0, why="")
    told = replace(opinion, figures=(wrong, *opinion.figures[1:]))

    assert told.unexplained == (wrong,)
    assert "1 differ and should not. The frame was read again: unless it was changed" in str(told)
    assert "DIFFERS" in str(told)


@pytest.mark.parametrize("figure", ["difference_low", "lift_high", "p_value"])
def test_a_reason_excuses_a_small_gap_only(opinion: SecondOpinion, figure: str) -> None:
    place, right = next(
        (at, each)
        for at, each in enumerate(opinion.figures)
        if (each.metric, each.figure) == ("average_ticket", figure)
    )
    assert right.why
    assert right.ours is not None

    def unexplained(ours: float) -> tuple[str, ...]:
        figures = [*opinion.figures]
        figures[place] = replace(right, ours=ours)
        found = replace(opinion, figures=tuple(figures)).unexplained
        return tuple(each.figure for each in found)

    assert unexplained(right.ours * 1.001) == ()
    wrong = right.ours / 1e6 if figure == "p_value" else right.ours * 5
    assert unexplained(wrong) == (figure,)
