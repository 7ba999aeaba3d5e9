"""Campaign files: every mistake is found in one run, with its line and in its words."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fairlift.wire.campaign import campaign_from, campaign_to
from fairlift_cli.__main__ import main
from fairlift_cli.campaign_files import campaign_files
from fairlift_cli.check import check_files
from fairlift_cli.failures import Misused
from fairlift_cli.findings import Finding
from fairlift_cli.formats.as_github import as_github
from fairlift_cli.formats.as_json import as_json
from fairlift_cli.formats.as_text import as_text
from fairlift_cli.reader import read, read_text
from fairlift_cli.yaml_tree import MAX_BYTES

FILES = Path(__file__).parent.parent / "campaigns"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
GOOD = sorted([*(FILES / "good").glob("*.yaml"), *EXAMPLES.rglob("*.yaml")])
NOW = datetime(2026, 11, 30, tzinfo=UTC)
POINTER = re.compile(r"(#<|# *\^) (FL\d{3})")
BAD = sorted((FILES / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_has_no_findings(path: Path) -> None:
    assert check_files([path]).findings == ()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_has_exactly_the_findings_that_are_written_down(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)

    found = check_files([Path(path.name)], now=NOW).found

    beside = path.with_suffix(".expected")
    if beside.exists():
        assert list(map(str, found)) == beside.read_text(encoding="utf-8").splitlines()
    else:
        expected = sorted(pointed_at(path.read_text(encoding="utf-8")))
        assert sorted((f.line, f.column, f.rule) for f in found) == expected, found


def pointed_at(text: str) -> Iterator[tuple[int, int, str]]:
    """What the comments of a file expect: `^ FL203` below the column, `#< FL203` for the first."""
    above = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if match := POINTER.fullmatch(line):
            yield above, 1 if match[1] == "#<" else match.end(1), match[2]
        else:
            above = number


def test_every_bad_file_has_its_findings_written_down() -> None:
    for path in BAD:
        text = path.read_bytes().decode(errors="replace")
        assert path.with_suffix(".expected").exists() != any(pointed_at(text)), path


def test_what_was_read_survives_the_engine_and_the_way_back() -> None:
    (document,) = read(FILES / "good" / "everything.yaml").documents

    campaign = campaign_from(document.message)

    assert campaign_from(campaign_to(campaign)) == campaign
    assert campaign.plan is not None
    assert campaign.plan.planned_units == 50_000
    assert campaign.plan.guardrails[0].margin == 0.02
    assert campaign.traffic_bps == 2_500
    assert campaign.layer is not None
    assert (campaign.layer.start_bps, campaign.layer.size_bps) == (1_000, 4_000)
    assert campaign.variants[1].payload["steps"] == [1, "two", True, None, {"deep": []}]
    assert dict(campaign.overrides) == {"ana": "voucher", "123": "control"}


def test_short_and_long_audiences_read_the_same() -> None:
    short = _only('audience: cart_value >= 30 and country in ["ES", "RO"]')
    long = _only(
        "audience: {all_of: [{compare: {attribute: cart_value, op: ge, value: 30}},"
        " {in: {attribute: country, values: [ES, RO]}}]}"
    )

    assert short.audience == long.audience


def test_norway_is_a_country() -> None:
    campaign = _only("audience: {in: {attribute: country, values: [NO, no, on, y]}}")

    assert getattr(campaign.audience, "values", None) == ("NO", "no", "on", "y")


def test_two_files_cannot_hold_one_campaign(tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = "campaign: same\nvariants: [{id: a}, {id: b}]\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")

    (finding,) = check_files([tmp_path]).findings

    assert finding.path.endswith("two.yaml")
    assert f"campaign same is also defined at {tmp_path / 'one.yaml'}:1" in str(finding)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("# " + "x" * MAX_BYTES, encoding="utf-8")

    (finding,) = check_files([path]).findings

    assert "has more than 1048576 bytes" in finding.message


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["[" * 500_000, "- " * 500_000, "{a: " * 250_000, "? " * 500_000])
def test_deep_nesting_neither_crashes_nor_takes_long(text: str) -> None:
    (finding,) = read_text(text, "deep.yaml").findings

    assert "is nested more than 64 levels deep" in finding.message


@pytest.mark.timeout(10)
def test_merging_again_and_again_is_stopped_early() -> None:
    shared = ", ".join(f"k{number}: 0" for number in range(30_000))
    text = f"campaign: x\nlabels: &l {{{shared}}}\nvariants:\n" + "- {<<: *l}\n" * 50_000

    (finding,) = read_text(text, "merge.yaml").findings

    assert (
        str(finding)
        == "merge.yaml:5:8: error FL103: contains more than 100000 values, with aliases expanded"
    )


@pytest.mark.timeout(10)
def test_ten_thousand_values_are_read_in_a_moment() -> None:
    values = ", ".join(f'"{number}"' for number in range(10_000))

    campaign = _only(f"audience: {{in: {{attribute: city, values: [{values}]}}}}")

    assert len(campaign.audience.values) == 10_000


def test_folders_are_searched_and_files_found_once(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.yaml", "inner/a.yml", "notes.md"):
        (tmp_path / name).touch()

    found = campaign_files([tmp_path, tmp_path / "b.yaml"])

    assert [path.name for path in found] == ["b.yaml", "a.yml"]


def test_a_path_to_nothing_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misused, match=r"contains no campaign file"):
        campaign_files([tmp_path])
    with pytest.raises(Misused, match="does not exist"):
        campaign_files([tmp_path / "absent.yaml"])


def test_findings_for_programs_are_json() -> None:
    finding = Finding("a.yaml", 4, 7, "variants[0].wieght", "is not known", "FL105")

    found = json.loads(as_json([finding], campaigns=1))

    assert found == {
        "campaigns": 1,
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "path": "a.yaml",
                "line": 4,
                "column": 7,
                "field": "variants[0].wieght",
                "message": "is not known",
                "rule": "FL105",
                "level": "error",
            }
        ],
    }


def test_findings_for_github_cannot_break_out_of_their_line() -> None:
    finding = Finding("a,b:c.yaml", 4, 7, "x", "is 50%\n::warning::forged", "FL105")

    assert as_github([finding]) == (
        "::error file=a%2Cb%3Ac.yaml,line=4,col=7,title=FL105::x is 50%25 ::warning::forged"
    )


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", "layers.yaml:3:1: error FL402: layer 0% to"),
        ("json", "{"),
        ("github", "::warning file=layers.yaml,line=1,"),
    ],
)
def test_the_command_prints_each_form_and_ends_with_one(
    form: str, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FILES / "bad")

    run = CliRunner().invoke(main, ["check", "layers.yaml", "--format", form])

    assert run.exit_code == 1
    assert run.stdout.startswith(begins)
    assert ("2 mistakes" in run.stderr) == (form == "text")


def test_people_read_the_first_mistakes_of_each_file_and_programs_get_all(tmp_path: Path) -> None:
    keys = "\n".join(f"wrong-{number}: 1" for number in range(50))
    good = "campaign: {}\nvariants: [{{id: a}}, {{id: b}}]\n"
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"{good.format(name)}{keys}\n", encoding="utf-8")

    def run(form: str) -> Result:
        return CliRunner().invoke(main, ["check", str(tmp_path), "--format", form])

    text, whole, github = run("text"), run("json"), run("github")
    rows = text.stdout.splitlines()
    assert [each.exit_code for each in (text, whole, github)] == [1, 1, 1]
    assert text.stderr == "2 campaigns checked: 100 mistakes, 2 warnings\n"
    assert [f"{name}.yaml:" in row for name in ("one", "two") for row in rows].count(True) == 42
    assert rows[20] == (
        f"{tmp_path / 'one.yaml'}: ... and 31 more; `fairlift check --format json` prints all"
    )
    assert rows[21].startswith(f"{tmp_path / 'two.yaml'}:3:1: error FL105: wrong-0 ")
    assert len(json.loads(whole.stdout)["findings"]) == 102
    assert len(github.stdout.splitlines()) == 102


@pytest.mark.parametrize(("count", "lines"), [(20, 20), (21, 21), (22, 21)])
def test_no_single_mistake_is_left_out(count: int, lines: int) -> None:
    found = [Finding("a.yaml", number, 1, "x", "is wrong", "FL105") for number in range(count)]

    assert len(as_text(found).splitlines()) == lines


def test_the_command_ends_with_zero_when_there_is_nothing_to_say() -> None:
    run = CliRunner().invoke(main, ["check", "--strict", str(FILES / "good" / "several.yaml")])

    assert (run.exit_code, run.output) == (0, "2 campaigns checked: no mistakes\n")


def _only(line: str):  # type: ignore[no-untyped-def]  # the engine's campaign
    reading = read_text(f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{line}\n", "x.yaml")
    assert reading.findings == []
    return campaign_from(reading.documents[0].message)
