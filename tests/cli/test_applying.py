"""`fairlift diff` and `apply` on a server of their own: effects, consent, pruning, versions."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift import Client
from fairlift_cli import apply as applying
from fairlift_cli.__main__ import main
from fairlift_cli.commands import applying as command
from fairlift_cli.commands import consent

from examples.server import running_server

Fairlift = Callable[..., Result]

PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 1000}"


@pytest.fixture
def fairlift() -> Iterator[Fairlift]:
    """The CLI as it is typed, against a new server."""
    with running_server(currency="EUR") as address:

        def run(*words: str, answer: str | None = None) -> Result:
            env = {"FAIRLIFT_SERVER": address, "COLUMNS": "200"}
            return CliRunner().invoke(main, words, env=env, input=answer)

        run.address = address  # type: ignore[attr-defined]
        yield run


def write(folder: Path, name: str, *lines: str, weight: int = 1) -> None:
    variants = f"variants: [{{id: a, weight: {weight}}}, {{id: b, weight: 1}}]"
    text = "\n".join([f"campaign: {name}", variants, PLAN, *lines])
    (folder / f"{name}.yaml").write_text(text + "\n")


def states(fairlift: Fairlift) -> dict[str, str]:
    listed: list[dict[str, Any]] = json.loads(fairlift("campaigns", "--all", "--json").output)
    return {
        each["name"].removeprefix("campaigns/"): each["state"].removeprefix("CAMPAIGN_STATE_")
        for each in listed
    }


def test_the_effect_is_told_of_the_visitors_who_have_entered(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    # Given a campaign that 400 visitors entered ten days ago, and the draft of another one
    first_day = datetime.now(UTC) - timedelta(days=10)
    write(tmp_path, "ship")
    write(tmp_path, "draft")
    fairlift("apply", str(tmp_path))
    fairlift("start", "ship", "--at", first_day.isoformat())
    with Client(fairlift.address) as client:  # type: ignore[attr-defined]
        assert client.wait_ready(20)
        for number in range(400):
            moment = first_day + timedelta(hours=number % 200, seconds=1)
            client.expose(client.assign("ship", f"v{number}"), time=moment)
        assert client.flush(20)
    fairlift("results", "ship")  # the list of reports is as of the last analysis
    write(tmp_path, "ship", "display_name: Ship", weight=3)
    write(tmp_path, "draft", weight=3)

    shown = fairlift("diff", str(tmp_path), "--new-epoch")
    planned = json.loads(fairlift("diff", str(tmp_path), "--new-epoch", "--json").output)

    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    sentence = r"ship new epoch (\d+) of the (\d+) visitors so far would change variant"
    found = re.search(sentence, text)
    assert found is not None, text
    # New salts: 1/2 * 1/4 + 1/2 * 3/4 change.
    entered = int(found[2])
    assert 0 < entered <= 400
    assert abs(int(found[1]) - entered / 2) <= 0.01 * entered
    assert "draft safe no visitor is affected" in text
    assert "  variants[0].weight: 1 → 3 (new epoch: " in shown.output
    change = next(each for each in planned if each["campaign"] == "campaigns/ship")
    assert (change["entered_units"], change["moved_units"]) == (found[2], found[1])


def test_what_changes_no_assignment_is_not_simulated(fairlift: Fairlift, tmp_path: Path) -> None:
    write(tmp_path, "ship")
    fairlift("apply", str(tmp_path))
    fairlift("start", "ship")
    write(tmp_path, "ship", "display_name: Ship", "labels: {team: crm}")

    shown = fairlift("diff", str(tmp_path))

    assert "ship      safe    no visitor is affected" in shown.output
    assert (shown.exit_code, "simulated" in shown.output) == (0, False)


def test_diff_ends_with_one_if_apply_would_refuse(fairlift: Fairlift, tmp_path: Path) -> None:
    write(tmp_path, "ship")
    fairlift("apply", str(tmp_path))
    fairlift("start", "ship")
    write(tmp_path, "ship", weight=3)

    assert fairlift("diff", str(tmp_path)).exit_code == 1
    assert fairlift("diff", str(tmp_path), "--new-epoch").exit_code == 0
    assert fairlift("apply", str(tmp_path)).exit_code == 1


def test_prune_archives_what_no_file_names_and_ends_no_experiment(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    # Given campaigns in all states, one required by a file, and one by another campaign
    for name in ("kept", "draft", "running", "stopped", "required", "base"):
        write(tmp_path, name)
    write(tmp_path, "running", "prerequisites: [{campaign: base, variants: [a]}]")
    fairlift("apply", str(tmp_path))
    fairlift("start", "running", "stopped")
    fairlift("stop", "stopped")
    for path in tmp_path.iterdir():
        path.unlink()
    write(tmp_path, "kept", "prerequisites: [{campaign: required, variants: [a]}]")
    before = states(fairlift)

    dry = fairlift("apply", "--prune", "--dry-run", str(tmp_path))
    refused = fairlift("apply", "--prune", str(tmp_path))
    unchanged = states(fairlift)
    done = fairlift("apply", "--prune", "--yes", str(tmp_path))

    assert dry.exit_code == 0
    assert re.search(r"draft +draft +archived", dry.output)
    assert re.search(r"running +running +stays: it is running; end it with", dry.output)
    assert re.search(r"required +draft +stays: kept requires it", dry.output)
    assert re.search(r"base +draft +stays: running requires it", dry.output)
    assert refused.exit_code == 1
    assert "--prune would archive 2 campaigns; add --yes" in refused.stderr
    assert unchanged == before
    assert done.exit_code == 0
    changed = {name for name, state in states(fairlift).items() if state != before[name]}
    assert changed == {"draft", "stopped"}
    history = fairlift("apply", "--prune", "--yes", str(tmp_path))
    assert "1 campaign is unchanged." in history.output


@pytest.mark.parametrize("other", ["changes", "requires"])
def test_what_others_do_while_pruning_is_asked_about_stops_all_of_it(
    fairlift: Fairlift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    # Given two campaigns that no file names any more
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("kept", "draft", "base"):
        write(tmp_path, name)
    fairlift("apply", str(tmp_path))
    for name in ("draft", "base"):
        (tmp_path / f"{name}.yaml").rename(theirs / f"{name}.yaml")
    write(tmp_path, "kept", "display_name: Kept")
    if other == "changes":
        write(theirs, "draft", "display_name: Theirs")
    else:
        write(theirs, "new", "prerequisites: [{campaign: base, variants: [a]}]")

    # When somebody else applies theirs while the question stands
    def ask(*_counts: int, **_options: bool) -> None:
        monkeypatch.undo()
        assert fairlift("apply", str(theirs)).exit_code == 0

    monkeypatch.setattr(command, "_ask", ask)
    run = fairlift("apply", "--prune", "--yes", str(tmp_path / "kept.yaml"))

    assert run.exit_code == 1
    assert "Nothing was applied: " in run.stderr
    assert "changed on the server in the meantime" in run.stderr
    assert set(states(fairlift).values()) == {"DRAFT"}
    assert "Kept" not in fairlift("campaigns", "--json").output


def test_people_are_asked_and_a_pipe_is_not(
    fairlift: Fairlift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "ship")
    monkeypatch.setattr(consent, "is_terminal", lambda: True)

    no = fairlift("apply", str(tmp_path), answer="n\n")
    nothing = states(fairlift)
    yes = fairlift("apply", str(tmp_path), answer="y\n")
    again = fairlift("apply", str(tmp_path))

    assert (no.exit_code, nothing) == (1, {})
    assert "Apply 1 change?" in no.stderr
    assert "Nothing was applied." in no.stderr
    assert yes.exit_code == 0
    assert (again.exit_code, again.output) == (0, "1 campaign is unchanged.\n")


@pytest.mark.parametrize("is_new", [True, False])
def test_what_changed_since_the_plan_is_not_overwritten(
    is_new: bool, fairlift: Fairlift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who creates or changes the campaign between the plan and the change
    write(tmp_path, "other")
    write(tmp_path, "ship")
    if not is_new:
        fairlift("apply", str(tmp_path))
    write(tmp_path, "ship", "display_name: Mine")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    write(theirs, "ship", "display_name: Theirs")
    apply_steps = applying.apply_steps

    def after_the_other(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(applying, "apply_steps", apply_steps)
        assert fairlift("apply", str(theirs)).exit_code == 0
        apply_steps(*arguments, **options)

    monkeypatch.setattr(applying, "apply_steps", after_the_other)

    run = fairlift("apply", str(tmp_path / "ship.yaml"), str(tmp_path / "other.yaml"))

    assert run.exit_code == 1
    assert "ship was changed since it was read" in run.stderr
    listed = json.loads(fairlift("campaigns", "--json").output)
    names = {each["name"]: each["display_name"] for each in listed}
    assert names["campaigns/ship"] == "Theirs"
    assert ("campaigns/other" in names) == (not is_new)


def test_the_reason_is_in_the_history(fairlift: Fairlift, tmp_path: Path) -> None:
    write(tmp_path, "ship")

    assert fairlift("apply", "--reason", "SHOP-481", str(tmp_path)).exit_code == 0
    assert fairlift("apply", "--reason", "x" * 1_001, str(tmp_path)).exit_code == 0  # no change
    write(tmp_path, "ship", "display_name: Ship")
    long = fairlift("apply", "--reason", "x" * 1_001, str(tmp_path))

    assert long.exit_code == 1
    assert "must have at most 1000" in long.stderr


def test_the_file_of_an_archived_campaign_is_refused(fairlift: Fairlift, tmp_path: Path) -> None:
    write(tmp_path, "gone")
    fairlift("apply", str(tmp_path))
    fairlift("archive", "gone")

    runs = [fairlift(word, str(tmp_path)) for word in ("diff", "apply")]

    for run in runs:
        assert run.exit_code == 1
        assert re.search(r"gone +archived +no visitor sees it any more", run.output)
        assert f"{tmp_path / 'gone.yaml'}:1:1: error FL705: campaign is archived" in run.stderr
        assert "remove the file, or choose another id" in run.stderr


def test_what_blocks_is_told_by_the_state_of_each_campaign(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    for name in ("over", "sealed", "mixed"):
        write(tmp_path, name)
    fairlift("apply", str(tmp_path))
    for name in ("over", "sealed", "mixed"):
        fairlift("start", name)
    fairlift("stop", "over")
    write(tmp_path, "over", weight=3)
    write(tmp_path, "sealed", "time_zone: Europe/Madrid")
    write(tmp_path, "mixed", weight=3)

    run = fairlift("apply", str(tmp_path))

    assert run.exit_code == 1
    assert sorted(run.stderr.splitlines()[-3:]) == [
        "Nothing was applied: changes to sealed are refused: stop it and create another campaign.",
        "Nothing was applied: mixed would start a new epoch: allow it with --new-epoch.",
        "Nothing was applied: over has ended, and only its words may change: create another "
        "campaign.",
    ]
