"""Comments that ignore a rule in one place, with a reason."""

import time
from pathlib import Path

import pytest
from fairlift_cli.check import check_files
from fairlift_cli.ignores import ignores_in
from fairlift_cli.yaml_tree import YamlError, YamlList, YamlMapping, YamlScalar, yaml_documents

CAMPAIGN = """campaign: x
variants:
  - {id: control, weight: 999}
  - {id: rare, weight: 1}%s
plan: {primary: {metric: conversion_rate, minimum_effect: 5%%}, planned_units: 9_000_000}
"""
REASON = "fairlift: ignore FL203 because the staff tests it"


def rules_of(folder: Path, text: str) -> list[str]:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return [finding.rule for finding in check_files([path]).found]


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("", ["FL203"]),
        (f"  # {REASON}", []),
        (f"  #{REASON}", []),
        (f"\t# {REASON}", []),
        ("  # fairlift: ignore FL203", ["FL203", "FL901"]),
        ("  # fairlift: ignore FL203 because", ["FL203", "FL903"]),
        ("  # fairlift: ignore FL203, FL209 because the staff tests it", ["FL902"]),
        ("  # fairlift: ignore FL209 because the staff tests it", ["FL203", "FL902"]),
        ("  # fairlift: ignore FL206 because the staff tests it", ["FL203", "FL904"]),
        ("  # fairlift: ignore FL998 because the staff tests it", ["FL203", "FL903"]),
        ("  # fairlift: ignroe FL203 because the staff tests it", ["FL203", "FL903"]),
        ("  # fairlift is a fine tool", ["FL203"]),
    ],
)
def test_a_comment_behind_a_line_is_about_it(
    tmp_path: Path, comment: str, found: list[str]
) -> None:
    assert rules_of(tmp_path, CAMPAIGN % comment) == found


def test_a_comment_above_is_about_the_next_line_with_content(tmp_path: Path) -> None:
    above = f"  # {REASON}\n\n  # Another remark.\n  - {{id: rare"

    assert rules_of(tmp_path, (CAMPAIGN % "").replace("  - {id: rare", above)) == []


def test_a_comment_below_ignores_nothing(tmp_path: Path) -> None:
    below = CAMPAIGN % f"\n  # {REASON}"

    assert rules_of(tmp_path, below) == ["FL203", "FL902"]


@pytest.mark.parametrize(
    "value",
    [
        f'"a text # {REASON}"',
        f"'a text # {REASON}'",
        "a text#fairlift:ignore FL203 because",
        f"|\n  a text\n  # {REASON}",
        f">\n  # {REASON}\n\n  # {REASON}",
        f'"over\n  # {REASON}\n  lines"',
    ],
)
def test_what_is_inside_a_value_is_no_comment(tmp_path: Path, value: str) -> None:
    text = f"description: {value}\n{CAMPAIGN % ''}"

    assert rules_of(tmp_path, text) == ["FL203"]


def test_a_comment_after_a_block_of_text_is_one(tmp_path: Path) -> None:
    text = f"description: |\n  a text\n# {REASON}\n{CAMPAIGN % ''}"

    # It is about the line `campaign: x`, which does not break the rule.
    assert rules_of(tmp_path, text) == ["FL902", "FL203"]


def test_comments_are_found_after_signs_that_take_two_units_in_utf_16(tmp_path: Path) -> None:
    text = f"description: {'🎡' * 40} ¡Felicidades!\n{CAMPAIGN % f'  # {REASON}'}"

    assert rules_of(tmp_path, text) == []


def test_a_comment_of_one_document_does_not_reach_into_another(tmp_path: Path) -> None:
    second = (CAMPAIGN % "").replace("campaign: x", "campaign: y")

    found = rules_of(tmp_path, f"{CAMPAIGN % f'  # {REASON}'}---\n{second}")

    assert found == ["FL203"]


def test_a_comment_in_a_file_that_is_no_yaml_adds_no_finding(tmp_path: Path) -> None:
    assert rules_of(tmp_path, f"a: [  # {REASON}\n") == ["FL101"]


@pytest.mark.parametrize("form", ["  # {0}\n", "    x: 1  # {0}\n", "# {0}\n\n"])
def test_many_comments_cost_in_proportion(tmp_path: Path, form: str) -> None:
    """Ten times the comments take about ten times as long: a hundred would be a square."""
    line = form.format("fairlift: ignore FL203 because")

    def cost_s(comments: int) -> float:
        text = (CAMPAIGN % "").replace("plan:", f"labels:\n{line * comments}plan:")
        before = time.process_time()
        assert rules_of(tmp_path, text).count("FL903") > comments / 10
        return time.process_time() - before

    assert cost_s(15_000) < 40 * cost_s(1_500)


# YAML of every kind of value; a comment may stand behind some of these lines, or between them.
LINES = """campaign: x
description: |
  one
    two

  three
display_name: >-
  folded
  text
labels:
  a: 'single quoted
    over lines'
  b: "double quoted \\\\
    over lines"
  c: plain
    over lines
  d: |2-
      kept indent
   e
  f: >+
    kept end

variants:
  - {id: control, payload: {text: "a # b", list: [1, 2,
      3]}}
  - id: new
    payload:
      html: |
        <a href="#top"># not a comment</a>

        # neither
      "quoted key": 'it''s'
plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 9_000_000}
""".splitlines()


def values_of(text: str) -> list[object]:
    def plain(tree: object) -> object:
        match tree:
            case YamlScalar(content):
                return content
            case YamlMapping(entries):
                return [(entry.key, plain(entry.value)) for entry in entries]
            case YamlList(items):
                return [plain(item) for item in items]
        raise TypeError(tree)

    return [plain(tree) for tree in yaml_documents(text)]


@pytest.mark.parametrize("number", range(len(LINES)))
@pytest.mark.parametrize("form", ["behind", "above", "indented above"])
def test_a_comment_is_what_changes_no_value(number: int, form: str) -> None:
    lines = list(LINES)
    if form == "behind":
        lines[number] = f"{lines[number]} # {REASON}"
    else:
        lines.insert(number, f"{'      ' * (form != 'above')}# {REASON}")
    text = "\n".join(lines) + "\n"
    scalars: list[tuple[int, int]] = []
    try:
        list(yaml_documents(text, scalars))
    except YamlError:
        return  # the file itself is told

    found = ignores_in(text, scalars)

    is_comment = values_of(text) == values_of("\n".join(LINES) + "\n")
    assert bool(found) == is_comment
