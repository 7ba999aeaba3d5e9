"""The project file, shared metrics and audiences, and defaults."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.value_pb2 import UNIT_KIND_CUSTOMER
from fairlift_cli.__main__ import main
from fairlift_cli.check import CheckResult, check_files
from fairlift_cli.ignores import ignores_of

PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"
CAMPAIGN = f"campaign: popup\nvariants: [{{id: a}}, {{id: b}}]\n{PLAN}"


def checked(folder: Path, **files: str) -> CheckResult:
    """Of a folder whose files are named by these words, as `campaign` for campaign.yaml."""
    for name, text in {"campaign": CAMPAIGN, **files}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return check_files([folder])


def only(result: CheckResult) -> Campaign:
    assert result.found == ()
    (document,) = result.documents
    return document.message


def test_levels_are_those_of_the_project(tmp_path: Path) -> None:
    daily = CAMPAIGN.replace("planned_units", "decide: daily, planned_units")

    assert [f.level for f in checked(tmp_path, campaign=daily).found] == ["warning"]
    for level, count in (("error", 1), ("off", 0)):
        found = checked(tmp_path, campaign=daily, fairlift=f"levels: {{FL513: {level}}}").found
        assert [f.level for f in found] == [level] * count


def test_a_project_file_is_found_from_a_file_below_it(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text("labels: [owner]")
    (tmp_path / "eu" / "popups").mkdir(parents=True)
    path = tmp_path / "eu" / "popups" / "popup.yaml"
    path.write_text(CAMPAIGN)

    assert [f.rule for f in check_files([path]).found] == ["FL217"]


def test_a_project_file_above_the_repository_is_of_another_project(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text("labels: [owner]")
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    path = tmp_path / "shop" / "popup.yaml"
    path.write_text(CAMPAIGN)

    assert check_files([path]).found == ()


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("sever: x:1", (1, 1), "sever is not known; did you mean server?"),
        ("levels: {FL203: loud}", (1, 10), 'is "loud", must be error, warning or off'),
        ("levels: {FL999: off}", (1, 10), "is not a rule"),
        ("levels: {FL206: off}", (1, 10), "is always an error"),
        ("levels: [FL203]", (1, 9), "must be a mapping"),
        ("levels: {FL203: [off]}", (1, 17), "is a list, must be a text"),
        ("naming: '('", (1, 9), "is not a regular expression"),
        ("attributes: {a: integer}", (1, 17), "did you mean number?"),
        ("labels: owner", (1, 9), "must be a list"),
        ("defaults: {campaign: x}", (1, 12), "is no default"),
        ("defaults:\n  plan: {primary: x}", (2, 10), "is no default"),
        ("defaults: {unit: dog}", (1, 18), "must be visitor or customer"),
        ("server: a:1\nserver: b:1", (2, 1), "appears twice"),
        ("server: nohost", (1, 9), "is nohost, must be HOST:PORT, such as shop.example:443"),
        ("server: https://shop.example:443", (1, 9), "must be HOST:PORT"),
        ("server: ana:secret@shop.example:443", (1, 9), "is shop.example:443, must be HOST:PORT"),
        ("server: shop:１２", (1, 9), "must be HOST:PORT"),
        ("server:", (1, 8), "has no value, must be a text"),
        ("labels: [[a]]", (1, 10), "labels[0] is a list, must be a text"),
        ("defaults: {traffic_bps: 20000}", (1, 12), "defaults.traffic_bps is 20000, must be 0 to"),
        ("defaults: {time_zone: Madrid}", (1, 12), "must be an IANA name"),
        ("defaults: {plan: {maximum_days: 30}}", (1, 19), "must be whole weeks"),
        ("defaults: {plan: 3}", (1, 18), "must be a mapping"),
        (
            "defaults: {plan: {stopping: {expected_loss: {threshold: 0.1}}}}",
            (1, 30),
            "plan.stopping.expected_loss.prior_sd is 0.0, must be above 0",
        ),
        ("defaults: {unit: visitor, unit: visitor}", (1, 27), "appears twice"),
        ("attributes: {a: string, a: number}", (1, 25), "appears twice"),
        ("levels: {FL203: off, FL203: error}", (1, 22), "appears twice"),
        ("- a", (1, 1), "is not a project file"),
        ("a: [", (1, 1), "is not YAML"),
    ],
)
def test_a_mistake_in_the_project_file_is_told_at_its_place(
    tmp_path: Path, text: str, place: tuple[int, int], says: str
) -> None:
    (found,) = checked(tmp_path, fairlift=text).found

    assert (found.rule, found.path.rpartition("/")[2]) == ("FL701", "fairlift.yaml")
    assert (found.line, found.column) == place
    assert says in str(found)


def test_defaults_that_a_campaign_may_complete_are_fine(tmp_path: Path) -> None:
    longer = CAMPAIGN.replace("planned_units", "maximum_days: 56, planned_units")
    defaults = "defaults: {plan: {minimum_days: 35, stopping: exact_conversion}}"

    assert checked(tmp_path, campaign=longer, fairlift=defaults).found == ()


def test_defaults_hold_where_a_campaign_says_nothing(tmp_path: Path) -> None:
    defaults = (
        "defaults:\n  unit: customer\n  time_zone: Europe/Madrid\n  currency_code: EUR\n"
        "  traffic: 50%\n"
        "  plan: {power: 90%, window_days: 7, segments: [device], settle_hours: 30}\n"
    )

    taken = only(checked(tmp_path, fairlift=defaults))

    assert (taken.unit, taken.time_zone, taken.traffic_bps) == (
        UNIT_KIND_CUSTOMER, "Europe/Madrid", 5_000,
    )  # fmt: skip
    assert (taken.plan.power, taken.plan.window_days) == (0.9, 7)
    assert list(taken.plan.segments) == ["device"]

    own = "plan:\n  power: 80%\n  window: open_ended\n  segments: [country]\n"
    own += "  primary: {metric: conversion_rate, minimum_effect: 5%}\n  planned_units: 40000\n"
    kept = only(checked(tmp_path, campaign="traffic: 0%\n" + CAMPAIGN.replace(PLAN, own)))
    assert (kept.traffic_bps, kept.plan.power) == (0, 0.8)
    assert not kept.plan.HasField("window_days")
    assert list(kept.plan.segments) == ["country"]


def test_defaults_make_no_plan_where_there_is_none(tmp_path: Path) -> None:
    without = CAMPAIGN.replace(PLAN, "")

    result = checked(tmp_path, campaign=without, fairlift="defaults: {plan: {power: 90%}}")

    assert not result.documents[0].message.HasField("plan")


def test_a_shared_metric_is_used_by_its_name(tmp_path: Path) -> None:
    metrics = "metrics: [{name: wishes, mean: {of: {action: {name: wish, of: count}}}}]"
    plan = CAMPAIGN.replace("planned_units", "secondary: [wishes], planned_units")

    taken = only(checked(tmp_path, campaign=plan, metrics=metrics))

    assert [metric.name for metric in taken.plan.metrics] == ["wishes"]
    assert taken.plan.metrics[0].mean.of.action.name == "wish"


def test_a_metric_of_the_plan_comes_before_the_shared_one(tmp_path: Path) -> None:
    metrics = "metrics: [{name: wishes, mean: {of: {action: {name: wish, of: count}}}}]"
    own = "secondary: [wishes], metrics: [{name: wishes, rate: {of: orders}}], planned_units"

    result = checked(tmp_path, campaign=CAMPAIGN.replace("planned_units", own), metrics=metrics)
    (taken,) = (document.message for document in result.documents)
    same = f"secondary: [wishes], {metrics}, planned_units"
    as_shared = checked(tmp_path, campaign=CAMPAIGN.replace("planned_units", same), metrics=metrics)

    (told,) = result.found
    assert told.rule == "FL704"
    assert "is defined in another way in metrics.yaml, and this one counts here" in told.message
    assert as_shared.found == ()
    assert taken.plan.metrics[0].WhichOneof("kind") == "rate"
    assert len(taken.plan.metrics) == 1


def test_a_shared_metric_that_nobody_uses_is_doubtful(tmp_path: Path) -> None:
    metrics = "metrics:\n- {name: wishes, mean: {of: {action: {name: wish, of: count}}}}"

    (found,) = checked(tmp_path, metrics=metrics).found

    assert (found.rule, found.line, found.column) == ("FL524", 2, 3)


def test_a_shared_audience_is_used_by_its_name(tmp_path: Path) -> None:
    audiences = 'audiences:\n  spain: country == "ES"\n  vip_of_spain: audience(spain) and vip\n'
    line = "audience: audience(vip_of_spain) and cart_value >= 30\n"

    taken = only(checked(tmp_path, campaign=line + CAMPAIGN, audiences=audiences))
    whole = 'audience: (country == "ES" and vip) and cart_value >= 30\n'

    (tmp_path / "audiences.yaml").unlink()
    assert taken.audience == only(checked(tmp_path, campaign=whole + CAMPAIGN)).audience


def test_shared_audiences_may_stand_in_any_order(tmp_path: Path) -> None:
    audiences = "audiences:\n  c: audience(b) or audience(a)\n  b: audience(a) and vip\n  a: new\n"

    taken = only(
        checked(tmp_path, campaign=f"audience: audience(c)\n{CAMPAIGN}", audiences=audiences)
    )

    (tmp_path / "audiences.yaml").unlink()
    expected = checked(tmp_path, campaign=f"audience: (new and vip) or new\n{CAMPAIGN}")
    assert taken.audience == only(expected).audience


@pytest.mark.parametrize(
    ("audiences", "line", "rule", "says"),
    [
        ("audiences: {spain: vip}", "audience(spian)", "FL301", "did you mean spain?"),
        ("audiences: {}", "audience(spain)", "FL301", "define it in audiences.yaml"),
        ("audiences: {spain: vip}", "audience(spain", "FL301", 'must be closed by ")"'),
        ("audiences: {spain: vip ==}", "vip", "FL703", "audiences.spain"),
        ("audiences: {a: audience(c), b: vip}", "vip", "FL703", "audience(c) is not defined"),
        ("audiences: {a: audience(a)}", "vip", "FL703", "leads in a circle, a → a;"),
        (
            "audiences:\n  a: vip and audience(b)\n  b: audience( c )\n  c: not audience(a)",
            *("vip", "FL703", "2:3: error FL703: audiences.a leads in a circle, a → b → c → a;"),
        ),
        ("audiences: [vip]", "vip", "FL703", "must be a mapping"),
        ("audience: {a: vip}", "vip", "FL703", "this file has one key, audiences"),
        ("audiences: {a: vip, a: new}", "vip", "FL703", "1:21: error FL703: audiences.a appears"),
        ("audiences: {}\naudiences: {}", "vip", "FL703", "2:1: error FL703: audiences appears"),
        ('audiences:\n  spain: country = "ES"', "vip", "FL703", ":2:18: error FL703"),
    ],
)
def test_a_mistake_about_shared_audiences_is_told(
    tmp_path: Path, audiences: str, line: str, rule: str, says: str
) -> None:
    result = checked(tmp_path, campaign=f"audience: {line}\n{CAMPAIGN}", audiences=audiences)

    assert (rule, True) in [(found.rule, says in str(found)) for found in result.found]


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ("metrics: [{name: conversion_rate, rate: {of: orders}}]", "is built in"),
        ("metrics: {wishes: 1}", "must be a list"),
        ("metrics: [{name: a, rate: {of: orders}}, {name: a, rate: {of: items}}]", "already"),
        ("metrics: [{nam: a}]", "did you mean name?"),
        ("metric: []", "this file has one key, metrics"),
        ("metrics: [{name: a, name: b, rate: {of: orders}}]", "1:21: error FL703: metrics[0].name"),
    ],
)
def test_a_mistake_in_shared_metrics_is_told(tmp_path: Path, metrics: str, says: str) -> None:
    result = checked(tmp_path, metrics=metrics)

    assert ("FL703", True) in [(found.rule, says in str(found)) for found in result.found]


def test_the_server_of_the_project_is_called_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fairlift.yaml").write_text("server: 127.0.0.1:2")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    def called(*words: str) -> str:
        run = CliRunner().invoke(main, ["campaigns", *words])
        assert run.exit_code == 2
        return run.stderr

    assert "answers at 127.0.0.1:2 " in called()
    assert "answers at 127.0.0.1:3 " in called("--server", "127.0.0.1:3")
    monkeypatch.setenv("FAIRLIFT_SERVER", "127.0.0.1:4")
    assert "answers at 127.0.0.1:4 " in called()
    monkeypatch.delenv("FAIRLIFT_SERVER")
    (tmp_path / "fairlift.yaml").write_text("server: nohost")
    assert "fairlift.yaml:1:9: error FL701: server is nohost, must be HOST:PORT" in called()


def test_help_names_both_servers() -> None:
    run = CliRunner().invoke(main, ["campaigns", "--help"])

    said = " ".join(run.output.split())
    assert "the server of fairlift.yaml, or 127.0.0.1:50051" in said


def test_paths_of_two_projects_are_not_checked_by_the_rules_of_one(tmp_path: Path) -> None:
    for name in ("eu", "us"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fairlift.yaml").write_text("labels: [owner]")
        (tmp_path / name / "popup.yaml").write_text(CAMPAIGN)

    run = CliRunner().invoke(main, ["check", str(tmp_path / "eu"), str(tmp_path / "us")])

    assert run.exit_code == 2
    assert "belong to different projects" in run.stderr


def test_a_shared_file_where_nobody_looks_is_told(tmp_path: Path) -> None:
    below = tmp_path / "popups"
    below.mkdir()
    for name in ("fairlift", "metrics", "audiences", "traffic"):
        (below / f"{name}.yaml").write_text("x: 1")

    found = checked(tmp_path).found

    assert [(f.rule, f.level) for f in found] == [("FL706", "warning")] * 4
    assert f"move audiences.yaml to {tmp_path}, or check" in str(found[0])


def test_a_project_file_that_a_hook_names_is_no_campaign(tmp_path: Path) -> None:
    (tmp_path / "popup.yaml").write_text(CAMPAIGN)
    (tmp_path / "fairlift.yaml").write_text("labels: [owner]")
    (tmp_path / "metrics.yaml").write_text("metrics: []")

    found = check_files([tmp_path / "fairlift.yaml", tmp_path / "popup.yaml"]).found
    alone = check_files([tmp_path / "fairlift.yaml", tmp_path / "metrics.yaml"])

    assert [f.rule for f in found] == ["FL217"]
    assert alone.found == ()


DOUBTFUL = """levels: {FL524: off}
defaults:
  unit: customer
  plan:
    alpha: 0.2
    decide: daily
    segments:
      - country
      - shoe_size
