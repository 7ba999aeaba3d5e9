"""Every rule has a page whose examples are so: the bad one breaks it, the good one does not."""

import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift.engine.audience import MAX_CONDITION_DEPTH, MAX_LIST, MAX_NODES
from fairlift.engine.campaign import MAX_OVERRIDES, MAX_PAYLOAD, MAX_VARIANTS, MAX_WEIGHT
from fairlift.engine.prerequisites import MAX_CHAIN
from fairlift_cli import conclusions, rule_of_violation
from fairlift_cli.__main__ import main
from fairlift_cli.check import CheckResult, check_files
from fairlift_cli.checks import guardrail_checks, plan_checks, precision, variant_checks
from fairlift_cli.checks.precision import MARGIN_ERRORS
from fairlift_cli.rule_of_violation import UNLISTED
from fairlift_cli.rules import PAGE, Level, rules
from fairlift_cli.yaml_tree import MAX_VALUES, MAX_YAML_DEPTH

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "clients" / "fairlift_cli"
# Their examples would be as long as their limits, or no text at all, or need a server.
WITHOUT_EXAMPLES = {"FL103", "FL110", "FL200", "FL208", "FL211", "FL214", "FL705", "FL706", "FL801"}
WITH_EXAMPLES = [rule for rule in rules() if rule not in WITHOUT_EXAMPLES]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
BESIDE = ("fairlift.yaml", "metrics.yaml", "audiences.yaml", "traffic.yaml")
PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"


def examples(rule: str, kind: str) -> list[str]:
    """The YAML blocks below `Bad:` or `Good:`."""
    part = rules()[rule].page.partition(f"{kind}:\n")[2].partition("Good:\n")[0]
    return re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)


def checked(folder: Path, blocks: list[str]) -> CheckResult:
    """What `check` finds in a folder with these examples, completed to whole campaigns."""
    for block in blocks:
        first, _, rest = block.partition("\n")
        name = first.removeprefix("# ")
        if name in BESIDE:
            (folder / name).write_text(rest)
        elif name == "whole file":
            (folder / "campaign.yaml").write_text(rest)
        else:
            whole = "---\n".join(completed(block))
            (folder / "campaign.yaml").write_text(whole)
    return check_files([folder], now=NOW)


def completed(block: str) -> Iterator[str]:
    documents = block.split("---\n")
    for document in documents:
        keys = {line.partition(":")[0] for line in document.splitlines() if line[:1].isalpha()}
        if "campaign" not in keys:
            document = f"campaign: example\n{document}"
        if "variants" not in keys:
            document += "variants: [{id: control}, {id: new}]\n"
        # Two campaigns without a plan are what FL501 shows.
        if "plan" not in keys and not (len(documents) == 2 and "{id: wheel}]" in block):
            document += PLAN
        yield document


@pytest.mark.parametrize("rule", WITH_EXAMPLES)
def test_a_bad_example_breaks_its_rule(rule: str, tmp_path: Path) -> None:
    found = checked(tmp_path, examples(rule, "Bad")).found

    assert rule in {finding.rule for finding in found}, "\n".join(map(str, found))


@pytest.mark.parametrize("rule", WITH_EXAMPLES)
def test_a_good_example_breaks_neither_its_rule_nor_one_that_is_an_error(
    rule: str, tmp_path: Path
) -> None:
    result = checked(tmp_path, examples(rule, "Good"))

    assert result.findings == ()
    assert rule not in {finding.rule for finding in result.found}


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.id)
def test_a_page_says_why(rule) -> None:  # type: ignore[no-untyped-def]  # a rule
    reason = rule.page.partition("Bad:")[0]

    assert 20 < len(reason) < 600
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert not (rule.is_fixed and rule.level is not Level.ERROR)


def test_every_rule_of_the_program_has_a_page_and_is_used() -> None:
    used = {
        rule
        for path in PACKAGE.rglob("*.py")
        if path.name != "rules.py"
        for rule in re.findall(r'"(FL\d{3})"', path.read_text())
    }

    assert used == set(rules())


