"""Means and ratios per arm, plain and adjusted, against regressions on the rows."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from fairlift_stats import Mean, Rate, Ratio, Summary
from fairlift_stats.data.moments import stack
from fairlift_stats.methods.delta_method import Estimates, estimates

from tests.stats.strategies import shop

Arms = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def arms() -> Arms:
    return shop(4000, conversion=0.4, sigma=0.3, seed=1), shop(
        3000, conversion=0.4, sigma=0.3, ticket=70, seed=2
    )


def _estimates(arms: Arms, metric: Rate | Mean | Ratio, **how: Any) -> Estimates:
    moments = stack([Summary.from_rows(rows) for rows in arms], metric.columns)
    return estimates(moments, metric, **how)


def test_ticket_agrees_with_a_regression_of_orders_clustered_by_visitor(arms: Arms) -> None:
    found = _estimates(arms, Ratio("ticket", "revenue", "orders"))

    for arm, rows in enumerate(arms):
        # One row an order; the visitor's orders share what the visitor spent.
        orders = rows["orders"]
        visitor = np.repeat(np.arange(len(orders)), orders)
        each = np.repeat(rows["revenue"] / np.maximum(orders, 1), orders)
        fit = sm.OLS(each, np.ones(len(each))).fit(
            cov_type="cluster", cov_kwds={"groups": visitor, "use_correction": False}
        )
        n = len(orders)
        assert found.value[arm] == pytest.approx(fit.params[0])
        assert found.variance[arm] == pytest.approx(fit.bse[0] ** 2 * n / (n - 1))


def test_ticket_counts_its_buyers_when_it_knows_them(arms: Arms) -> None:
    found = _estimates(arms, Ratio("ticket", "revenue", "orders", buyers="converted"))

    assert found.units.tolist() == [rows["converted"].sum() for rows in arms]


def test_adjusting_by_arm_is_lins_regression_with_interactions(arms: Arms) -> None:
    covariates = ("pre_revenue", "pre_orders")
    found = _estimates(arms, Mean("rpv", "revenue", covariates=covariates))

    y = np.concatenate([rows["revenue"] for rows in arms])
    x = np.column_stack([np.concatenate([rows[c] for rows in arms]) for c in covariates])
    treated = np.repeat([0.0, 1.0], [len(rows["revenue"]) for rows in arms])
    centred = x - x.mean(axis=0)
    design = np.column_stack([np.ones(len(y)), treated, centred, centred * treated[:, None]])
    fit = sm.OLS(y, design).fit(cov_type="HC2")
    assert found.value[1] - found.value[0] == pytest.approx(fit.params[1])
    assert found.slopes[0] == pytest.approx(fit.params[2:4])
    # Regression takes the covariates' mean as known; ours pays for it, and by little.
    ours = found.variance.sum() - 2 * found.with_control[1]
    assert ours == pytest.approx(fit.bse[1] ** 2, rel=0.02)


def test_adjusting_takes_away_what_the_past_explains(arms: Arms) -> None:
    plain = _estimates(arms, Mean("rpv", "revenue"))
    adjusted = _estimates(arms, Mean("rpv", "revenue", covariates=("pre_revenue",)))

    correlation = [np.corrcoef(rows["revenue"], rows["pre_revenue"])[0, 1] for rows in arms]
    assert adjusted.reduction == pytest.approx(np.square(correlation), rel=1e-9)
    assert (adjusted.variance < plain.variance).all()


def test_pooled_slope_is_that_of_all_units_together(arms: Arms) -> None:
    found = _estimates(arms, Mean("rpv", "revenue", covariates=("pre_revenue",)), how="pooled")

    y = np.concatenate([rows["revenue"] for rows in arms])
    x = np.concatenate([rows["pre_revenue"] for rows in arms])
    slope = np.cov(y, x)[0, 1] / x.var(ddof=1)
    assert found.slopes.ravel() == pytest.approx([slope, slope])


def test_ratio_is_adjusted_by_the_ratio_of_the_past(arms: Arms) -> None:
    metric = Ratio("ticket", "revenue", "orders", covariates=(("pre_revenue", "pre_orders"),))

    found = _estimates(arms, metric)

    assert found.slopes.shape == (2, 1)
    assert ((found.reduction > 0) & (found.reduction < 1)).all()


def test_covariates_that_repeat_or_never_vary_are_let_go(arms: Arms) -> None:
    more = tuple({**rows, "same": rows["pre_revenue"] * 2, "one": np.ones(len(rows["orders"]))}
                 for rows in arms)  # fmt: skip
    once = _estimates(arms, Mean("rpv", "revenue", covariates=("pre_revenue",)))

    thrice = _estimates(
        more,  # type: ignore[arg-type]
        Mean("rpv", "revenue", covariates=("pre_revenue", "same", "one")),
    )

    assert thrice.value == pytest.approx(once.value)
    assert thrice.variance == pytest.approx(once.variance)


def test_a_missing_past_is_imputed_with_an_indicator(arms: Arms) -> None:
    rng = np.random.default_rng(5)
    known = tuple(
        {
            **rows,
            "unknown": (missing := (rng.random(len(rows["orders"])) < 0.4).astype(int)),
            "pre_revenue": rows["pre_revenue"] * (1 - missing),
        }
        for rows in arms
    )

    found = _estimates(
        known,  # type: ignore[arg-type]
        Mean("rpv", "revenue", covariates=("pre_revenue", "unknown")),
    )

    assert (found.reduction > 0).all()


def test_a_past_without_variance_changes_nothing(arms: Arms) -> None:
    flat = tuple({**rows, "revenue": np.full(len(rows["orders"]), 3.0)} for rows in arms)

    found = _estimates(flat, Mean("rpv", "revenue", covariates=("pre_revenue",)))  # type: ignore[arg-type]

    assert found.value == pytest.approx([3.0, 3.0])
    assert found.reduction.tolist() == [0.0, 0.0]