attributes: {country: string}
"""
OWN = """campaign: own
unit: customer
attributes: {country: string}
variants: [{id: a}, {id: b}]
plan:
  primary: {metric: conversion_rate, minimum_effect: 5%}
  planned_units: 400000
  alpha: 0.3
  decide: daily
  segments: [hat_size]
  settle_hours: 2
"""
TAKEN = "\n".join(OWN.replace("own", "taken").splitlines()[2:7])


def test_a_finding_that_comes_from_a_default_stands_at_the_default(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text(DOUBTFUL)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"campaign: {name}\n{TAKEN}\n")

    found = check_files([tmp_path]).found

    assert {Path(finding.path).name for finding in found} == {"fairlift.yaml"}
    assert [(f.line, f.rule, f.field) for f in found] == [
        (3, "FL515", "defaults.unit"),
        (5, "FL518", "defaults.plan.alpha"),
        (6, "FL513", "defaults.plan.decide"),
        (9, "FL523", "defaults.plan.segments[1]"),
    ]


def test_a_finding_of_a_value_of_its_own_stands_in_the_campaign(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text(DOUBTFUL)
    (tmp_path / "own.yaml").write_text(OWN)

    found = check_files([tmp_path]).found

    assert {Path(finding.path).name for finding in found} == {"own.yaml"}
    assert [finding.line for finding in found] == [8, 9, 10, 11]


def test_a_comment_beside_a_default_ignores_its_finding(tmp_path: Path) -> None:
    because = "  # fairlift: ignore FL518 because we look for hints\n"
    (tmp_path / "fairlift.yaml").write_text(f"defaults:\n  plan:\n    alpha: 0.2{because}")
    (tmp_path / "one.yaml").write_text(f"campaign: one\n{TAKEN}\n")

    assert check_files([tmp_path]).found == ()


@pytest.mark.parametrize("content", [None, b"\xff", b"a: ["])
def test_comments_of_a_file_that_changes_meanwhile_are_none(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "fairlift.yaml").write_bytes(content)

    assert ignores_of(tmp_path / "fairlift.yaml") == []
