"""The dates of a forecast against campaigns that are played on from where the data stand."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Outlook
from fairlift_stats.verdict.outlook import no_outlook_of, outlook_of

from tests.stats.verdict.standings import evidence, look, plan, standings

PATHS = 40_000
# By chance one check of 40,000 in a million lies further away.
FAR = 4.9
SE, CONTROL = 0.001, 0.03


def seen(z: float, **changes: Any) -> tuple[SequentialPlan, Outlook]:
    """A campaign of 1,000 units a day at the end of its second week."""
    made = plan(**changes)
    looks = [look(made, day, evidence(z, 1_000 * day, se=SE)) for day in (7, 14)]
    found = outlook_of(made, standings(made, looks))
    assert found is not None
    return made, found


def played(made: SequentialPlan, outlook: Outlook, z: float) -> tuple[list[float], list[float]]:
    """By look, the shares of campaigns that had won, and that were decided, by then.

    A score B(t) = z sqrt(t) goes on with the drift of a normal posterior: a flat prior, or one of
    which the lift has the plan's deviation.
    """
    rng = np.random.default_rng(20_261_130)
    now = 0.5  # 14,000 of 28,000 units
    precision = now
    if made.prior_sd is not None:
        precision += (made.prior_sd * CONTROL / (SE * math.sqrt(now))) ** -2
    score = np.full(PATHS, z * math.sqrt(now))
    drift = rng.normal(z * math.sqrt(now) / precision, precision**-0.5, PATHS)
    open_, won = np.ones(PATHS, bool), np.zeros(PATHS, bool)
    shares: tuple[list[float], list[float]] = ([], [])
    before = now
    for ahead in outlook.looks:
        step = ahead.information - before
        score = score + drift * step + rng.normal(0, math.sqrt(step), PATHS)
        before = ahead.information
        reached = score / math.sqrt(before)
        line = ahead.line
        up = open_ & (reached >= (math.inf if line.success is None else line.success))
        low = max(-math.inf if each is None else each for each in (line.harm, line.give_up))
        down = open_ & ~up & (reached < low)
        won |= up
        open_ &= ~(up | down)
        shares[0].append(float(won.mean()))
        shares[1].append(float(1 - open_.mean()))
    return shares


@pytest.mark.parametrize("z", [-0.3, 1.2, 2.0])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"futility": None},
        {"prior_sd": None},
        {"engine": "always_valid"},
        {"engine": "always_valid", "prior_sd": None},
        {"engine": "yeast"},
        {"engine": "fixed"},
    ],
    ids=str,
)
def test_played_on_as_many_campaigns_are_decided_as_was_forecast(
    changes: dict[str, Any], z: float
) -> None:
    made, outlook = seen(z, **changes)

    won, decided = played(made, outlook, z)

    for ahead, *shares in zip(outlook.looks, won, decided, strict=True):
        for told, share in zip((ahead.won, ahead.decided), shares, strict=True):
            spread = math.sqrt(max(told * (1 - told), 1e-4) / PATHS)
            assert share == pytest.approx(told, abs=FAR * spread)
    # The dates are the first at which so many were decided.
    for chance, day in zip((0.2, 0.5, 0.8), outlook.days, strict=True):
        first = next((a.at for a, s in zip(outlook.looks, decided, strict=True) if s >= chance), "")
        near = min(abs(share - chance) for share in decided)
        assert near < 0.01 or first == (day or "")


def test_lines_of_an_always_valid_plan_have_a_closed_form() -> None:
    """Howard et al. (2021): z = sqrt((1 + 1/r)(2 ln(1/a) + ln(1 + r))), r = 8.2120 t at a = 5 %."""
    _, outlook = seen(1.0, engine="always_valid")

    for ahead in outlook.looks:
        r = 8.2120 * ahead.information
        line = math.sqrt((1 + 1 / r) * (2 * math.log(20) + math.log1p(r)))
        assert ahead.line.success == pytest.approx(line, abs=1e-4)
        assert ahead.line.give_up is None


def test_a_forecast_goes_by_the_traffic_of_the_last_week() -> None:
    """Twice the visitors in the second week: the third week has as many as it."""
    made = plan(window_days=0)
    first = look(made, 7, evidence(1.0, 7_000))
    second = look(made, 14, evidence(1.0, 21_000))
    more = tuple(type(count)(count.arm, 10_500, 10_500, 10_500) for count in second.counts)
    faster = type(second)(second.at, 14, more, second.evidence)

    found = outlook_of(made, standings(made, [first, faster]))

    assert found is not None
    assert found.traffic.weekly == 14_000
    # 21,000 and a week of 14,000 are more than the 28,000 of the plan.
    assert [ahead.information for ahead in found.looks] == pytest.approx([1.25])
    assert found.end == found.looks[-1].at == "2026-11-22"


def test_without_visitors_in_the_last_week_there_are_no_dates() -> None:
    made = plan()
    looks = [
        type(one)(one.at, day, look(made, 7).counts, one.evidence)
        for day in (7, 14)
        for one in [look(made, day, evidence(1.0, 7_000))]
    ]
    seen_ = standings(made, looks)

    assert outlook_of(made, seen_) is None
    assert no_outlook_of(made, seen_) == "no_traffic"


def test_after_the_last_look_there_is_nothing_to_forecast() -> None:
    made = plan()
    looks = [look(made, day, evidence(1.0, 1_000 * day)) for day in (7, 14, 28)]

    assert outlook_of(made, standings(made, looks)) is None
