"""Every figure that docs/statistics.md prints, worked out by other means than ours."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate, optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()

# The page's two groups, as it gives them: a test below checks that it does.
OLD: dict[str, Any] = {
    "bought": [0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1], "orders": [0, 1, 0, 2, 1, 0, 0, 1, 0, 3, 0, 1],
    "revenue": [0, 40, 0, 70, 25, 0, 0, 60, 0, 90, 0, 35],
    "before": [10, 35, 0, 80, 20, 5, 0, 50, 0, 85, 10, 30],
}  # fmt: skip
NEW: dict[str, Any] = {
    "bought": [1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1], "orders": [1, 0, 1, 2, 0, 1, 0, 1, 2, 0, 0, 1],
    "revenue": [55, 0, 70, 95, 0, 50, 0, 62, 120, 0, 0, 48],
    "before": [60, 0, 55, 90, 10, 40, 0, 70, 95, 5, 0, 40],
}  # fmt: skip


def _score_p(xt: int, nt: int, xc: int, nc: int) -> float:
    """The pooled z-test, its variance with N/(N − 1) as Miettinen and Nurminen have it."""
    z, _ = proportions_ztest([xt, xc], [nt, nc])
    return float(2 * stats.norm.sf(abs(z) * math.sqrt((nt + nc - 1) / (nt + nc))))


def test_the_rows_of_the_page_are_these() -> None:
    for rows in (OLD, NEW):
        for name, values in rows.items():
            assert f'"{name}": {values}' in PAGE


def test_sums_of_a_database_have_the_variance_of_the_rows() -> None:
    assert sum(OLD["revenue"]) == 320
    assert sum(money**2 for money in OLD["revenue"]) == 20_050
    assert f"({np.var(OLD['revenue'], ddof=1):.2f}, {np.var(OLD['revenue'], ddof=1):.2f})" in PAGE


def test_five_lines_print_what_statsmodels_says() -> None:
    low, high = confint_proportions_2indep(156, 2380, 120, 2400, compare="ratio", method="score")
    p = _score_p(156, 2380, 120, 2400)

    lift = (156 / 2380) / (120 / 2400) - 1
    assert f"'{lift:+.1%} [{low - 1:+.1%}, {high - 1:+.1%}], p = {p:.4f}'" in PAGE


def test_a_control_of_zeros_has_the_lower_limit_of_the_score() -> None:
    def chi2(ratio: float) -> float:
        """Pearson's χ² at the likeliest rates whose ratio this is, found by brute force."""
        at = optimize.minimize_scalar(
            lambda p: -stats.binom.logpmf(9, 200, ratio * p) - stats.binom.logpmf(0, 200, p),
            bounds=(1e-12, 1 / ratio - 1e-12), method="bounded", options={"xatol": 1e-14},
        ).x  # fmt: skip
        variance = (ratio * at * (1 - ratio * at) + ratio**2 * at * (1 - at)) / 200 * 400 / 399
        return float((9 / 200) ** 2 / variance)

    low = optimize.brentq(lambda ratio: chi2(ratio) - stats.chi2.ppf(0.95, 1), 1.1, 10)

    assert f"('control_zero', {low - 1:.2f}, inf)" in PAGE


def test_the_means_are_what_scipy_says() -> None:
    found = stats.ttest_ind(NEW["revenue"], OLD["revenue"], equal_var=False)
    interval = found.confidence_interval()
    gap = np.mean(NEW["revenue"]) - np.mean(OLD["revenue"])

    assert f"({gap:.1f}, {interval.low:.2f}, {interval.high:.2f})" in PAGE
    assert f"\n{found.pvalue:.4f}\n" in PAGE


