"""Test files: mistakes are told on their lines, and nothing is run by half."""

import os
import re
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fairlift.engine.campaign import Campaign, Variant
from fairlift_cli.__main__ import main
from fairlift_cli.assignment_tests.reading import read_cases
from hypothesis import given, settings
from hypothesis import strategies as st

CAMPAIGN = """
campaign: popup
attributes: {exit_intent: bool, visits: number, tags: list, app: version, since: time}
audience: exit_intent
variants: [{id: none}, {id: shown}]
"""


def run(folder: Path, tests: str, name: str = "popup.test.yaml") -> Result:
    (folder / "popup.yaml").write_text(CAMPAIGN)
    (folder / name).write_text(tests)
    return CliRunner().invoke(main, ["test", str(folder)])


@pytest.mark.parametrize(
    ("case", "line", "said"),
    [
        ("campaign: popup\n    expect: {reason: bot}", 2, "tests[0].name is missing"),
        ("name: x\n    campaign: popup", 2, "tests[0].expect is missing"),
        ("name: x\n    campaign: popup\n    expect: {}", 4, "tests[0].expect is empty"),
        ("name: x\n    expect: {reason: bot}", 2, "tests[0].campaign is missing"),
        (
            "name: x\n    campaign: popup\n    expect: {reason: asigned}",
            4,
            "tests[0].expect.reason is asigned, which is not a reason; did you mean assigned?",
        ),
        (
            "name: x\n    campaign: popup\n    expect: {variant: show}",
            4,
            "is show, which is not a variant of popup; did you mean shown?",
        ),
        (
            "name: x\n    campaign: popup\n    visitor_in: nobody\n    expect: {reason: bot}",
            4,
            "is nobody, which is not a variant of popup; its variants are none, shown",
        ),
        (
            "name: x\n    campaign: popup\n    attributes: {exit_intend: true}\n"
            "    expect: {reason: bot}",
            4,
            "attributes.exit_intend is not declared under attributes of the campaign; did you mean "
            "exit_intent?",
        ),
        (
            'name: x\n    campaign: popup\n    attributes: {visits: "3"}\n'
            "    expect: {reason: bot}",
            4,
            "attributes.visits must be a number",
        ),
        (
            "name: x\n    campaign: popup\n    matrix: {since: [2026-01-01]}\n"
            "    expect: {reason: bot}",
            4,
            "which has no time zone",
        ),
        (
            "name: x\n    campaign: popup\n    matrix: {visits: []}\n    expect: {reason: bot}",
            4,
            "matrix.visits must be a list of values",
        ),
        ("name: x\n    campaign: popup\n    expects: {}", 4, "did you mean expect?"),
        (
            "name: x\n    campaign: popup\n    shares: {none: 60%, shown: 60%}",
            4,
            "are more than 100% together",
        ),
        ("name: x\n    campaign: popup\n    shares: {none: half}", 4, "must be a share from 0%"),
        ("name: x\n    campaign: popup\n    holdout: 50.01%", 4, "must be at most 50%"),
        (
            "name: x\n    campaign: popup\n    entering: 5%\n    visitors: 2000000",
            5,
            "must be a whole number from 1,000 to 1,000,000",
        ),
        ("name: x\n    campaign: popup\n    shares: {}", 4, "tests[0].shares is empty"),
        (
            "name: x\n    campaign: popup\n    shares: {none: 50%}\n    visitors: 1",
            5,
            "must be a whole number from 1,000",
        ),
        (
            "name: x\n    campaign: popup\n    expect: {payload: {}}",
            4,
            "expect.payload must be a mapping",
        ),
        ("name: x\n    independent: [popup]", 3, "must be a list of two campaigns"),
        ("name: x\n    independent: [popup, popup]", 3, "names popup twice"),
        ("name: x\n    independent: [popup, pop]", 3, "is pop, which no campaign file defines"),
        (
            "name: x\n    name: y\n    campaign: popup\n    expect: {reason: bot}",
            3,
            "name appears twice, first on line 2",
        ),
        (
            "name: x\n    campaign: popup\n    visitor: v\n    visitor_in: none\n"
            "    expect: {reason: bot}",
            5,
            "remove visitor and customer",
        ),
    ],
)
def test_a_mistake_is_told_on_its_line(case: str, line: int, said: str, tmp_path: Path) -> None:
    result = run(tmp_path, f"tests:\n  - {case}\n")

    assert result.exit_code == 1
    place = f"{tmp_path / 'popup.test.yaml'}:{line}:"
    assert any(row.startswith(place) and said in row for row in result.stderr.splitlines()), (
        result.stderr
    )
    assert "0 tests: ok, " in result.stderr


