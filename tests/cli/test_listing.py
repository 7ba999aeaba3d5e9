"""`campaigns`, `log` and `find-usage`: what people and programs read of many campaigns."""

import getpass
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift.v1 import results_service_pb2 as results
from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_DRAFT,
    CAMPAIGN_STATE_RUNNING,
    CAMPAIGN_STATE_STOPPED,
    Campaign,
)
from fairlift_cli.__main__ import main
from fairlift_cli.campaign_table import campaigns_as_json, show_campaigns
from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen
from rich.console import Console

from examples.server import running_server

Fairlift = Callable[..., Result]

FILE = """
campaign: {name}
attributes: {{cart_value: number, country: string}}
audience: {audience}
variants:
  - {{id: control, weight: 1}}
  - {{id: gift, weight: {weight}, payload: {{coupon: WELCOME10}}}}
plan:
  primary: {{metric: conversion_rate, minimum_effect: 5%}}
  secondary: [average_ticket, wishes]
  guardrails: [{{metric: refund_rate, margin: 10%}}]
  metrics: [{{name: wishes, mean: {{of: {{action: {{name: wish, of: count}}}}}}}}]
  segments: [country]
  planned_units: 40000
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of this module: `log` and `campaigns` show all that it has."""
    with running_server(currency="EUR", token="open-sesame") as address:
        yield address


@pytest.fixture
def fairlift(server: str) -> Fairlift:
    def run(*words: str) -> Result:
        env = {"FAIRLIFT_SERVER": server, "FAIRLIFT_TOKEN": "open-sesame", "COLUMNS": "100"}
        return CliRunner().invoke(main, words, env=env)

    return run


def write(folder: Path, name: str, *, weight: int = 1, audience: str = "cart_value >= 30") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(FILE.format(name=name, weight=weight, audience=audience))
    return path


def test_the_log_says_who_when_what_and_why(fairlift: Fairlift, tmp_path: Path) -> None:
    # Given two campaigns, of which one was started, changed with a reason, and stopped
    for name in ("first", "second"):
        fairlift("apply", str(write(tmp_path, name)))
    fairlift("start", "first", "--reason", "approved by Ana")
    path = write(tmp_path, "first", weight=2)
    fairlift("apply", "--new-epoch", "--reason", "SHOP-481", str(path))
    fairlift("stop", "first", "--reason", "shipped")

    table, _, details = fairlift("log", "first").output.partition("\n\n")
    one = table.splitlines()
    everything: list[dict[str, Any]] = json.loads(fairlift("log", "--json").output)
    newest: list[dict[str, Any]] = json.loads(fairlift("log", "--limit", "1", "--json").output)
    unknown = fairlift("log", "nowhere")

    assert one[0].split() == ["When", "(UTC)", "Who", "Changed", "What", "Why"]
    assert {row.split()[2] for row in one[1:]} == {getpass.getuser()}
    assert [row.split()[4] for row in one[1:]] == ["stop", "update:", "start", "create"]
    assert {each["author"] for each in everything} == {"tokens/FAIRLIFT_TOKEN"}
    assert "variants[1].weight (epoch 2)" in one[2]
    assert one[2].rstrip().endswith("SHOP-481")
    assert one[3].rstrip().endswith("approved by Ana")
    # What it was before, and what it is now
    assert details.splitlines()[1:] == ["  variants[1].weight: 1 → 2"]
    assert [each["verb"] for each in everything] == ["stop", "update", "start", "create", "create"]
    assert [each["resource"] for each in everything][-2:] == [
        "campaigns/second",
        "campaigns/first",
    ]
    assert newest == everything[:1]
    assert unknown.exit_code == 1
    assert "nowhere" in unknown.stderr


