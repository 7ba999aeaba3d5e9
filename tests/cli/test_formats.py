"""Every format is what its readers expect: checked against schemas, and read back."""

import json
import re
import time
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_files
from fairlift_cli.findings import Finding
from fairlift_cli.formats.as_github import as_github
from fairlift_cli.formats.as_gitlab import as_gitlab
from fairlift_cli.formats.as_junit import as_junit
from fairlift_cli.formats.as_sarif import as_sarif
from fairlift_cli.formats.as_text import as_text
from fairlift_cli.rules import Level, rules
from sarif_pydantic import Sarif

BAD = Path(__file__).parent.parent / "campaigns" / "bad"
SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    """All that is wrong in the bad files, each with a path below the working directory."""
    monkeypatch.chdir(BAD)
    return check_files([Path()]).found


def valid(report: object, schema: str) -> None:
    content = json.loads((SCHEMAS / f"{schema}.json").read_text())
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(content, format_checker=checker).validate(report)


def test_sarif_is_of_its_standard_and_has_every_finding(found: tuple[Finding, ...]) -> None:
    text = as_sarif(found, version="1.2.3")

    report = json.loads(text)
    valid(report, "sarif")
    Sarif.model_validate_json(text)
    (run,) = report["runs"]
    listed = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(found)
    for result, finding in zip(run["results"], found, strict=True):
        place = result["locations"][0]["physicalLocation"]
        region = place["region"]
        assert listed[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        assert unquote(place["artifactLocation"]["uri"]) == finding.path
        assert (region["startLine"], region["startColumn"]) == (finding.line, finding.column)
        assert result["level"] == finding.level
    assert {rule["id"] for rule in listed} == {finding.rule for finding in found}
    assert all(rule["helpUri"].count("#") == 1 for rule in listed)


def test_sarif_without_findings_is_of_its_standard() -> None:
    report = json.loads(as_sarif((), version="1.2.3"))

    valid(report, "sarif")
    assert report["runs"][0]["results"] == []


def test_the_address_of_a_rule_leads_to_its_heading() -> None:
    headings = re.findall(r"^### (.+)$", (BAD.parents[2] / "docs" / "rules.md").read_text(), re.M)
    # As GitHub makes anchors: lower case, no punctuation, hyphens for spaces.
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert {rule.address.partition("#")[2] for rule in rules().values()} == anchors


def test_gitlab_gets_a_report_with_fingerprints_that_differ(found: tuple[Finding, ...]) -> None:
    report = json.loads(as_gitlab(found))

    valid(report, "gitlab")
    assert len(report) == len(found)
    assert len({issue["fingerprint"] for issue in report}) == len(found)


def test_a_fingerprint_survives_lines_that_are_added_above() -> None:
    def fingerprint(line: int) -> str:
        finding = Finding("a.yaml", line, 1, "traffic", "is wrong", "FL107")
        return str(json.loads(as_gitlab([finding]))[0]["fingerprint"])

    assert fingerprint(3) == fingerprint(30)


def test_junit_counts_and_names_as_its_readers_expect(found: tuple[Finding, ...]) -> None:
    root = ET.fromstring(as_junit(found, paths=["clean.yaml", *{f.path for f in found}]))

    assert root.tag == "testsuites"
    suites = root.findall("testsuite")
    assert len(suites) == len({f.path for f in found}) + 1
    for suite in suites:
        cases = suite.findall("testcase")
        failed = [case for case in cases if case.find("failure") is not None]
        of_file = [f for f in found if f.path == suite.get("name")]
        assert int(suite.get("tests", "")) == len(cases) == max(1, len(of_file))
        assert int(suite.get("failures", "")) == len(failed)
        assert len(failed) == sum(f.level is Level.ERROR for f in of_file)
        assert all(case.get("name") and case.get("classname") for case in cases)


def test_github_gets_a_line_for_each_finding(found: tuple[Finding, ...]) -> None:
    lines = as_github(found).splitlines()

    form = r"::(error|warning) file=[^,:]+,line=\d+,col=\d+,title=FL\d{3}::.+"
    assert len(lines) == len(found)
    assert all(re.fullmatch(form, line) for line in lines)


@pytest.mark.parametrize("form", ["json", "github", "gitlab", "sarif", "junit", "text"])
def test_nothing_breaks_out_of_a_format(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a,b%<c>&\"'.yaml"
    text = 'campaign: "x\\u001b[31m]]>\\u0000<&\\n::error::forged"\nvariants: [{id: a}, {id: b}]\n'
    path.write_text(text)

    run = CliRunner().invoke(main, ["check", str(path), "--format", form])

    assert run.exit_code == 1
    assert "\x1b" not in run.output
    assert "\n::error::forged" not in run.output
    if form in ("json", "gitlab", "sarif"):
        json.loads(run.stdout)
    elif form == "junit":
        ET.fromstring(run.stdout)


@pytest.mark.parametrize("form", ["json", "gitlab", "sarif", "junit"])
def test_a_check_without_findings_is_a_report_too(form: str, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(
        "campaign: x\nvariants: [{id: a}, {id: b}]\n"
        "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"
    )

    run = CliRunner().invoke(main, ["check", str(path), "--format", form])

    assert run.exit_code == 0
    assert ET.fromstring(run.stdout) if form == "junit" else json.loads(run.stdout) is not None


def test_sarif_of_ten_thousand_findings_takes_a_moment() -> None:
    many = [Finding("a.yaml", n + 1, 1, f"x{n}", "is wrong", "FL105") for n in range(10_000)]

    before = time.process_time()
    report = json.loads(as_sarif(many, version="1"))

    assert len(report["runs"][0]["results"]) == 10_000
    assert time.process_time() - before < 5


def test_paths_of_reports_begin_where_the_check_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    below = [Finding(str(tmp_path / "eu" / "a b.yaml"), 1, 1, "x", "is wrong", "FL105")]
    elsewhere = [Finding("/shop/a b.yaml", 1, 1, "x", "is wrong", "FL105")]

    def uri(findings: list[Finding]) -> object:
        (result,) = json.loads(as_sarif(findings, version="1"))["runs"][0]["results"]
        return result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert uri(below) == "eu/a%20b.yaml"
    assert uri(elsewhere) == "file:///shop/a%20b.yaml"
    assert json.loads(as_gitlab(below))[0]["location"]["path"] == "eu/a b.yaml"
    assert as_github(below).startswith("::error file=eu/a b.yaml,line=1")
    valid(json.loads(as_sarif(elsewhere, version="1")), "sarif")


def test_text_is_coloured_on_a_terminal_and_plain_in_a_pipe() -> None:
    findings = [Finding("a.yaml", 1, 2, "traffic", "is wrong", "FL107")]

    assert as_text(findings) == "a.yaml:1:2: error FL107: traffic is wrong"
    coloured = as_text(findings, coloured=True)
    assert re.sub(r"\x1b\[\d+m", "", coloured) == as_text(findings)
    assert coloured != as_text(findings)
