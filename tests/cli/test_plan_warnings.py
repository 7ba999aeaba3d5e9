"""Warnings of `fairlift check`: a plan that is valid, and yet hardly meant so."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_files

CAMPAIGN = """campaign: summer
variants: [{id: control}, {id: banner, payload: {coupon: SUMMER}}]
"""
PLAN = (
    "plan:\n  primary: {metric: revenue_per_visitor, minimum_effect: 5%}\n  planned_units: 40000\n"
)


def warnings_of(folder: Path, text: str) -> list[str]:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    checked = check_files([path])
    assert checked.findings == ()
    return [warning.sentence for warning in checked.warnings]


def test_an_ordinary_plan_has_no_warning(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, CAMPAIGN + PLAN) == []


def test_a_campaign_without_a_plan_cannot_start(tmp_path: Path) -> None:
    (found,) = warnings_of(tmp_path, CAMPAIGN)

    assert found.startswith("plan is missing: without one the campaign cannot start")


@pytest.mark.parametrize(
    ("effect", "says"),
    [("5", "is a change of 500%,"), ("99%", ""), ("100%", "is a change of 100%,")],
)
def test_an_effect_of_five_hundred_per_cent_is_asked_about(
    tmp_path: Path, effect: str, says: str
) -> None:
    found = warnings_of(tmp_path, CAMPAIGN + PLAN.replace("5%", effect))

    assert bool(found) == bool(says)
    assert all(w.startswith(f"plan.primary[0].minimum_effect {says}") for w in found)


@pytest.mark.parametrize(
    ("metric", "more", "is_warned"),
    [
        ("clv_90", "", True),
        ("clv_28", "", True),
        ("clv_27", "", False),
        ("clv_90", "  maximum_days: 91\n", False),
        ("retention_d7_30", "", True),
        ("retention_d7_14", "", False),
        ("revenue_per_visitor", "  window_days: 28\n", True),
        ("revenue_per_visitor", "  window_days: 14\n", False),
    ],
)
def test_a_window_that_outlasts_the_plan_is_said(
    tmp_path: Path, metric: str, more: str, is_warned: bool
) -> None:
    found = warnings_of(tmp_path, CAMPAIGN + PLAN.replace("revenue_per_visitor", metric) + more)

    assert bool(found) == is_warned
    place = "plan.window_days is 28, for " if more else "plan.primary[0].metric is "
    assert all(w.startswith(f"{place}{metric}: a visitor") for w in found)


def test_the_day_of_the_first_decision_is_named(tmp_path: Path) -> None:
    (found,) = warnings_of(tmp_path, CAMPAIGN + PLAN.replace("revenue_per_visitor", "clv_90"))

    # 90 days for the first visitors, and the week that a decision needs.
    assert "nothing is decided before day 97" in found


def test_deciding_daily_is_said_to_mix_weekdays(tmp_path: Path) -> None:
    (found,) = warnings_of(tmp_path, f"{CAMPAIGN}{PLAN}  decide: daily\n")

    assert found.startswith("plan.decide is daily: the days before a decision need not be whole")


@pytest.mark.parametrize(
    ("metric", "more", "is_warned"),
    [
        ("average_ticket", "", True),
        ("items_per_order", "", True),
        ("average_ticket", "  guardrails: {metric: revenue_per_visitor, margin: 20%}\n", False),
        ("average_ticket", "  guardrails: {metric: conversion_rate, margin: 20%}\n", True),
        ("conversion_rate", "", False),
    ],
)
def test_a_plan_that_ships_on_buyers_alone_is_said(
    tmp_path: Path, metric: str, more: str, is_warned: bool
) -> None:
    found = warnings_of(tmp_path, CAMPAIGN + PLAN.replace("revenue_per_visitor", metric) + more)

    assert bool(found) == is_warned
    assert all("looks at buyers only" in w for w in found)


@pytest.mark.parametrize(("margin", "is_warned"), [("4.4%", True), ("4.5%", False)])
def test_a_margin_below_two_and_a_half_standard_errors_is_said(
    tmp_path: Path, margin: str, is_warned: bool
) -> None:
    # Planned for 5 %: (z_.975 + z_.8) = 2.8016 standard errors; 2.5 of them are 4.46 %.
    rail = f"  guardrails: {{metric: conversion_rate, margin: {margin}}}\n"
    found = warnings_of(tmp_path, CAMPAIGN + PLAN + rail)

    assert bool(found) == is_warned
    assert all("a margin needs 4.5% or more units" in w for w in found)
    absolute = "  guardrails: {metric: coupon_cost_per_visitor, absolute_margin: 0.60}\n"
    assert warnings_of(tmp_path, CAMPAIGN + PLAN + absolute) == []


@pytest.mark.parametrize(
    ("metric", "is_warned"),
    [("profit_per_visitor", True), ("nps", True), ("net_revenue_per_visitor", False)],
)
def test_a_share_of_what_may_be_below_zero_is_asked_about_before_the_start(
    tmp_path: Path, metric: str, is_warned: bool
) -> None:
    """A shop that loses money has no "10 % less profit": the guardrail would never be judged."""
    relative = f"  guardrails: {{metric: {metric}, margin: 10%}}\n"
    absolute = f"  guardrails: {{metric: {metric}, absolute_margin: 0.10}}\n"
    found = warnings_of(tmp_path, CAMPAIGN + PLAN + relative)

    assert bool(found) == is_warned
    assert all("plan.guardrails[0].margin is 10% of the control" in w for w in found)
    assert all("say absolute_margin" in w for w in found)
    assert warnings_of(tmp_path, CAMPAIGN + PLAN + absolute) == []


def test_customers_whose_orders_may_come_at_night_are_asked_about(tmp_path: Path) -> None:
    of_customers = f"unit: customer\n{CAMPAIGN}{PLAN}"
    (found,) = warnings_of(tmp_path, of_customers)

    assert found.startswith("plan.settle_hours is 2: if orders are imported at night")
    assert warnings_of(tmp_path, f"{of_customers}  settle_hours: 30\n") == []


def test_warnings_are_printed_in_each_form_and_refuse_nothing(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(f"{CAMPAIGN}{PLAN}  decide: daily\n", encoding="utf-8")

    text, json, github = (
        CliRunner().invoke(main, ["check", str(path), "--format", form])
        for form in ("text", "json", "github")
    )

    assert [run.exit_code for run in (text, json, github)] == [0, 0, 0]
    assert f"{path}:6:3: warning FL513: plan.decide is daily" in text.stdout
    assert "1 campaign checked: no mistakes, 1 warning" in text.output
    assert '"warnings": 1,' in json.stdout
    assert '"level": "warning"' in json.stdout
    assert github.stdout.startswith("::warning file=")


def test_a_coupon_s_cost_beside_a_control_without_one_needs_an_absolute_margin(
    tmp_path: Path,
) -> None:
    path = tmp_path / "campaign.yaml"
    rail = "  guardrails: {metric: coupon_cost_per_visitor, margin: 10%}\n"
    path.write_text(CAMPAIGN + PLAN + rail, encoding="utf-8")

    (found,) = check_files([path]).findings

    assert found.field == "plan.guardrails[0].margin"
    assert "say absolute_margin" in found.message


def test_mistakes_in_an_audience_are_found_beside_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(
        "campaign: summer\n"
        'audience: country == "ES" and country == "FR" and ages > 18\n'
        "attributes: {country: string, age: number}\n"
        "variants: [{id: a, weight: 0}, {id: b}]\n",
        encoding="utf-8",
    )

    found = [finding.sentence for finding in check_files([path]).findings]

    assert any(sentence.startswith("variants[0].weight is 0") for sentence in found)
    assert any("can never match a visitor" in sentence for sentence in found)
    assert any("did you mean age?" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("audience", "units", "is_warned"),
    # Of a rate p the square of the deviation over the mean is (1 - p) / p: 1 at 50 %, 1/19 at 95 %.
    # Two equal variants, 5 % more, level .05 and power .8 as planned: 4 × 7.85 ÷ .05² × that.
    [("", 12_000, True), ("", 13_000, False), ("audience: in_checkout\n", 600, True),
     ("audience: in_checkout\n", 700, False)],
)  # fmt: skip
def test_units_that_no_shop_could_conclude_with_are_said(
    tmp_path: Path, audience: str, units: int, is_warned: bool
) -> None:
    text = "\n".join(
        [
            "campaign: popup",
            "attributes: {in_checkout: bool}" if audience else "",
            audience,
            "variants: [{id: control}, {id: popup}]",
            "plan:",
            "  primary: [{metric: conversion_rate, minimum_effect: 5%}]",
            f"  planned_units: {units}",
            "  maximum_days: 28",
        ]
    )

    found = [said for said in warnings_of(tmp_path, text) if said.startswith("plan.planned_units")]

    assert bool(found) == is_warned
