"""Files that were made to mislead the check, each of which once did."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_cli.__main__ import main
from fairlift_cli.check import CheckResult, check_files

VARIANTS = "variants:\n  - {id: a, weight: 999}\n  - {id: b, weight: 1}%s\n"
PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 9_000_000}\n"
IGNORE = "  # fairlift: ignore FL203 because staff"


def checked(folder: Path, text: str) -> CheckResult:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return check_files([path])


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\r", "\r\n"])
def test_a_line_is_what_yaml_calls_one(tmp_path: Path, sign: str) -> None:
    text = f"campaign: x\n# a comment{sign}# another{sign}{VARIANTS % IGNORE}{PLAN}"

    assert checked(tmp_path, text).found == ()
    assert checked(tmp_path, text.replace("\n", "\r")).found == ()


def test_an_ignore_is_not_in_vain_where_its_rule_was_not_judged(tmp_path: Path) -> None:
    found = checked(tmp_path, f"campaign: x\ntraffic: 200%\n{VARIANTS % IGNORE}{PLAN}").found

    assert [f.rule for f in found] == ["FL107"]


@pytest.mark.parametrize("opening", ["{a: ", "["])
@pytest.mark.parametrize("depth", [25, 29, 33, 48, 55])
def test_what_passes_can_be_sent_however_deep(tmp_path: Path, opening: str, depth: int) -> None:
    closing = "}" if opening[0] == "{" else "]"
    payload = f"{{x: {opening * depth}1{closing * depth}}}"
    text = f"campaign: x\nvariants: [{{id: a}}, {{id: b, payload: {payload}}}]\n{PLAN}"

    result = checked(tmp_path, text)

    if result.findings:
        assert {f.rule for f in result.findings} == {"FL103"}
        assert depth > 25
    else:
        sent = result.documents[0].message.SerializeToString()
        assert Campaign.FromString(sent) == result.documents[0].message


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (f"traffic_bps: {'9' * 5_000}", "FL107"),
        (f"audience: cart >= {'9' * 5_000}", "FL301"),
        ("schedule: {start_time: 0001-01-01T00:00:00+14:00}", "FL107"),
        ("schedule: {end_time: 9999-12-31T23:59:59-14:00}", "FL107"),
        ("audience: registered < 0001-01-01T00:00:00+14:00", "FL301"),
    ],
)
def test_numbers_and_times_beyond_all_bounds_are_told(tmp_path: Path, line: str, rule: str) -> None:
    text = f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{line}\n{PLAN}"

    assert rule in {f.rule for f in checked(tmp_path, text).findings}


@pytest.mark.parametrize("form", ["text", "json", "github", "gitlab", "sarif", "junit"])
def test_a_file_name_that_is_no_utf_8_is_printed(tmp_path: Path, form: str) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.yaml"
    Path(os.fsdecode(path)).write_text("campaign: X\n")

    run = CliRunner().invoke(main, ["check", str(tmp_path), "--format", form])

    assert run.exit_code == 1, run.exception
    if form in ("json", "gitlab", "sarif"):
        json.loads(run.stdout)


def test_junit_holds_only_what_xml_can(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text('campaign: "x\\uffff\\ufffe"\n')

    run = CliRunner().invoke(main, ["check", str(tmp_path), "--format", "junit"])

    ET.fromstring(run.stdout)


def test_a_file_name_is_no_command_of_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("::error::x.yaml").write_text("campaign: X\n")

    run = CliRunner().invoke(main, ["check", "::error::x.yaml"])

    assert run.exit_code == 1
    assert not any(line.startswith("::") for line in run.output.splitlines())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("naming", "rule"),
    [("(a+)+", "FL216"), ("a{99999999999}", "FL701"), ("(" * 5_000 + ")" * 5_000, "FL701")],
)
def test_a_pattern_neither_hangs_nor_crashes(tmp_path: Path, naming: str, rule: str) -> None:
    (tmp_path / "fairlift.yaml").write_text(f'naming: "{naming}"')
    name = "a" * 40 + "b"

    found = checked(tmp_path, f"campaign: {name}\nvariants: [{{id: a}}, {{id: b}}]\n{PLAN}").found

    assert [f.rule for f in found] == [rule]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["fairlift", "metrics", "audiences", "traffic"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_a_shared_file_that_is_none_is_told(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"{name}.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")

    found = checked(tmp_path, f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{PLAN}").findings

    assert [Path(f.path).name for f in found] == [path.name]


def test_digits_of_other_scripts_are_no_digits(tmp_path: Path) -> None:
    plan = PLAN.replace("conversion_rate", "clv_٣٠")
    (finding,) = checked(
        tmp_path, f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{plan}"
    ).findings
    assert finding.rule == "FL506"

    for number in ("１０００", "1_0_0__0"):
        (tmp_path / "traffic.yaml").write_text(f"visitors_per_week: {number}\n")
        text = f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{PLAN}"
        assert [f.rule for f in checked(tmp_path, text).findings] == ["FL603"]
