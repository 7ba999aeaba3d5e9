"""Covariates within segments: slopes of the whole, where a fit of their own would be noise."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from fairlift_stats import Analysis, CannotSayCode, Mean, Rate, Summary
from scipy import stats

SPENT = Mean("spent", "revenue", covariates=("before",))
Arms = dict[str, dict[str, np.ndarray]]


def rows(rng: np.random.Generator, n: int, lift: float = 0.0) -> dict[str, np.ndarray]:
    before = rng.gamma(4, 10, n)
    return {"before": before, "revenue": (1 + lift) * (10 + before + rng.normal(0, 6, n))}


def cells(segments: dict[str, Arms]) -> dict[str, dict[str, Summary]]:
    return {
        name: {arm: Summary.from_rows(found) for arm, found in arms.items()}
        for name, arms in segments.items()
    }


def test_a_segment_is_moved_by_the_slopes_of_all_segments_together() -> None:
    rng = np.random.default_rng(1)
    arms = ("control", "b")
    segments = {
        name: {arm: rows(rng, n) for arm in arms} for name, n in (("web", 400), ("app", 20))
    }

    family = Analysis(primary=(SPENT,)).segments(cells(segments))[0]

    # Slopes by statsmodels over everybody of an arm; then the means of the small segment by hand.
    app, value = segments["app"], {}
    centre = np.concatenate([app[arm]["before"] for arm in arms]).mean()
    for arm in arms:
        whole = [
            np.concatenate([s[arm][c] for s in segments.values()]) for c in ("before", "revenue")
        ]
        slope = sm.OLS(whole[1], sm.add_constant(whole[0])).fit().params[1]
        value[arm] = app[arm]["revenue"].mean() - slope * (app[arm]["before"].mean() - centre)
    tiny = next(each for each in family.segments if each.segment == "app")
    assert tiny.raw == pytest.approx(value["b"] / value["control"] - 1, rel=1e-9)

    plain = Analysis(primary=(Mean("spent", "revenue"),)).segments(cells(segments))[0]
    assert tiny.raw_interval.width < 0.5 * plain.segments[1].raw_interval.width


def test_adjusted_segments_raise_no_more_false_alarms() -> None:
    rng = np.random.default_rng(2)
    alarms = trials = 0
    for _ in range(250):
        segments = {
            name: {arm: rows(rng, n) for arm in ("control", "b")}
            for name, n in (("web", 150), ("app", 25))
        }
        for each in Analysis(primary=(SPENT,)).segments(cells(segments))[0].segments:
            alarms, trials = alarms + (each.p_value < 0.05), trials + 1

    assert stats.binomtest(alarms, trials, 0.05).pvalue > 1e-3


def test_a_segment_where_everybody_did_it_is_named_and_spoils_no_other() -> None:
    def arms(n: int, x: int) -> dict[str, Summary]:
        return {arm: Summary.from_sums(n, {"converted": x}, {}) for arm in ("control", "b")}

    family = Analysis(primary=(Rate("r", "converted"),)).segments(
        {"web": arms(400, 40), "app": arms(300, 33), "staff": arms(9, 9)}
    )[0]

    assert [each.segment for each in family.segments] == ["web", "app"]
    assert family.left_out["staff"].reason is CannotSayCode.NO_VARIATION
    assert all(math.isfinite(each.lift) for each in family.segments)
