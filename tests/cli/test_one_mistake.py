"""One mistake at a time: each is found by its rule and on its line, and nothing else is said."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fairlift_cli.check import check_files

FILE = Path(__file__).parent.parent / "campaigns" / "one-mistake.txt"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
CAMPAIGN = """campaign: free-shipping
display_name: Free shipping
unit: visitor
audience: cart_value >= 30 and country in ["ES", "RO"]
traffic: 80%
variants:
  - id: control
    weight: 1
    control: true
    payload: {threshold: 40}
  - id: over-50
    weight: 3
    payload: {threshold: 50, coupon: FREE50}
layer: {layer: popups, start: 0%, size: 100%}
overrides: {ana: over-50}
schedule:
  start_time: 2036-11-01T00:00:00Z
  end_time: 2036-12-20T00:00:00Z
plan:
  primary:
    - {metric: revenue_per_visitor, minimum_effect: 10%}
  guardrails:
    - {metric: conversion_rate, margin: 10%}
  secondary: [average_ticket]
  planned_units: 400000
  alpha: 0.05
  power: 0.8
  minimum_days: 7
  maximum_days: 28
  window_days: 7
  covariate_days: 28
  settle_hours: 2
  stopping: always_valid
  segments: [country, device]
  decide: weekly
  identity_policy: first_seen
attributes: {cart_value: number, country: string, device: string}
time_zone: Europe/Madrid
currency_code: EUR
labels: {team: crm}
"""
CASES = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_the_campaign_itself_has_nothing_that_is_found(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)

    assert check_files([tmp_path], now=NOW).found == ()


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_found_by_its_rule_on_its_line(case: str, tmp_path: Path) -> None:
    change, _, rules = case.rpartition(" |")
    before, _, after = change.partition(" => ")
    assert CAMPAIGN.count(f"{before}\n") == 1
    line = CAMPAIGN[: CAMPAIGN.index(f"{before}\n")].count("\n") + 1
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN.replace(f"{before}\n", f"{after}\n"))

    found = check_files([tmp_path], now=NOW).found

    named = (rule.partition("@") for rule in rules.split(" + ") if rule.strip())
    expected = sorted((int(at or line), rule.strip()) for rule, _, at in named)
    assert sorted((finding.line, finding.rule) for finding in found) == expected, found