def test_the_ticket_is_judged_by_its_residuals_per_visitor() -> None:
    def ticket(rows: dict[str, Any]) -> tuple[float, float, int]:
        revenue, orders = np.array(rows["revenue"]), np.array(rows["orders"])
        ratio = revenue.sum() / orders.sum()
        residuals = (revenue - ratio * orders) / orders.mean()
        return ratio, residuals.var(ddof=1) / len(residuals), sum(rows["bought"])

    (control, vc, kc), (treatment, vt, kt) = ticket(OLD), ticket(NEW)
    # Welch's test of two means with these errors from as many as bought.
    errors = math.sqrt(vt * kt), math.sqrt(vc * kc)
    p = stats.ttest_ind_from_stats(
        treatment, errors[0], kt, control, errors[1], kc, equal_var=False
    ).pvalue

    assert f"({control:.2f}, {treatment:.2f}, {p:.4f})" in PAGE


def test_the_parts_of_revenue_add_up_by_hand() -> None:
    def parts(rows: dict[str, Any]) -> list[float]:
        bought, orders, revenue = (sum(rows[name]) for name in ("bought", "orders", "revenue"))
        return [bought / 12, orders / bought, revenue / orders]

    before, after = math.prod(parts(OLD)), math.prod(parts(NEW))
    logarithmic_mean = (after - before) / math.log(after / before)
    names = ("conversion", "orders per buyer", "average ticket")
    lines = [
        (name, f"{new / old - 1:+.1%}", f"{logarithmic_mean * math.log(new / old):+.2f}")
        for name, old, new in zip(names, parts(OLD), parts(NEW), strict=True)
    ]

    assert repr(lines) in PAGE
    assert sum(float(money) for *_, money in lines) == pytest.approx(after - before)


def test_the_past_takes_away_what_a_regression_with_interactions_does() -> None:
    past = np.array([*OLD["before"], *NEW["before"]], dtype=float)
    arm = np.repeat([0.0, 1.0], 12)
    centred = past - past.mean()
    design = np.column_stack([np.ones(24), arm, centred, arm * centred])
    fit = sm.OLS([*OLD["revenue"], *NEW["revenue"]], design).fit()
    kept = min(np.corrcoef(rows["revenue"], rows["before"])[0, 1] ** 2 for rows in (OLD, NEW))

    assert f"({fit.params[1]:.2f}, 'covariates removed {kept:.0%} of the variance')" in PAGE


def test_the_cap_is_the_pooled_quantile_of_those_who_spent() -> None:
    spent = [money for rows in (OLD, NEW) for money in rows["revenue"] if money]
    cap = float(np.quantile(spent, 0.9))

    assert f"({cap}, {float(np.minimum(NEW['revenue'], cap).sum())})" in PAGE


def test_the_quantile_is_woodruffs_by_hand() -> None:
    z = stats.norm.ppf(0.975)
    half = z * math.sqrt(0.9 * 0.1 / 10_000)
    assert f"[{0.9 - half:.4f}, {0.9 + half:.4f}]" in PAGE
    # Two intervals of ±2 at these ranks, put together.
    assert f"(4.0, {4 - math.hypot(2, 2):.2f}, {4 + math.hypot(2, 2):.2f})" in PAGE


def _segments() -> dict[str, tuple[float, float, int]]:
    """Log lift and variance with ½ added to each count, and visitors."""
    counts = {"phone": (262, 200, 4000), "desktop": (219, 180, 3000), "newsletter": (3, 1, 10)}
    found = {}
    for name, (xt, xc, n) in counts.items():
        variance = 1 / (xt + 0.5) + 1 / (xc + 0.5) - 2 / (n + 0.5)
        found[name] = math.log((xt + 0.5) / (xc + 0.5)), variance, 2 * n
    return found


def test_segments_are_drawn_to_where_brute_force_draws_them() -> None:
    effects = _segments()
    # All of (τ, μ) on a fine grid: half-normal and normal priors, as SegmentPrior has them.
    tau, mu = np.meshgrid(np.linspace(1e-4, 1.5, 600), np.linspace(-2, 2, 801), indexing="ij")
    weight = np.exp(-((tau / 0.25) ** 2) / 2 - (mu / 0.5) ** 2 / 2)
    for y, v, _ in effects.values():
        weight *= stats.norm.pdf(y, mu, np.sqrt(v + tau**2))

    for name, (y, v, n) in effects.items():
        drawn = (y * tau**2 + mu * v) / (tau**2 + v)
        shrunk = math.expm1(float((weight * drawn).sum() / weight.sum()))
        assert f"raw {math.expm1(y):+.0%}, shrunk {shrunk:+.0%}. {name}:" in PAGE
        distance = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.log(1.1)
        if name == "newsletter":
            needed = float(f"{n * v * distance**2:.2g}")
            assert f"would need about {needed:,.0f} visitors" in PAGE

    means, spreads = (np.array([e[i] for e in effects.values()]) for i in (0, 1))
    q = np.sum((means - np.average(means, weights=1 / spreads)) ** 2 / spreads)
    assert f"\n{stats.chi2.sf(q, 2):.2f}\n" in PAGE


