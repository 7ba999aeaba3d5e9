"""What only a server can refuse comes back with its file, its line and its campaign."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main

ROOT = Path(__file__).parent.parent.parent
PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"


@pytest.fixture
def apply(address: str) -> Callable[..., Result]:
    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["apply", "--server", address, *words])

    return run


def write(path: Path, name: str, *lines: str) -> str:
    path.write_text("\n".join(["# a comment", f"campaign: {name}", *lines, PLAN]))
    return str(path)


VARIANTS = "variants: [{id: a}, {id: b}]"


def test_each_refusal_is_told_at_its_line(apply: Callable[..., Result], tmp_path: Path) -> None:
    write(tmp_path / "one.yaml", "refused-one", VARIANTS, "currency_code: USD")
    write(
        tmp_path / "two.yaml", "refused-two", VARIANTS,
        "prerequisites:", "  - {variants: [a], campaign: refused-nowhere}",
    )  # fmt: skip

    run = apply(str(tmp_path / "one.yaml"))
    other = apply(str(tmp_path / "two.yaml"))

    assert run.exit_code == other.exit_code == 1
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    assert f"{one}:4:1: error FL705: currency_code is USD, must be the shop's own" in run.stderr
    assert "(campaign refused-one)" in run.stderr
    assert f"{two}:5:21: error FL705: prerequisites[0].campaign 'refused-nowhere'" in other.stderr
    assert "Nothing was applied." in run.stderr


def test_the_campaign_of_a_set_is_the_one_that_is_meant(
    apply: Callable[..., Result], tmp_path: Path
) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.yaml", f"refused-set-{number}", VARIANTS)
    write(tmp_path / "2.yaml", "refused-set-2", VARIANTS, "currency_code: USD")

    run = apply(str(tmp_path))

    assert run.exit_code == 1
    assert f"{tmp_path / '2.yaml'}:4:1: error FL705" in run.stderr
    assert run.stderr.count("FL705") == 1


def test_all_campaigns_that_are_refused_are_told_at_once(
    apply: Callable[..., Result], tmp_path: Path
) -> None:
    write(tmp_path / "a.yaml", "refused-all-a", VARIANTS, "currency_code: USD")
    write(tmp_path / "b.yaml", "refused-all-b", VARIANTS)
    write(tmp_path / "c.yaml", "refused-all-c", "currency_code: CHF", VARIANTS)

    run = apply(str(tmp_path))

    places = [line.partition(": ")[0] for line in run.stderr.splitlines() if "FL705" in line]
    assert places == [f"{tmp_path / 'a.yaml'}:4:1", f"{tmp_path / 'c.yaml'}:3:1"]


def test_a_change_that_a_running_campaign_does_not_allow_is_told_at_its_line(
    apply: Callable[..., Result], tmp_path: Path, address: str
) -> None:
    path = tmp_path / "running.yaml"
    apply("--dry-run", write(path, "refused-change", VARIANTS))
    assert CliRunner().invoke(main, ["apply", "--server", address, str(path)]).exit_code == 0
    CliRunner().invoke(main, ["start", "--server", address, "refused-change"])

    run = apply(write(path, "refused-change", VARIANTS, "time_zone: Europe/Madrid"))

    assert run.exit_code == 1
    assert f"{path}:4:1: error FL705: time_zone is Europe/Madrid, and" in run.stderr


def test_the_example_of_the_page_is_applied_whatever_the_order_of_its_files(
    apply: Callable[..., Result], tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "campaigns.md").read_text()
    example = next(block for block in page.split("```yaml\n") if "new-checkout" in block)
    first, second = example.partition("```")[0].split("---\n")
    # The campaign that requires the other one comes first.
    (tmp_path / "a.yaml").write_text(second)
    (tmp_path / "b.yaml").write_text(first)

    run = apply(str(tmp_path))

    assert run.exit_code == 0, run.output
    rows = [line.split()[:2] for line in run.output.splitlines()]
    assert ["one-click", "new"] in rows
    assert ["new-checkout", "new"] in rows