def test_campaigns_for_programs_have_the_rows_of_the_table(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    fairlift("apply", str(write(tmp_path, "running")), str(write(tmp_path, "draft")))
    fairlift("start", "running")

    rows = {
        row["campaign"]: row for row in json.loads(fairlift("campaigns", "--output", "json").output)
    }

    draft, running = rows["draft"], rows["running"]
    assert (draft["state"], draft["day"], draft["verdict"]) == ("draft", None, None)
    assert (running["state"], running["day"], running["maximum_days"]) == ("running", 0, 28)
    assert (running["units"], running["planned_units"], running["progress"]) == (0, 40_000, 0.0)
    assert running["variants"] == ["control", "gift"]
    assert running["primary_metrics"] == ["conversion_rate"]


def test_the_table_shows_day_progress_and_verdict_of_what_has_started() -> None:
    running = Campaign(name="campaigns/running", state=CAMPAIGN_STATE_RUNNING, epoch=1)
    draft = Campaign(name="campaigns/draft", state=CAMPAIGN_STATE_DRAFT)
    stopped = Campaign(name="campaigns/stopped", state=CAMPAIGN_STATE_STOPPED, epoch=1)
    reports = {
        running.name: results.ReportSummary(
            day=6, maximum_days=28, units=1_200, planned_units=40_000, state=CAMPAIGN_STATE_RUNNING
        ),
        stopped.name: results.ReportSummary(
            day=30, maximum_days=28, units=40_000, planned_units=40_000, last_day=28,
            state=CAMPAIGN_STATE_STOPPED,
            verdict=results.Verdict(kind=results.VERDICT_KIND_SHIP, sentence="Ship gift."),
        ),
    }  # fmt: skip
    file = io.StringIO()

    screen = Screen(console=Console(width=100, file=file))

    show_campaigns(screen, [running, draft, stopped], reports, Figures("en"))
    rows = [row.split() for row in file.getvalue().splitlines()]
    programs = campaigns_as_json([running, draft, stopped], reports)

    assert rows[0][:6] == ["Campaign", "Status", "Epoch", "Days", "Visitors", "Verdict"]
    assert rows[1][:6] == ["running", "running", "1", "6/28", "1,200/40,000", "–"]
    assert rows[2][:6] == ["draft", "draft", "0", "–", "–", "–"]
    assert rows[3][:6] == ["stopped", "stopped", "1", "28/28", "40,000/40,000", "ship"]
    assert [row["progress"] for row in programs] == [0.03, None, 1.0]
    assert [row["verdict"] for row in programs] == [None, None, "ship"]
    assert programs[2]["sentence"] == "Ship gift."


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ["Campaña", "Estado", "Veredicto", "detenida", "lanza"]),
        ("ro", ["Campanie", "Verdict", "oprită"]),
    ],
)
def test_the_table_speaks_the_readers_language(language: str, words: list[str]) -> None:
    stopped = Campaign(name="campaigns/stopped", state=CAMPAIGN_STATE_STOPPED, epoch=1)
    verdict = results.Verdict(kind=results.VERDICT_KIND_SHIP)
    report = results.ReportSummary(maximum_days=28, state=stopped.state, verdict=verdict)
    file = io.StringIO()
    screen = Screen(console=Console(width=100, file=file))

    show_campaigns(screen, [stopped], {stopped.name: report}, Figures(language))

    assert [word for word in words if word not in file.getvalue()] == [], file.getvalue()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cart_value", [(3, "attribute", "attributes.cart_value"), (4, "attribute", "audience")]),
        (
            "country",
            [
                (3, "attribute", "attributes.country"),
                (13, "attribute", "plan.segments[0]"),
            ],
        ),
        ("average_ticket", [(10, "metric", "plan.secondary[0].metric")]),
        (
            "wishes",
            [
                (10, "metric", "plan.secondary[1].metric"),
                (12, "metric", "plan.metrics[0].name"),
            ],
        ),
        ("refund_rate", [(11, "metric", "plan.guardrails[0].metric")]),
        ("welcome10", [(7, "coupon", "variants[1].payload.coupon")]),
        ("cart", []),
        ("card", []),
    ],
)
def test_usages_in_files_have_their_lines(
    name: str, expected: list[tuple[int, str, str]], tmp_path: Path
) -> None:
    path = write(tmp_path, "gift")

    run = CliRunner().invoke(main, ["find-usage", name, str(tmp_path), "--json"])

    found = json.loads(run.stdout)
    assert [(each["line"], each["kind"], each["field"]) for each in found] == expected
    assert all((each["path"], each["campaign"]) == (str(path), "gift") for each in found)
    assert run.exit_code == (0 if expected else 1)


def test_usages_on_the_server_name_the_state(fairlift: Fairlift, tmp_path: Path) -> None:
    fairlift("apply", str(write(tmp_path, "used")))

    run = fairlift("find-usage", "cart_value")
    nothing = fairlift("find-usage", "nowhere")

    assert "used (draft): attribute in audience\n" in run.output
    assert run.exit_code == 0
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert nothing.stderr == "nowhere is not used in the server's campaigns\n"


def test_usages_are_found_in_files_with_mistakes(tmp_path: Path) -> None:
    write(tmp_path, "gift", audience="cart_value >= 30 and cart_value < 10")

    run = CliRunner().invoke(main, ["find-usage", "cart_value", str(tmp_path)])

    assert run.exit_code == 0
    assert "gift.yaml:4: gift: attribute in audience" in run.output


def test_shared_files_tests_and_files_that_cannot_be_read_are_searched_for_the_word(
    tmp_path: Path,
) -> None:
    texts = {
        "a.yaml": (
            "campaign: a\naudience: audience(spain)\nvariants: [{id: a}, {id: b}]\n"
            "plan: {primary: {metric: wishes, minimum_effect: 5%}, planned_units: 1000}\n"
        ),
        "broken.yaml": 'campaign: b\naudience: (country == "ES"\nvariants: [{id: a}\n',
        "audiences.yaml": 'audiences:\n  spain: country == "ES"\n',
        "metrics.yaml": (
            "metrics:\n- {name: wishes, mean: {of: {action: {name: wish, of: count}}}}\n"
        ),
        "a.test.yaml": "tests:\n- {name: x, campaign: a, attributes: {country: ES}}\n",
        "other.yaml": "campaign: other\ndescription: country-side and my_country\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    def places(word: str) -> set[tuple[str, int]]:
        run = CliRunner().invoke(main, ["find-usage", word, str(tmp_path), "--json"])
        return {(Path(each["path"]).name, each["line"]) for each in json.loads(run.stdout)}

    assert places("country") == {
        ("a.yaml", 2),  # by its audience
        ("broken.yaml", 2),
        ("audiences.yaml", 2),
        ("a.test.yaml", 2),
    }
    assert places("wishes") == {("a.yaml", 4), ("metrics.yaml", 2)}
    assert places("spain") == {("a.yaml", 2), ("audiences.yaml", 2)}
    assert places("wish") == {("metrics.yaml", 2)}
    assert places("nowhere") == set()
