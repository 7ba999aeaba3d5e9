"""Which files are read, and which are told instead of hung on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift_cli import reader
from fairlift_cli.__main__ import main
from fairlift_cli.campaign_files import campaign_files, reason_not_to_read
from fairlift_cli.check import check_files

CAMPAIGN = (
    "campaign: {}\nvariants: [{{id: a}}, {{id: b}}]\n"
    "plan: {{primary: {{metric: conversion_rate, minimum_effect: 5%}}, planned_units: 40000}}\n"
)


def write(path: Path, name: str = "popup") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CAMPAIGN.format(name), encoding="utf-8")
    return path


def test_hidden_folders_are_not_read_unless_they_are_named(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "copy.yaml", "one")
    write(tmp_path / "eu" / ".hidden.yaml", "two")
    write(tmp_path / "eu" / "shown.yaml", "three")

    assert campaign_files([tmp_path]) == [tmp_path / "eu" / "shown.yaml"]
    assert campaign_files([tmp_path / ".git"]) == [tmp_path / ".git" / "copy.yaml"]


def test_endings_in_capitals_are_endings_too(tmp_path: Path) -> None:
    for number, ending in enumerate((".YML", ".Yaml", ".yml", ".yaml")):
        write(tmp_path / f"{number}{ending}")

    assert len(campaign_files([tmp_path])) == 4


def test_a_broken_link_is_told(tmp_path: Path) -> None:
    write(tmp_path / "popup.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")

    (found,) = check_files([tmp_path]).findings
    assert found.rule == "FL110"
    assert "gone.yaml:1:1: error FL110: is a link to a file that does not exist" in str(found)
    (found,) = check_files([tmp_path / "gone.yaml"]).findings
    assert found.rule == "FL110"


def test_links_that_lead_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").symlink_to(tmp_path / "two.yaml")
    (tmp_path / "two.yaml").symlink_to(tmp_path / "one.yaml")
    (tmp_path / "folder").symlink_to(tmp_path)

    assert {found.rule for found in check_files([tmp_path]).findings} == {"FL110"}


@pytest.mark.timeout(10)
def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    write(tmp_path / "popup.yaml")

    for path in (tmp_path, tmp_path / "pipe.yaml"):
        (found,) = check_files([path]).findings
        assert "is not a file but a folder, a pipe" in str(found)


def test_a_file_that_goes_away_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "popup.yaml")
    write(tmp_path / "wheel.yaml", "wheel")

    def remove_after_looking(looked_at: Path) -> str:
        reason = reason_not_to_read(looked_at)
        path.unlink(missing_ok=True)
        return reason

    monkeypatch.setattr(reader, "reason_not_to_read", remove_after_looking)

    result = check_files([tmp_path])

    assert [found.rule for found in result.found] == ["FL110"]
    assert len(result.documents) == 1


def test_standard_input_is_checked_as_a_file() -> None:
    command = [sys.executable, "-m", "fairlift_cli", "check", "-"]
    fine = subprocess.run(
        command, input=CAMPAIGN.format("popup"), capture_output=True, text=True, check=False
    )
    wrong = subprocess.run(
        command, input="campaign: Popup\n", capture_output=True, text=True, check=False
    )

    assert (fine.returncode, fine.stdout) == (0, "1 campaign checked: no mistakes\n")
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("<stdin>:1:1: error FL201: campaign 'Popup' must be")


def test_a_byte_order_mark_between_documents_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "joined.yaml"
    one, two = CAMPAIGN.format("one"), CAMPAIGN.format("two")
    path.write_bytes(f"\ufeff{one}---\n\ufeff{two}".encode())

    result = check_files([path])

    assert result.found == ()
    assert [d.message.name for d in result.documents] == ["campaigns/one", "campaigns/two"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("audience: {compare: {attribute: a, op: less, value: 3}}", "did you mean lt?"),
        ("audience: {compare: {attribute: a, op: at_least, value: 3}}", "did you mean ge?"),
        ("unit: user", "did you mean visitor?"),
        ("unit: account", "did you mean customer?"),
        ("attributes: {a: integer}", "did you mean number?"),
        ("targeting: vip", "did you mean audience?"),
        ("rollout: 5%", "did you mean traffic?"),
        ("variations: []", "did you mean variants?"),
    ],
)
def test_words_of_other_tools_are_understood(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "popup.yaml")
    path.write_text(f"{path.read_text()}{line}\n")

    assert any(says in str(found) for found in check_files([path]).findings)


def test_exit_codes_say_fine_mistaken_or_misused(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.yaml")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("campaign: x\n")

    codes = [
        CliRunner().invoke(main, ["check", str(path)]).exit_code
        for path in (fine, wrong, tmp_path / "nowhere.yaml", tmp_path / "empty")
    ]

    assert codes == [0, 1, 2, 2]
