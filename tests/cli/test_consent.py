"""Consent to changes in a named environment: asked on a terminal, or given by --yes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main
from fairlift_cli.commands import consent

from tests.cli.production import CAMPAIGN, TOKEN

Fairlift = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, production: str, monkeypatch: pytest.MonkeyPatch) -> Fairlift:
    """The command line with `--env production`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    environment = f"environments: {{production: {{server: {production}, token: SHOP_TOKEN}}}}\n"
    (tmp_path / "fairlift.yaml").write_text(environment)

    def fairlift(*words: str, answer: str | None = None) -> Result:
        env = {"COLUMNS": "200", "SHOP_TOKEN": TOKEN}
        return CliRunner().invoke(main, ["--env", "production", *words], env=env, input=answer)

    return fairlift


def test_a_change_of_what_runs_needs_consent(
    run: Fairlift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str, text: str = "") -> None:
        (tmp_path / f"{name}.yaml").write_text(f"campaign: {name}\n{CAMPAIGN}{text}")

    def shown_name() -> str:
        return run("campaigns", "--json").output

    write("ship")
    write("later")
    # Given one that runs, and a draft
    assert run("apply", "ship.yaml", "later.yaml").exit_code == 0
    assert run("start", "--yes", "ship").exit_code == 0
    write("ship", "display_name: Renamed\n")
    write("later", "display_name: Later\n")

    draft = run("apply", "later.yaml")
    refused = run("apply", "ship.yaml", "later.yaml")
    unchanged = shown_name()
    dry = run("apply", "--dry-run", "ship.yaml")
    monkeypatch.setattr(consent, "is_terminal", lambda: True)
    no = run("apply", "ship.yaml", answer="n\n")
    still_unchanged = shown_name()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    yes = run("apply", "--yes", "ship.yaml")

    assert (draft.exit_code, dry.exit_code) == (0, 0), draft.stderr + dry.stderr
    # The plan, with what changes for the running campaign, and then the refusal
    assert "display_name: nothing → Renamed" in refused.output
    assert refused.exit_code == 1
    assert "Nothing was applied: ship would change while running in production" in refused.stderr
    assert "add --yes" in refused.stderr
    assert "Renamed" not in unchanged + still_unchanged
    assert no.exit_code == 1
    assert "Apply 1 change to production, where ship would change while running?" in no.stderr
    assert yes.exit_code == 0
    assert "Renamed" in shown_name()


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("start", (), "RUNNING"),
        ("pause", ("start",), "PAUSED"),
        ("resume", ("start", "pause"), "RUNNING"),
        ("stop", ("start",), "STOPPED"),
        ("archive", ("start", "stop"), "ARCHIVED"),
    ],
)
def test_a_change_of_state_needs_consent(
    run: Fairlift, tmp_path: Path, production: str, monkeypatch: pytest.MonkeyPatch,
    verb: str, before: tuple[str, ...], after: str,
) -> None:  # fmt: skip
    name = f"to-{verb}"
    (tmp_path / "campaign.yaml").write_text(f"campaign: {name}\n{CAMPAIGN}")

    def state() -> str:
        listed = json.loads(run("campaigns", "--all", "--json").output)
        (found,) = (each["state"] for each in listed if each["name"] == f"campaigns/{name}")
        return str(found).removeprefix("CAMPAIGN_STATE_")

    # Given a campaign that can change its state
    assert run("apply", "campaign.yaml").exit_code == 0
    for each in before:
        assert run(each, "--yes", name).exit_code == 0
    unchanged = state()

    in_a_pipe = run(verb, name)
    monkeypatch.setattr(consent, "is_terminal", lambda: True)
    no = run(verb, name, answer="n\n")
    still_unchanged = state()
    words = (verb, "--server", production, "--token", TOKEN, "nowhere")
    without_environment = CliRunner().invoke(main, words)
    yes = run(verb, name, answer="y\n")

    assert in_a_pipe.exit_code == 1
    assert f"Nothing was changed: {verb} {name} in production needs consent" in in_a_pipe.stderr
    assert "add --yes" in in_a_pipe.stderr
    assert no.exit_code == 1
    assert f"{verb.capitalize()} {name} in production?" in no.stderr
    assert still_unchanged == unchanged != after
    # Nothing is asked, and the server answers that there is no such campaign.
    assert "nowhere" in without_environment.stderr
    assert "?" not in without_environment.stderr
    assert (yes.exit_code, state()) == (0, after)
