"""`fairlift init`: from nothing to a campaign on a server, without an editor."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main
from fairlift_cli.campaign_files import AUDIENCES_FILE, METRICS_FILE, PROJECT_FILE
from fairlift_cli.editor_schema import editor_schema
from fairlift_cli.plan_command import PlanningInput
from fairlift_stats.design.planning import horizons
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from examples.server import running_server
from tests.cli.test_schema import documents, mistakes

Fairlift = Callable[..., Result]

# By example: its file, and the units a week, conversion, ticket and variants that its comments say.
EXAMPLES = {
    "free-shipping": ("free-shipping", 8_000, 0.20, 60.0, 2),
    "popup": ("exit-popup", 25_000, 0.03, 60.0, 2),
    "cross-sell": ("cross-sell", 50_000, 0.03, 60.0, 3),
    "wheel": ("lucky-wheel", 20_000, 0.03, None, 2),
    "birthday": ("birthday", 3_000, 0.10, 60.0, 2),
    "loyalty": ("loyalty", 3_000, 0.20, None, 2),
    "journey": ("guided-journey", 20_000, 0.03, None, 2),
    "price": ("delivery-price", 6_000, 0.10, 60.0, 2),
    "micro-segment": ("concierge", 20_000, 0.03, None, 2),
}


@pytest.fixture
def fairlift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fairlift:
    """The CLI as it is typed, in an empty repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*words: str, answers: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(main, words, input=answers, env=env)

    return run


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_strict_tested_and_known_to_the_schema(
    example: str, fairlift: Fairlift, tmp_path: Path
) -> None:
    written = fairlift("init", "--example", example)

    assert written.exit_code == 0, written.output
    path = tmp_path / "campaigns" / f"{EXAMPLES[example][0]}.yaml"
    assert fairlift("check", "--strict", "campaigns").exit_code == 0
    assert fairlift("test", "campaigns").exit_code == 0
    assert [mistakes(document) for document in documents(path)] == [[]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_finds_its_minimum_effect_with_the_traffic_that_it_names(
    example: str, fairlift: Fairlift, tmp_path: Path
) -> None:
    fairlift("init", "--example", example)
    name, weekly, conversion, ticket, variants = EXAMPLES[example]
    text = (tmp_path / "campaigns" / f"{name}.yaml").read_text()
    plan = yaml.safe_load(text)["plan"]

    weeks = plan["maximum_days"] // 7
    planning = PlanningInput(
        (float(weekly),) * weeks, conversion, ticket, ticket_sd=ticket, variants=variants
    )
    longest = horizons(planning.plan, planning.baseline, planning.weekly)[-1]

    assert f"{weekly:,}" in text
    assert plan["planned_units"] == longest.n_max
    effect = float(plan["primary"]["minimum_effect"].removesuffix("%")) / 100
    assert longest.mde <= effect * 1.02
    assert longest.mde > effect * 0.6


@settings(
    # Without shrinking: an example takes as long as two commands.
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
)
@given(
    goal=st.sampled_from(["conversion", "revenue", "ticket", "signup"]),
    guardrail=st.sampled_from(["conversion", "profit", "refunds", "none"]),
    page=st.sampled_from(["-", "product", "/a b", "q\"uo'te", "# x: y", "größe"]),
    traffic=st.integers(200, 10_000_000),
    weeks=st.integers(1, 26),
    conversion=st.sampled_from(["0.5%", "3%", "40%"]),
)
def test_any_answers_give_a_strict_campaign_or_a_reason(
    goal: str,
    guardrail: str,
    page: str,
    traffic: int,
    weeks: int,
    conversion: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("campaigns")
    options = {
        "--goal": goal, "--guardrail": guardrail, "--page": page, "--traffic": str(traffic),
        "--weeks": str(weeks), "--conversion": conversion,
    }  # fmt: skip
    words = [word for option in options.items() for word in option]

    run = CliRunner().invoke(main, ["init", str(folder), *words])

    if run.exit_code:
        assert guardrail == goal or "cannot conclude" in run.stderr, run.stderr
        assert list(folder.iterdir()) == []
        return
    checked = CliRunner().invoke(main, ["check", "--strict", str(folder)])
    assert checked.exit_code == 0, checked.output


def test_five_questions_make_a_campaign(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("init", answers="revenue\nproduct\n20000\n4\nprofit\n")

    assert run.exit_code == 0
    assert run.output.count("?") == 5
    campaign = yaml.safe_load((tmp_path / "campaigns" / "revenue-product.yaml").read_text())
    assert campaign["audience"] == 'page == "product"'
    assert campaign["plan"]["primary"]["metric"] == "revenue_per_visitor"
    assert (campaign["plan"]["planned_units"], campaign["plan"]["maximum_days"]) == (80_000, 28)
    assert campaign["plan"]["guardrails"][0]["metric"] == "profit_per_visitor"
    assert "fairlift start revenue-product" in run.output


def test_answers_that_end_early_write_nothing(fairlift: Fairlift, tmp_path: Path) -> None:
    run = fairlift("init", answers="revenue\n")

    assert run.exit_code == 1
    assert not (tmp_path / "campaigns").exists()


def test_twenty_visitors_are_told_that_they_cannot_conclude(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    words = ["--goal", "conversion", "--page", "-", "--weeks", "8", "--guardrail", "none"]

    run = fairlift("init", "--traffic", "20", *words)

    assert run.exit_code == 1
    assert "cannot conclude; to find 10% it would need about" in run.stderr
    assert "fairlift init --example micro-segment" in run.stderr
    assert not (tmp_path / "campaigns").exists()


def test_a_folder_with_campaigns_keeps_every_byte(fairlift: Fairlift, tmp_path: Path) -> None:
    # Given files of all names that init would write, and a campaign in a file of another name
    for name in ("free-shipping.yaml", "campaign.schema.json"):
        (tmp_path / "campaigns").mkdir(exist_ok=True)
        (tmp_path / "campaigns" / name).write_text("mine: [\n")
    other = "campaign: exit-popup\nvariants: [{id: a}, {id: b}]\n"
    (tmp_path / "campaigns" / "other.yaml").write_text(other)
    (tmp_path / ".gitlab-ci.yml").write_text("mine: true\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    same_file = fairlift("init", "--example", "free-shipping")
    same_name = fairlift("init", "--example", "popup")
    added = fairlift("init", "--example", "wheel", "--ci", "gitlab")

    assert {path: path.read_bytes() for path in before} == before
    assert same_file.exit_code == 1
    assert "free-shipping.yaml is there already; choose another name" in same_file.stderr
    assert same_name.exit_code == 1
    assert "other.yaml:1 has a campaign exit-popup already" in same_name.stderr
    assert added.exit_code == 0
    assert ".gitlab-ci.yml is there already; add to it:" in added.output
    new = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {p.name for p in before}
    assert new == {"lucky-wheel.yaml", "lucky-wheel.test.yaml"}


def test_the_schema_of_editors_stands_beside_the_campaign(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    fairlift("init", "shop/tests of ours", "--example", "popup")

    folder = tmp_path / "shop" / "tests of ours"
    first_line = (folder / "exit-popup.yaml").read_text().splitlines()[0]
    assert (folder / first_line.rpartition("=")[2]).read_text() == editor_schema()


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_the_ci_file_names_the_folder(kind: str, fairlift: Fairlift, tmp_path: Path) -> None:
    fairlift("init", "shop/campaigns", "--example", "popup", "--ci", kind)

    path = {"github": ".github/workflows/fairlift.yml", "gitlab": ".gitlab-ci.yml"}[kind]
    text = (tmp_path / path).read_text()
    read = yaml.safe_load(text)
    assert not {"FOLDER", "VERSION"} & set(re.findall(r"[A-Z_]+", text))
    if kind == "github":
        steps = read["jobs"]["campaigns"]["steps"]
        assert steps[-1]["with"]["path"] == "shop/campaigns"
        for event in ("pull_request", "push"):
            paths = read[True][event]["paths"]  # YAML 1.1 reads `on` so
            # What all campaigns share may stand at the root, beside the project file.
            assert {"shop/campaigns/**", PROJECT_FILE, METRICS_FILE, AUDIENCES_FILE} <= {*paths}
    else:
        assert read["variables"]["CAMPAIGNS"] == "shop/campaigns"


@pytest.mark.parametrize("name", ["Free Shipping", "-", "ümlaut", "a" * 64])
def test_a_name_that_is_no_id_is_refused(name: str, fairlift: Fairlift) -> None:
    run = fairlift("init", "--example", "popup", "--name", name)

    assert run.exit_code == 1
    assert "must be 1 to 63 lower-case letters" in run.stderr


def test_an_example_has_its_own_answers(fairlift: Fairlift) -> None:
    assert fairlift("init", "--example", "popup", "--traffic", "5").exit_code == 2


def test_the_project_file_is_obeyed(fairlift: Fairlift, tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text(
        "labels: [owner, ticket]\nattributes: {page: string}\nnaming: 'shop-.*'\n"
    )
    words = ["init", "--goal", "revenue", "--page", "product", "--traffic", "20000"]
    words += ["--weeks", "4", "--guardrail", "profit"]

    refused = fairlift(*words)
    written = fairlift(*words, "--name", "shop-ticket")

    assert refused.exit_code == 1
    assert "FL216" in refused.stderr
    assert "Nothing was written." in refused.stderr
    assert written.exit_code == 0, written.stderr
    assert fairlift("check", "--strict", "campaigns").exit_code == 0


@pytest.mark.parametrize("goal", ["conversion", "revenue", "ticket"])
def test_the_figures_of_the_shop_make_a_campaign_that_can_conclude(
    goal: str, fairlift: Fairlift, tmp_path: Path
) -> None:
    # Given a shop whose figures differ from the usual ones
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "traffic.yaml").write_text(
        "visitors_per_week: 50000\nconversion_rate: 1.2%\nticket: 140\nticket_sd: 220\n"
    )

    run = fairlift("init", answers=f"{goal}\n-\n\n6\nrefunds\n")

    text = (tmp_path / "campaigns" / f"{goal}.yaml").read_text()
    assert run.exit_code == 0, run.output
    assert "[50000]" in run.output
    assert "planned_units: 300000" in text
    assert "From traffic.yaml: 1.2% of them buy today" in text
    checked = fairlift("check", "--strict", "campaigns")
    assert checked.exit_code == 0, checked.output
    assumed = fairlift(
        "init", "--name", "other", "--conversion", "5%", answers=f"{goal}\n-\n\n6\nrefunds\n"
    )
    assert "Assumed: 5%" in (tmp_path / "campaigns" / "other.yaml").read_text(), assumed.output


@pytest.fixture
def server() -> Iterator[str]:
    """A new server."""
    with running_server(currency="EUR") as address:
        yield address


def test_the_campaigns_of_shops_go_from_init_to_a_start_without_an_editor(
    fairlift: Fairlift, server: str
) -> None:
    for example in EXAMPLES:
        assert fairlift("init", "--example", example).exit_code == 0
    names = [name for name, *_ in EXAMPLES.values()]

    checked = fairlift("check", "--strict", "campaigns")
    tested = fairlift("test", "campaigns")
    applied = fairlift("apply", "campaigns", FAIRLIFT_SERVER=server)
    started = fairlift("start", *names, FAIRLIFT_SERVER=server)
    listed = json.loads(fairlift("campaigns", "--json", FAIRLIFT_SERVER=server).output)

    assert [run.exit_code for run in (checked, tested, applied, started)] == [0, 0, 0, 0]
    assert {each["name"]: each["state"] for each in listed} == {
        f"campaigns/{name}": "CAMPAIGN_STATE_RUNNING" for name in names
    }
    assert fairlift("diff", "campaigns", FAIRLIFT_SERVER=server).output == (
        "9 campaigns are unchanged.\n"
    )


def test_the_ci_file_is_written_beside_an_example_that_is_there(
    fairlift: Fairlift, tmp_path: Path
) -> None:
    fairlift("init", "--example", "popup")
    mine = (tmp_path / "campaigns" / "exit-popup.yaml").read_bytes()

    run = fairlift("init", "--example", "popup", "--ci", "github")

    assert run.exit_code == 0
    assert "exit-popup.yaml is there already and stays as it is" in run.output
    assert (tmp_path / ".github" / "workflows" / "fairlift.yml").exists()
    assert (tmp_path / "campaigns" / "exit-popup.yaml").read_bytes() == mine


def test_the_next_command_can_be_typed_whatever_the_folder_is_called(fairlift: Fairlift) -> None:
    written = fairlift("init", "my shop/new one", "--example", "popup")

    next_line = re.findall(r"^Next: (.*), and then", written.output, re.MULTILINE)[0]
    check, case_test, _ = next_line.split(" && ")
    for command in (check, case_test):
        assert fairlift(*shlex.split(command)[1:]).exit_code == 0
