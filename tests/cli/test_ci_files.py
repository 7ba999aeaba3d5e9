"""The GitHub Action, the GitLab template and the hooks: their steps run, as a CI runs them."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from fairlift_cli.__main__ import main

from examples.server import running_server

ROOT = Path(__file__).parent.parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
GOOD = "campaign: ship\nvariants: [{id: a}, {id: b, payload: {x: 1}}]\n"
PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that wants a token, as one that CI may reach."""
    with running_server(currency="EUR", token="open-sesame") as address:
        yield address


@dataclass
class Repository:
    """A checkout with campaigns, and what a CI provides."""

    folder: Path
    values: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        path = self.folder / "campaigns" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, script: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Runs a script as GitHub's bash and GitLab's do: ends at the first failure."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLIFT_", "COV_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
        temp = self.folder / "temp"
        temp.mkdir(exist_ok=True)
        given = {
            "PATH": path,
            "RUNNER_TEMP": str(temp),
            "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
            "GITHUB_PATH": str(temp / "path"),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder, env=clean | given | env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def step(self, name: str, **inputs: str) -> "subprocess.CompletedProcess[str]":
        """Runs a step of the action with these inputs, others as they are by default."""
        defaults = {key: each["default"] for key, each in ACTION["inputs"].items()}
        values = {f"inputs.{key}": value for key, value in (defaults | inputs).items()}
        values["github.sha"] = "0123abc"
        step = STEPS[name]
        env = {
            key: EXPRESSION.sub(lambda match: values[match[1]], value)
            for key, value in step.get("env", {}).items()
        }
        return self.run(step["run"], **env)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_no_value_of_the_action_is_read_as_a_command(repository: Repository) -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    repository.write("ship.yaml", GOOD + PLAN)

    run = repository.step("Check", path="campaigns; touch hacked")

    assert run.returncode == 2
    assert not (repository.folder / "hacked").exists()


def test_check_annotates_the_lines_of_a_pull_request(repository: Repository) -> None:
    repository.write("ship.yaml", GOOD.replace("variants", "varaints") + PLAN)

    run = repository.step("Check")

    assert run.returncode == 1
    assert "::error file=campaigns/ship.yaml,line=2," in run.stdout, run.stderr


def test_warnings_fail_the_job_only_if_it_is_strict(repository: Repository) -> None:
    repository.write("ship.yaml", GOOD)  # it has no plan

    assert repository.step("Check").returncode == 1
    assert repository.step("Check", strict="false").returncode == 0


def test_tests_run_where_there_are_some(repository: Repository) -> None:
    repository.write("ship.yaml", GOOD + PLAN)
    none = repository.step("Test")
    repository.write(
        "ship.test.yaml",
        "tests: [{name: x, campaign: ship, visitor: v, expect: {reason: bot}}]\n",
    )

    failed = repository.step("Test")

    assert (none.returncode, failed.returncode) == (0, 1)
    assert "expected bot" in failed.stdout


def test_the_plan_is_in_the_summary_and_then_applied(repository: Repository, server: str) -> None:
    repository.write("ship.yaml", GOOD + PLAN)
    secrets = {"server": server, "token": "open-sesame"}

    shown = repository.step("Show what would change", **secrets)
    applied = repository.step("Apply", **secrets)
    again = repository.step("Show what would change", **secrets)
    refused = repository.step("Show what would change", server=server, token="guess")

    summary = (repository.folder / "temp" / "summary.md").read_text()
    assert shown.returncode == 0, shown.stdout
    assert "ship      new" in shown.stdout
    assert "ship      new" in summary
    assert summary.count("```") % 2 == 0
    assert applied.returncode == 0, applied.stderr
    assert "1 campaign is unchanged." in again.stdout
    assert refused.returncode == 1
    assert "guess" not in refused.stdout + summary
    log = CliRunner().invoke(main, ["log", "ship", "--server", server, "--token", "open-sesame"])
    assert "0123abc" in log.output


def test_the_steps_that_need_a_server_are_left_out_without_one() -> None:
    for name in ("Show what would change", "Apply"):
        assert "inputs.server != ''" in STEPS[name]["if"]
    assert "fork != true" in STEPS["Show what would change"]["if"]


def test_the_gitlab_jobs_check_test_and_apply(repository: Repository, server: str) -> None:
    repository.write("ship.yaml", GOOD.replace("ship", "lab") + PLAN)
    CliRunner().invoke(main, ["init", str(repository.folder / "campaigns"), "--example", "wheel"])
    (repository.folder / ".git").mkdir()
    template = ROOT / "clients" / "fairlift_cli" / "ci_templates" / "gitlab.yml"
    jobs: dict[str, Any] = yaml.safe_load(template.read_text())
    env = {"CAMPAIGNS": "campaigns", "FAIRLIFT_SERVER": server, "CI_COMMIT_SHA": "4567def"}
    check, apply = ("\n".join(jobs[f"{name}-campaigns"]["script"]) for name in ("check", "apply"))

    without_tests = repository.run(check, **(env | {"CAMPAIGNS": "campaigns/ship.yaml"}))
    without_token = repository.run(check, **env)
    checked = repository.run(check, **env, FAIRLIFT_TOKEN="open-sesame")
    applied = repository.run(apply, **env, FAIRLIFT_TOKEN="open-sesame")
    repository.write("bad.yaml", "campaign: bad\n")
    broken = repository.run(check, **env)

    reports = jobs["check-campaigns"]["artifacts"]["reports"]
    assert without_tests.returncode == 0, without_tests.stderr
    assert without_token.returncode == 0, without_token.stderr
    assert "lab          new" in checked.stdout
    assert applied.returncode == 0, applied.stderr
    assert broken.returncode == 1
    found = json.loads((repository.folder / reports["codequality"]).read_text())
    assert {each["location"]["path"] for each in found} == {"campaigns/bad.yaml"}
    assert (repository.folder / reports["junit"]).exists()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_passes_good_files_and_refuses_others(
    hook: dict[str, Any], repository: Repository
) -> None:
    CliRunner().invoke(main, ["init", str(repository.folder / "campaigns"), "--example", "popup"])
    script = " ".join([hook["entry"], *hook["args"]])

    good = repository.run(script)
    repository.write("bad.yaml", "campaign: bad\n")
    bad = repository.run(script)

    assert (good.returncode, bad.returncode) == (0, 1), good.stderr
    assert not hook["pass_filenames"]


def test_every_step_of_the_templates_has_a_command_that_exists() -> None:
    texts = [(ROOT / "action.yml").read_text(), (ROOT / ".pre-commit-hooks.yaml").read_text()]
    texts += [
        path.read_text()
        for path in (ROOT / "clients" / "fairlift_cli" / "ci_templates").glob("*.yml")
    ]
    used = {word for text in texts for word in re.findall(r"(?:^|[\s;|])fairlift ([a-z-]+) ", text)}

    assert {"check", "test", "diff", "apply"} <= used
    assert used <= {*main.commands}


def test_the_scheduled_job_of_the_page_posts_a_line_for_each_running_campaign(
    repository: Repository, server: str
) -> None:
    # Given a running campaign and a draft, and a chat that listens
    for name in ("verdict-running", "verdict-draft"):
        repository.write(f"{name}.yaml", GOOD.replace("ship", name) + PLAN)
    options = ["--server", server, "--token", "open-sesame"]
    CliRunner().invoke(main, ["apply", str(repository.folder / "campaigns"), *options])
    CliRunner().invoke(main, ["start", "verdict-running", *options])
    page = (ROOT / "docs" / "campaigns-in-a-repository.md").read_text(encoding="utf-8")
    workflow = next(
        block for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) if "cron" in block
    )
    step = yaml.safe_load(workflow)["jobs"]["verdicts"]["steps"][-1]
    posted: list[bytes] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Chat) as chat:
        thread = threading.Thread(target=chat.handle_request)
        thread.start()
        env = {"FAIRLIFT_SERVER": server, "FAIRLIFT_TOKEN": "open-sesame"}
        run = repository.run(step["run"], **env, WEBHOOK=f"http://127.0.0.1:{chat.server_port}/")
        thread.join(10)

    assert run.returncode == 0, run.stderr
    assert env.keys() | {"WEBHOOK"} == step["env"].keys()
    text = json.loads(posted[0])["text"]
    assert re.search(r"^verdict-running: day 0 of 28, [A-Z].*\.$", text, re.MULTILINE), text
    assert "verdict-draft" not in text


@pytest.mark.parametrize("name", [*ACTION["inputs"]])
def test_every_input_of_the_action_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "campaigns-in-a-repository.md").read_text(encoding="utf-8")

    assert f"`{name}`" in page
    assert f"`{ACTION['inputs'][name]['default'] or 'none'}`".strip("`") in page


def test_the_action_of_the_ci_file_has_these_inputs() -> None:
    template = ROOT / "clients" / "fairlift_cli" / "ci_templates" / "github.yml"
    jobs = yaml.safe_load(template.read_text())["jobs"]
    step = next(each for each in jobs["campaigns"]["steps"] if "fairlift/" in each["uses"])

    assert step["with"].keys() <= ACTION["inputs"].keys()