def test_the_document_is_the_page() -> None:
    # `make rules` writes it.
    assert (ROOT / "docs" / "rules.md").read_text() == PAGE.read_text()


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        ("FL103", f"{MAX_VALUES:,} values and {MAX_YAML_DEPTH} levels"),
        ("FL203", f"at {100 * variant_checks._LEAST_SHARE:g} %, where this rule begins"),
        ("FL204", f"2 to {MAX_VARIANTS} variants"),
        ("FL206", f"from 1 to {MAX_WEIGHT:,}"),
        ("FL208", f"at most {MAX_PAYLOAD // 1024} KB"),
        ("FL215", f"at most {MAX_OVERRIDES:,}"),
        (
            "FL306",
            f"{MAX_NODES} conditions and {MAX_CONDITION_DEPTH} levels, a list {MAX_LIST:,} values",
        ),
        ("FL407", f"at most {MAX_CHAIN} campaigns"),
        ("FL504", f"from {100 * plan_checks._LARGEST_EFFECT:g} % on"),
        ("FL510", f"is {MARGIN_ERRORS:g} standard errors"),
        ("FL515", f"{plan_checks._USUAL_SETTLE_HOURS} hours are for"),
        ("FL515", f"are {plan_checks._NIGHTLY_SETTLE_HOURS}."),
        ("FL518", f"Above {plan_checks._LARGEST_ALPHA:g},"),
        ("FL533", f"Below {plan_checks._LEAST_POWER:g} "),
        ("FL519", f"at {plan_checks._UNEVEN} to 1, where this rule begins"),
        ("FL521", f"with {100 * plan_checks._LARGEST_PRIOR_SD:g} %, where this rule begins"),
        ("FL528", f"{100 * guardrail_checks._LARGEST_MARGIN:g} % or more, where this rule begins"),
        ("FL531", f"{100 * precision._HIGHEST_OF_AUDIENCE:g} of 100 with an audience"),
        ("FL531", f"a correlation of {precision._HIGHEST_CORRELATION:g}"),
        ("FL601", f"less than {100 * (conclusions._TOLERANCE - 1):.0f} % is not told"),
    ],
)
def test_a_page_gives_the_number_of_its_rule(rule: str, limit: str) -> None:
    assert limit in " ".join(rules()[rule].page.split())


def test_explain_prints_the_page_of_one_rule() -> None:
    run = CliRunner().invoke(main, ["explain", "fl203"])

    assert run.exit_code == 0
    assert run.output.startswith("FL203: A variant that hardly anybody gets (warning)\n\nA ")
    assert run.output.strip().endswith("```")
    assert "FL204" not in run.output


def test_explain_without_a_rule_lists_all() -> None:
    run = CliRunner().invoke(main, ["explain"])

    assert [line[:5] for line in run.output.splitlines()] == list(rules())


def test_explain_of_no_rule_is_wrong_usage() -> None:
    run = CliRunner().invoke(main, ["explain", "FL999"])

    assert run.exit_code == 2
    assert "FL999 is not a rule" in run.stderr


def test_no_violation_that_is_known_lacks_a_rule() -> None:
    bad = ROOT / "tests" / "campaigns" / "bad"
    found = [finding for path in bad.glob("*.yaml") for finding in check_files([path]).found]

    assert len(found) > 90
    assert [str(finding) for finding in found if finding.rule == UNLISTED] == []


def test_a_rule_that_is_chosen_by_a_code_has_an_example_that_fails_without_it() -> None:
    by_code = {rule for _, code, rule in rule_of_violation._TABLE if code}

    assert len(by_code) > 5
    assert by_code <= set(WITH_EXAMPLES)


def test_strict_fails_for_warnings_too(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(textwrap.dedent(examples("FL203", "Bad")[0]) + f"campaign: x\n{PLAN}")

    assert CliRunner().invoke(main, ["check", str(path)]).exit_code == 0
    assert CliRunner().invoke(main, ["check", "--strict", str(path)]).exit_code == 1