def test_variants_are_adjusted_as_two_correlated_normals_are() -> None:
    lines = []
    for variant, bought in (("ten", 130), ("twenty", 138)):
        p = _score_p(bought, 2000, 100, 2000)
        z = stats.norm.isf(p / 2)
        inside = stats.multivariate_normal(cov=[[1, 0.5], [0.5, 1]]).cdf(
            [z, z], lower_limit=[-z, -z]
        )
        lines.append((variant, round(p, 4), round(float(1 - inside), 4)))

    assert repr(lines) in PAGE
    # One primary metric: Holm has nothing to add.
    assert multipletests([lines[0][2]], method="holm")[1][0] == lines[0][2]


def test_the_guardrail_holds_where_the_score_says() -> None:
    for left, holds in ((310, True), (380, False)):
        # 90 % two-sided is 95 % one-sided: is the ratio surely below 1.25?
        _, high = confint_proportions_2indep(
            left, 2000, 300, 2000, compare="ratio", method="score", alpha=0.1
        )
        assert (high < 1.25) == holds
    assert "[('ten', True), ('twenty', False)]" in PAGE


def test_the_best_of_three_is_an_integral() -> None:
    control, ten, twenty = (stats.beta(x + 0.5, 2000 - x + 0.5) for x in (100, 130, 138))

    def whole(density: Callable[[float], float], low: float = 0.02) -> float:
        peaks = [0.05, 0.065, 0.07]
        return float(integrate.quad(density, low, 0.12, points=peaks, epsabs=1e-13, limit=200)[0])

    best = whole(lambda p: twenty.pdf(p) * control.cdf(p) * ten.cdf(p))
    better = whole(lambda p: twenty.pdf(p) * control.cdf(p))
    # E[max] = ∫ P(max > p), and all three lie below 0.12.
    most = whole(lambda p: 1 - control.cdf(p) * ten.cdf(p) * twenty.cdf(p), low=0.0)
    loss = (most - twenty.mean()) / control.mean()

    assert f"({best:.3f}, {better:.4f}, '{loss:.2%}')" in PAGE


def test_the_sizes_are_those_of_the_textbook() -> None:
    def size(alpha_z: float) -> float:
        pooled = math.sqrt(2 * 0.055 * 0.945)
        own = math.sqrt(0.05 * 0.95 + 0.06 * 0.94)
        return ((alpha_z * pooled + stats.norm.ppf(0.8) * own) / 0.01) ** 2

    joint = stats.multivariate_normal(cov=[[1, 0.5], [0.5, 1]])
    dunnett = optimize.brentq(
        lambda c: float(joint.cdf([c, c], lower_limit=[-c, -c])) - 0.95, 2, 2.5
    )

    assert f"({size(stats.norm.ppf(0.975)):.0f}, {size(dunnett):.0f})" in PAGE
    # 16,316 visitors: more than 14,200 after three weeks, no more than 17,400 after four.
    assert "weeks\n4\n" in PAGE


def test_the_split_is_what_scipy_says() -> None:
    p = stats.chisquare([8_300, 7_900]).pvalue

    assert f"({p:.4f}, {p < 0.001})" in PAGE


def test_the_lines_of_the_looks_are_the_published_ones() -> None:
    # Reboussin, DeMets, Kim & Lan (2000): O'Brien-Fleming spending, five looks, two-sided 0.05.
    published = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]

    assert repr([round(line, 3) for line in published]) in PAGE
