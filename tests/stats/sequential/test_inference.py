import math

import numpy as np
import pytest
from fairlift_stats.sequential.errors import BadLevel, BadLook, BadPlan, NoAnswer, NotANumber
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, lines
from fairlift_stats.sequential.group_sequential.estimation import (
    estimate_at_stop,
    repeated_interval,
    repeated_p_values,
    stagewise_p,
)
from fairlift_stats.sequential.group_sequential.forecast import (
    Forecast,
    conditional_exits,
    forecast,
    predictive_exits,
    shrunk_drift,
)
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from hypothesis import given, settings
from hypothesis import strategies as st

SIDE = Side(Spending("lan_demets_obf"), 0.025)
LINES = spending_boundaries(equal_times(5), upper=SIDE, lower=SIDE)


def _play(
    boundaries: Boundaries, drift: float, runs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Look (from 1) and z at which each simulated test stops."""
    rng = np.random.default_rng(seed)
    at = np.array(boundaries.times)
    step = np.diff(at, prepend=0.0)
    z = (rng.normal(drift * step, np.sqrt(step), (runs, at.size))).cumsum(axis=1) / np.sqrt(at)
    out = (z >= np.array(boundaries.upper)) | (z <= np.array(boundaries.lower))
    out[:, -1] = True
    look = out.argmax(axis=1)
    return look + 1, z[np.arange(runs), look]


@pytest.mark.parametrize("drift", [0.0, 2.8])
def test_the_stagewise_p_of_the_truth_is_uniform(drift: float) -> None:
    looks, z = _play(LINES, drift, 2000, seed=7)

    p = np.array(
        [
            stagewise_p(LINES.until(k), z=float(x), drift=drift)
            for k, x in zip(looks, z, strict=True)
        ]
    )

    # Kolmogorov-Smirnov: a distance of 1.63 / sqrt(n) has probability 1 %.
    steps = np.arange(1, p.size + 1) / p.size
    assert np.abs(np.sort(p) - steps).max() < 1.63 / math.sqrt(p.size)


def test_the_estimate_and_its_interval_invert_the_stagewise_p() -> None:
    # With the p of the truth uniform (above), this makes them median-unbiased and 95 % covering.
    drift = 2.8
    looks, z = _play(LINES, drift, 60, seed=11)

    for look, x in zip(looks, z, strict=True):
        p = stagewise_p(LINES.until(look), z=float(x), drift=drift)
        found = estimate_at_stop(LINES.until(look), z=float(x))

        assert (found.drift > drift) == (p < 0.5)
        assert (found.interval.low <= drift <= found.interval.high) == (0.025 <= p <= 0.975)


@settings(max_examples=25, deadline=None)
@given(look=st.integers(1, 4), beyond=st.floats(0.01, 2))
def test_an_early_win_is_shrunk_and_its_p_agrees_with_its_interval(
    look: int, beyond: float
) -> None:
    z = LINES.upper[look - 1] + beyond

    found = estimate_at_stop(LINES.until(look), z=z, se=0.01)

    naive = z * 0.01
    assert 0 < found.median_unbiased <= naive * 1.0001
    assert (found.p_value < 0.05) == (found.interval.low > 0)


def test_a_loss_is_a_win_in_the_mirror() -> None:
    win = estimate_at_stop(LINES.until(2), z=3.6, se=2.0)
    loss = estimate_at_stop(LINES.until(2), z=-3.6, se=2.0)

    assert loss.median_unbiased == pytest.approx(-win.median_unbiased, rel=1e-6)
    assert loss.p_value == pytest.approx(win.p_value, rel=1e-6)
    assert loss.effect_interval.high == pytest.approx(-win.effect_interval.low, rel=1e-6)


def test_without_early_looks_the_estimate_is_the_plain_one() -> None:
    found = estimate_at_stop(lines((1.0,), (1.96,), sides=2), z=2.5, se=0.2)

    assert found.median_unbiased == pytest.approx(0.5)
    assert found.effect_interval.low == pytest.approx(0.5 - 1.959964 * 0.2)
    assert found.p_value == pytest.approx(0.012419, abs=1e-6)
    one = estimate_at_stop(lines((1.0,), (1.96,), sides=1), z=2.5, sides=1)
    assert one.p_value == pytest.approx(0.0062097, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(look=st.integers(1, 5), offset=st.floats(-0.5, 0.5).filter(lambda d: abs(d) > 1e-3))
def test_a_repeated_p_is_below_alpha_exactly_beyond_the_line(look: int, offset: float) -> None:
    z = [0.1] * (look - 1) + [LINES.upper[look - 1] + offset]

    p = repeated_p_values(SIDE.spending, times=LINES.times[:look], z=z, sides=2)

    assert (p[-1] < 0.05) == (offset > 0)
    assert all(0 <= value <= 1 for value in p)


def test_a_repeated_p_has_ends() -> None:
    times = (0.5, 1.0)

    both = repeated_p_values(SIDE.spending, times=times, z=(60.0, 0.0), sides=2)
    one = repeated_p_values(SIDE.spending, times=times, z=(-60.0, -60.0), sides=1)

    assert both[0] == pytest.approx(2e-12)
    assert both[1] == 1.0
    assert one == (1.0, 1.0)


def test_a_repeated_interval_holds_zero_until_the_line_is_crossed() -> None:
    assert 0 in repeated_interval(0.3, 0.1, 3.1)
    assert 0 not in repeated_interval(0.3, 0.1, 2.9)


def test_conditional_power_starts_where_the_test_stands() -> None:
    exits = conditional_exits(LINES, [0.0, 2.8, 5.0], look=2, z=1.0)
    looks, _ = _play(LINES.after(2), 0.0, 10, seed=1)

    assert exits.power[0] < exits.power[1] < exits.power[2]
    assert looks.max() <= 3


def test_a_conditional_chance_agrees_with_simulation() -> None:
    rng = np.random.default_rng(3)
    runs, drift, at = 200_000, 2.0, np.array(LINES.times[2:])
    step = np.diff(at, prepend=LINES.times[1])
    score = 1.5 * math.sqrt(LINES.times[1]) + rng.normal(
        drift * step, np.sqrt(step), (runs, 3)
    ).cumsum(axis=1)
    up = score / np.sqrt(at) >= np.array(LINES.upper[2:])
    down = score / np.sqrt(at) <= np.array(LINES.lower[2:])
    first = (up | down).argmax(axis=1)
    won = float(up[np.arange(runs), first].mean())

    got = float(conditional_exits(LINES, [drift], look=2, z=1.5).power[0])

    assert abs(got - won) < 4 * math.sqrt(got * (1 - got) / runs)


def test_a_sure_prior_turns_the_prediction_into_the_conditional_chance() -> None:
    mean, sd = shrunk_drift(1.5, LINES.times[1], prior_mean=2.0, prior_sd=1e-6)
    up, _ = predictive_exits(LINES, look=2, z=1.5, mean=mean, sd=sd)

    assert mean == pytest.approx(2.0, abs=1e-6)
    assert up[-1] == pytest.approx(
        float(conditional_exits(LINES, [2.0], look=2, z=1.5).power[0]), abs=1e-6
    )


def test_a_forecast_names_the_first_look_with_the_chance() -> None:
    found = forecast(LINES, look=2, z=2.0, planned_drift=2.8)

    assert found.times == LINES.times[2:]
    assert found.conditional_power == pytest.approx(found.under_plan[-1])
    assert found.decided_by(0.01) == LINES.times[2]
    assert found.decided_by(1.01) is None
    assert list(found.decided) == sorted(found.decided)
    assert found.predictive_power == found.predicted[-1]


def test_nothing_ahead_is_no_chance() -> None:
    empty = Forecast((), (), (), ())

    assert empty.conditional_power == empty.predictive_power == 0.0
    assert empty.decided_by(0.5) is None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: stagewise_p(LINES, z=math.nan), NotANumber),
        (lambda: estimate_at_stop(LINES, z=1.0, se=0.0), NotANumber),
        (lambda: estimate_at_stop(LINES, z=1.0, confidence=95.0), BadLevel),
        (
            lambda: repeated_p_values(SIDE.spending, times=(1.0,), z=(math.inf,), sides=2),
            NotANumber,
        ),
        (lambda: repeated_p_values(SIDE.spending, times=(1.0,), z=(1.0,), sides=0), BadPlan),
        (lambda: conditional_exits(LINES, [0.0], look=5, z=1.0), BadLook),
        (lambda: conditional_exits(LINES, [0.0], look=0, z=1.0), BadLook),
        (lambda: conditional_exits(LINES, [0.0], look=1, z=math.nan), NotANumber),
    ],
)
def test_what_cannot_be_inferred_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("z", [3.0, 5.5, 9.0, 20.0, -8.0])
def test_a_large_z_after_a_look_without_a_line_for_success_has_its_interval(z: float) -> None:
    """Nobody stops at the first look: the second one's interval is the plain one."""
    lines = Boundaries((0.0065, 0.0075), (-8.0, -8.0), (math.inf, 1.96))

    found = estimate_at_stop(lines, z=z)

    root_t = math.sqrt(0.0075)
    if z > 0:
        assert found.interval.low * root_t == pytest.approx(z - 1.959964, abs=1e-4)
    assert found.drift * root_t == pytest.approx(z, abs=0.5 if z < 0 else 1e-4)
    assert found.interval.high * root_t == pytest.approx(z + 1.959964, abs=0.5 if z < 0 else 1e-4)


def test_a_z_beyond_all_probability_has_no_drift_and_does_not_search_for_ever() -> None:
    lines = Boundaries((0.5, 1.0), (-3.0, -2.0), (3.0, 2.0))

    with (
        pytest.raises(NoAnswer, match="drift: none makes a z as high as 400"),
        np.errstate(all="ignore"),
    ):
        estimate_at_stop(lines, z=400.0)
