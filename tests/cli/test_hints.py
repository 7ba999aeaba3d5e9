"""What an error or a warning suggests is what the writer most likely meant."""

from pathlib import Path

import pytest
from fairlift_cli.check import check_files

CAMPAIGN = """campaign: x
{line}
plan:
  primary: {{metric: conversion_rate, minimum_effect: 5%}}
  secondary: coupon_redemption_rate
  {plan}
"""
VARIANTS = "variants: [{id: a}, {id: b, payload: {coupon: B}}]"
UNITS = "planned_units: 40000"


def said(folder: Path, *, line: str = "", plan: str = UNITS) -> list[str]:
    """The sentences of all findings in one campaign."""
    if "variants:" not in line:
        line = f"{line}\n{VARIANTS}"
    (folder / "campaign.yaml").write_text(CAMPAIGN.format(line=line, plan=plan))
    return [finding.sentence for finding in check_files([folder / "campaign.yaml"]).found]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("traffic: 0.8", "traffic is 0.8, must be a percentage such as 50%; did you mean 80%?"),
        ("traffic: 80", "traffic is 80, must be a percentage such as 50%; did you mean 80%?"),
        ("traffic: 1", "traffic is 1, must be a percentage such as 50%; did you mean 100%, or 1%?"),
        ("traffic: 8000", "traffic is 8000, must be a percentage such as 50%"),
        ("audience: vip == True", 'audience "True" is not a value; did you mean true?'),
    ],
)
def test_a_value_is_shown_as_it_is_written(tmp_path: Path, line: str, sentence: str) -> None:
    assert said(tmp_path, line=line) == [sentence]


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            'planned_units: "40000"',
            'plan.planned_units is "40000", must be a whole number; remove the quotes',
        ),
        ("planned_units: 0.5", "plan.planned_units is 0.5, must be a whole number"),
        (
            f'{UNITS}\n  alpha: "0.05"',
            'plan.alpha is "0.05", must be a number; remove the quotes',
        ),
    ],
)
def test_a_number_in_quotes_is_told_from_a_wrong_number(
    tmp_path: Path, plan: str, sentence: str
) -> None:
    assert said(tmp_path, plan=plan) == [sentence]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("{coupon: 12345}", "the coupon of b is a number"),
        ("{box: {size: 2, coupon: B}}", "the box.coupon of b lies too deep"),
        ("{coupon: {code: B}}", "the coupon of b is a mapping"),
        ('{coupon: ""}', "no variant has a coupon"),
    ],
)
def test_a_coupon_in_another_form_is_not_called_missing(
    tmp_path: Path, payload: str, reason: str
) -> None:
    (sentence,) = said(tmp_path, line=f"variants: [{{id: a}}, {{id: b, payload: {payload}}}]")

    assert reason in sentence


def test_a_required_label_that_is_empty_is_told_from_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text("labels: [owner]\n")

    (empty,) = said(tmp_path, line='labels: {owner: ""}')
    (missing,) = said(tmp_path, line="labels: {team: crm}")

    assert empty.startswith("labels.owner is empty")
    assert missing.startswith("labels has no owner")
