"""Spending functions by their published formulas, and on both sides of every bound."""

import math

import pytest
from fairlift_stats.sequential.errors import BadLevel, BadPlan, NotANumber
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from scipy import stats


@pytest.mark.parametrize("t", [1e-9, 0.2, 0.75, 1 - 1e-9])
def test_each_form_is_that_of_its_paper(t: float) -> None:
    level = 0.025

    def by(name: str, parameter: float | None = None) -> float:
        return Spending(name, parameter).spent(level, t)  # type: ignore[arg-type]  # known names

    # Lan and DeMets (1983): 2 - 2 Phi(z_{a/2} / sqrt t), and a ln(1 + (e - 1) t).
    obf = 2 * stats.norm.sf(stats.norm.isf(level / 2) / math.sqrt(t))
    assert by("lan_demets_obf") == pytest.approx(obf, rel=1e-9)
    assert by("lan_demets_pocock") == pytest.approx(level * math.log(1 + (math.e - 1) * t))
    # Hwang, Shih and DeCani (1990): a (1 - exp(-gamma t)) / (1 - exp(-gamma)), linear at 0.
    for gamma in (-4.0, -1.0, 1.0, 2.5):
        hsd = level * math.expm1(-gamma * t) / math.expm1(-gamma)
        assert by("hsd", gamma) == pytest.approx(hsd)
    assert by("hsd", 0.0) == pytest.approx(level * t)
    # Kim and DeMets (1987): a t^rho.
    assert by("power", 3.0) == pytest.approx(level * t**3)
    assert by("at_the_end") == 0.0


@pytest.mark.parametrize(
    "spending",
    [
        Spending("lan_demets_obf"),
        Spending("lan_demets_pocock"),
        Spending("hsd", -4.0),
        Spending("power", 0.5),
        Spending("at_the_end"),
    ],
    ids=lambda spending: spending.name,
)
def test_nothing_is_spent_before_the_start_and_all_at_the_end(spending: Spending) -> None:
    side = Side(spending, 0.025)

    for before in (-1.0, 0.0):
        assert side.spent(before) == 0.0
    for after in (1.0, 1.5, 2.0):
        assert side.spent(after) == 0.025
    assert side.spent_between(0.0, 1.0) == 0.025
    assert side.spent_between(0.3, 0.8) == pytest.approx(side.spent(0.8) - side.spent(0.3))


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5, math.nan])
def test_a_level_is_a_probability(level: float) -> None:
    with pytest.raises(BadLevel, match="level"):
        Side(Spending("lan_demets_obf"), level)
    with pytest.raises(BadLevel, match="level"):
        Spending("lan_demets_obf").spent(level, 1.0)


@pytest.mark.parametrize("level", [1e-9, 0.999])
def test_any_probability_may_be_spent(level: float) -> None:
    assert Side(Spending("lan_demets_obf"), level).spent(1.0) == level


def test_no_information_is_no_number() -> None:
    with pytest.raises(NotANumber, match="information"):
        Spending("hsd", -4.0).spent(0.025, math.nan)


@pytest.mark.parametrize(
    ("name", "parameter", "what"),
    [
        ("hsd", None, "needs a finite parameter"),
        ("hsd", math.inf, "needs a finite parameter"),
        ("power", None, "needs a finite parameter"),
        ("power", math.nan, "needs a finite parameter"),
        ("power", 0.0, "rho is 0.0"),
        ("power", -0.5, "rho is -0.5"),
        ("lan_demets_obf", 0.0, "takes no parameter"),
        ("lan_demets_pocock", 1.0, "takes no parameter"),
        ("at_the_end", 1.0, "takes no parameter"),
        ("late", None, "'late' is not known"),
    ],
)
def test_what_is_no_spending_function_is_refused(
    name: str, parameter: float | None, what: str
) -> None:
    with pytest.raises(BadPlan, match=what):
        Spending(name, parameter)  # type: ignore[arg-type]  # any value may be in a file


@pytest.mark.parametrize("rho", [1e-6, 0.5, 1.0])
def test_any_rho_above_zero_is_taken(rho: float) -> None:
    assert Spending("power", rho).spent(0.05, 0.25) == pytest.approx(0.05 * 0.25**rho)