def test_too_many_combinations_are_refused(tmp_path: Path) -> None:
    values = ", ".join(map(str, range(101)))
    matrix = f"{{visits: [{values}], tags: [[a], [b], [c], [d], [e], [f], [g], [h], [i], [j]]}}"

    result = run(
        tmp_path,
        f"tests:\n  - {{name: x, campaign: popup, matrix: {matrix}, expect: {{reason: bot}}}}\n",
    )

    assert "has 1,010 combinations, must have at most 1,000" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "contains no tests"),
        ("- a\n", "a test file begins with `tests:`"),
        ("test: []\n", "did you mean tests?"),
        ("tests: {}\n", "must be a list"),
        ("tests: [1]\n", "tests[0] must be a mapping"),
        ("tests: [\n", "is not YAML"),
        ("tests: &a\n  - *a\n", "is not defined"),
    ],
)
def test_a_file_that_is_no_test_file_is_told(text: str, said: str, tmp_path: Path) -> None:
    result = run(tmp_path, text)

    assert result.exit_code == 1
    assert said in result.stderr


def test_bytes_that_are_no_text_and_large_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.test.yaml").write_bytes(b"tests:\n\xff")
    (tmp_path / "b.test.yaml").write_bytes(b"#" * (1 << 21))

    result = run(tmp_path, "")

    assert "a.test.yaml:2:1: error FL801: is not UTF-8" in result.stderr
    assert "has more than 1048576 bytes" in result.stderr


def test_campaigns_with_mistakes_are_not_tested(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("campaign: other\nvariants: [{id: a}]\n")

    result = run(tmp_path, "tests: []\n")

    assert result.exit_code == 1
    assert "other.yaml:2" in result.stderr
    assert "Nothing was tested." in result.stderr


def test_a_test_file_alone_finds_the_campaigns_beside_it(tmp_path: Path) -> None:
    case = "{name: x, campaign: popup, visitor: v, expect: {reason: not_in_audience}}"
    run(tmp_path, f"tests: [{case}]\n")

    result = CliRunner().invoke(main, ["test", str(tmp_path / "popup.test.yaml")])

    assert (result.exit_code, result.output) == (0, "1 tests: ok\n")


def test_a_folder_without_tests_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "popup.yaml").write_text(CAMPAIGN)

    result = CliRunner().invoke(main, ["test", str(tmp_path)])

    assert result.exit_code == 2
    assert "they are in files named *.test.yaml" in result.stderr


def test_check_and_apply_leave_test_files_alone(tmp_path: Path) -> None:
    run(tmp_path, "tests: nothing\n")

    folder = CliRunner().invoke(main, ["check", str(tmp_path)])
    alone = CliRunner().invoke(main, ["check", str(tmp_path / "popup.test.yaml")])

    assert folder.output.splitlines()[-1].startswith("1 campaign checked: no mistakes")
    assert "popup.test.yaml" not in folder.output
    assert alone.exit_code == 2
    assert "run them by `fairlift test`" in alone.stderr


@pytest.mark.timeout(20)
def test_pipes_and_broken_links_are_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.test.yaml")
    (tmp_path / "link.test.yaml").symlink_to(tmp_path / "gone")

    result = run(tmp_path, "")

    assert result.exit_code == 1
    assert (
        "pipe.test.yaml:1:1: error FL801: is not a file but a folder, a pipe or a device"
        in result.stderr
    )
    assert (
        "link.test.yaml:1:1: error FL801: is a link to a file that does not exist" in result.stderr
    )


def test_hidden_folders_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "old.test.yaml").write_text("nonsense")
    case = "{name: x, campaign: popup, visitor: v, expect: {reason: not_in_audience}}"

    assert run(tmp_path, f"tests: [{case}]\n").output == "1 tests: ok\n"


def test_attributes_of_the_project_are_known(tmp_path: Path) -> None:
    declared = CAMPAIGN.splitlines()[2].replace("}", ", device: string}")
    (tmp_path / "fairlift.yaml").write_text(f"{declared}\n")
    case = "{name: x, campaign: popup, attributes: {%s: a}, expect: {reason: not_in_audience}}"

    known = run(tmp_path, f"tests: [{case % 'device'}]\n")
    unknown = run(tmp_path, f"tests: [{case % 'devise'}]\n")

    assert "is not declared" not in known.stderr
    assert "did you mean device?" in unknown.stderr


TEXT = Path(__file__).parent.parent.parent.parent.joinpath("docs", "campaign-tests.md").read_text()
PAGE_CASES = "".join(
    block.removeprefix("tests:\n")
    for block in re.findall(r"```yaml\n(tests:.*?)```", TEXT, re.DOTALL)
)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(PAGE_CASES)),
    st.integers(0, 12),
    st.sampled_from(
        ["", " ", "\n", ":", "[", "]", "{", "}", "-", "&a ", "*a", "<<: ", "'", "!!str "]
    )
    | st.text(max_size=6),
)
def test_no_text_makes_the_reader_crash(place: int, length: int, put: str) -> None:
    text = f"tests:\n{PAGE_CASES[:place]}{put}{PAGE_CASES[place + length :]}"
    campaigns = {"free-shipping": Campaign("free-shipping", (Variant("a"), Variant("b")))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.test.yaml")
        path.write_text(text, encoding="utf-8", errors="surrogateescape")

        found = read_cases(path, campaigns, {})

    assert all(mistake.line >= 1 and mistake.message for mistake in found.mistakes)
