"""What `fairlift check --explain` says of audiences."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main

PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"
ROOT = Path(__file__).parent.parent.parent


def explain(folder: Path, *campaigns: str) -> Result:
    """Runs the command on campaigns that are called a, b, … and have these lines each."""
    for name, lines in zip("abcdefghij", campaigns, strict=False):
        variants = "variants: [{id: x, weight: 1}, {id: y, weight: 1}]"
        text = f"campaign: {name}\n{variants}\n{lines}\n{PLAN}"
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["check", "--explain", str(folder)])


def test_audience_is_said_in_words_and_in_short(tmp_path: Path) -> None:
    run = explain(tmp_path, "audience: vip and cart_value >= 30 and cart_value >= 50")

    assert run.exit_code == 0
    assert run.stdout.splitlines() == [
        "a: for vip, and cart value is at least 30, and cart value is at least 50",
        "  in short: vip and cart_value >= 50",
        "1 campaign checked: no mistakes",
    ]


def test_campaigns_that_share_visitors_are_named_with_one_of_them(tmp_path: Path) -> None:
    run = explain(
        tmp_path,
        "audience: cart_value >= 30",
        "audience: cart_value < 40 and not returning",
        "audience: cart_value < 20",
        "",
    )

    assert run.stdout.splitlines()[:4] == [
        "a: for cart value is at least 30",
        "  shares visitors with b, such as cart_value 30, returning false",
        "  shares visitors with d, such as cart_value 30",
        "b: for cart value is below 40, and not returning",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "layer: {layer: popups, start: 0%, size: 50%}",
            "layer: {layer: popups, start: 50%, size: 50%}",
        ),
        (
            "schedule: {end_time: 2026-12-01T00:00:00Z}",
            "schedule: {start_time: 2026-12-01T00:00:00Z}",
        ),
        ("audience: nobody", ""),
    ],
)
def test_campaigns_that_are_kept_apart_share_nobody(tmp_path: Path, one: str, other: str) -> None:
    run = explain(tmp_path, one, other)

    assert run.exit_code == 0
    assert "shares" not in run.stdout


def test_visitor_and_customer_are_not_kept_apart_by_a_layer(tmp_path: Path) -> None:
    run = explain(
        tmp_path,
        "layer: {layer: popups, start: 0%, size: 50%}",
        "unit: customer\nlayer: {layer: popups, start: 50%, size: 50%}",
    )

    assert run.stdout.count("shares visitors with") == 2


def test_what_cannot_be_said_is_said(tmp_path: Path) -> None:
    run = explain(
        tmp_path,
        'audience: version(app) >= "2.0.0" and version(app) < "2.0.1"',
        'audience: app contains "q" and app starts_with "z"',
    )

    assert run.exit_code == 0
    assert (
        "  cannot tell whether it shares visitors with b: "
        "app is used both as a version and as a text"
    ) in run.stdout.splitlines()


def test_of_many_campaigns_a_few_are_shown_and_all_are_named(tmp_path: Path) -> None:
    run = explain(tmp_path, *[f"audience: cart_value >= {number}" for number in range(8)])

    lines = run.stdout.splitlines()
    assert len(lines) == 8 * 7 + 1
    assert lines[1] == "  shares visitors with b, such as cart_value 1"
    assert lines[6] == "  shares visitors with g, h"


def test_mistakes_come_first_and_exit_codes_stay(tmp_path: Path) -> None:
    run = explain(tmp_path, "traffic: 200%", "audience: vip", "audience: a >= 2 and a < 1")

    assert run.exit_code == 1
    assert [line.partition(": ")[0] for line in run.stdout.splitlines()] == [
        f"{tmp_path / 'a.yaml'}:3:10",
        f"{tmp_path / 'c.yaml'}:3:1",
        "b",
        "c",
        "  in short",
    ]


@pytest.mark.parametrize("wrong", ["audience: vip ==", "audiance: vip", "variants: []"])
def test_nothing_is_said_of_a_campaign_that_cannot_be_read(tmp_path: Path, wrong: str) -> None:
    run = explain(tmp_path, wrong)

    assert len(run.stdout.splitlines()) == 1


@pytest.mark.parametrize("form", ["json", "github"])
def test_explaining_is_for_people(form: str) -> None:
    run = CliRunner().invoke(main, ["check", "--explain", "--format", form, str(ROOT / "docs")])

    assert run.exit_code == 2
    assert "--explain prints text for people" in run.stderr


def test_what_a_file_holds_cannot_reach_the_terminal(tmp_path: Path) -> None:
    run = explain(tmp_path, "audience: \"page == '\\x1b[31m'\"", "audience: exists(page)")

    assert "\x1b" not in run.output
