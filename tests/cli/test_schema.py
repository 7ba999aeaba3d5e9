"""The JSON Schema of campaign files: it says what `check` says, as far as a schema can."""

import copy
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.plan_pb2 import Plan
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_documents, check_files
from fairlift_cli.editor_schema import SCHEMA_LINE, SCHEMA_NAME
from fairlift_cli.reader import read_text
from fairlift_cli.rules import Level, rules
from fairlift_cli.schema import keys
from fairlift_cli.yaml_tree import (
    YamlError,
    YamlList,
    YamlMapping,
    YamlScalar,
    YamlValue,
    yaml_documents,
)
from google.protobuf.descriptor import Descriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

ROOT = Path(__file__).parent.parent.parent
FILES = ROOT / "tests" / "campaigns"
GOOD = sorted([*(FILES / "good").glob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])
NOW = datetime(2026, 11, 30, tzinfo=UTC)
BAD = sorted((FILES / "bad").glob("*.yaml"))

# The rules of `check` that the schema knows too: what a key is, and what its value looks like.
# Every other rule compares values with each other, or reads what a text means: only `check` does.
KNOWN_TO_THE_SCHEMA = {
    "FL101", "FL103", "FL104", "FL105", "FL106", "FL107", "FL109", "FL204", "FL206",
}  # fmt: skip
# Files for which that is not so, each with the reason.
EXCEPTIONS = {
    "duplicate-keys": "a schema sees one of two equal keys; editors report them by themselves",
    "nameless": "the schema requires the key campaign, and check says that the id is missing",
    "list": "a document that is no mapping is none of the schema's campaigns",
}

SCHEMA: dict[str, Any] = json.loads(CliRunner().invoke(main, ["schema"]).stdout)
VALIDATOR = Draft7Validator(SCHEMA)


def as_editors_read(tree: YamlValue) -> Any:
    """The value by the core schema of YAML 1.2, which editors use; `NO` and times are texts."""
    match tree:
        case YamlMapping():
            return {entry.key: as_editors_read(entry.value) for entry in tree.entries}
        case YamlList():
            return [as_editors_read(item) for item in tree.items]
    assert isinstance(tree, YamlScalar)
    if tree.quoted or "_" in tree.text:
        return tree.text
    if tree.is_null:
        return None
    if tree.as_bool is not None:
        return tree.as_bool
    return tree.text if tree.as_number is None else tree.as_number


def documents(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    trees = [as_editors_read(tree) for tree in yaml_documents(text)]
    return [tree for tree in trees if tree is not None]


def mistakes(value: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_it_is_a_schema_and_up_to_date() -> None:
    Draft7Validator.check_schema(SCHEMA)
    sys.path.insert(0, str(ROOT))
    from tools.campaign_schema import campaign_schema

    assert campaign_schema() == SCHEMA


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_valid(path: Path) -> None:
    for document in documents(path):
        assert mistakes(document) == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_schema_and_check_differ_only_where_it_is_listed(path: Path) -> None:
    rules = {finding.rule for finding in check_files([path]).found}

    try:
        is_refused = any(mistakes(document) for document in documents(path))
    except (YamlError, UnicodeDecodeError):
        is_refused = True  # no editor can read it either

    should_be = not rules.isdisjoint(KNOWN_TO_THE_SCHEMA)
    assert (is_refused == should_be) == (path.stem not in EXCEPTIONS), rules


def test_every_exception_is_a_file() -> None:
    assert EXCEPTIONS.keys() <= {path.stem for path in BAD}


@pytest.mark.parametrize("page", ["campaigns.md", "campaign-tests.md"])
def test_campaigns_of_a_page_are_valid(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        if re.search(r"^(campaign|name):", block, re.MULTILINE)
    ]

    for block in blocks:
        for tree in yaml_documents(block):
            assert mistakes(as_editors_read(tree)) == [], block


@pytest.mark.parametrize(
    ("message", "definition"), [(Campaign.DESCRIPTOR, "Campaign"), (Plan.DESCRIPTOR, "Plan")]
)
def test_every_key_is_there_with_a_comment_of_the_contract(
    message: Descriptor, definition: str
) -> None:
    properties = SCHEMA["definitions"][definition]["properties"]

    assert properties.keys() == keys(message).keys()
    described = [key for key, schema in properties.items() if schema.get("description")]
    assert len(described) > 0.6 * len(properties)
    assert (
        "basis points" in SCHEMA["definitions"]["Campaign"]["properties"]["traffic"]["description"]
    )


def test_enums_say_what_their_words_mean() -> None:
    decide = SCHEMA["definitions"]["Plan"]["properties"]["decide"]

    assert decide["enum"] == ["weekly", "daily"]
    assert "weekly: When whole weeks of entry are mature" in decide["description"]


def test_the_command_writes_a_file_that_the_line_of_editors_names(tmp_path: Path) -> None:
    path = tmp_path / SCHEMA_NAME

    run = CliRunner().invoke(main, ["schema", "--output", str(path)])

    assert run.exit_code == 0
    assert json.loads(path.read_text()) == SCHEMA
    assert f"# yaml-language-server: $schema={SCHEMA_NAME}" == SCHEMA_LINE
    assert (
        CliRunner().invoke(main, ["schema", "--output", str(tmp_path / "a" / "b")]).exit_code == 2
    )


# Parts of a campaign, and what a person may write in their place.
PARTS = [
    document
    for path in [FILES / "good" / "everything.yaml", *sorted((ROOT / "examples").rglob("*.yaml"))]
    for document in documents(path)
]
WRITTEN: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 7, 0.5, 1e9, "", "a", "NO", "50%", "0.5%", "150%", "10_000",
        "2026-11-27T08:00:00Z", "2026-11-27", "weekly", "visitor", "pocock", "string", "revenue",
        "cart_value >= 30", "everybody", "conversion_rate", [], ["a"], [1, 2], {}, {"a": 1},
        {"metric": "conversion_rate"}, {"order": "revenue"}, [{"id": "a"}, {"id": "b"}],
        {"action": {"name": "x", "of": "any"}}, {"value": 1}, {"conditions": []},
    ]
)  # fmt: skip


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all parts."""
    found = [at] if at else []
    parts = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in parts:
        found += places(value, (*at, key))
    return found


def mended(tree: Any, at: tuple[Any, ...], change: str, value: Any) -> Any:
    """A copy of the tree with the part at the path replaced, removed or renamed."""
    copied = copy.deepcopy(tree)
    parent = copied
    for key in at[:-1]:
        parent = parent[key]
    if change == "replace":
        parent[at[-1]] = value
    elif change == "remove":
        del parent[at[-1]]
    elif isinstance(parent, dict):
        parent[f"{at[-1]}x"] = parent.pop(at[-1])
    return copied


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_what_the_schema_refuses_check_refuses_too(data: st.DataObject) -> None:
    """An editor that marks what is right would be worse than none."""
    tree = data.draw(st.sampled_from(PARTS))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.sampled_from(places(tree)))
        change = data.draw(st.sampled_from(["replace", "replace", "replace", "remove", "rename"]))
        tree = mended(tree, at, change, data.draw(WRITTEN))
    if not places(tree):
        return
    refused = mistakes(tree)
    if not refused:
        return

    # JSON is YAML; a text with an underscore is written without quotes, as people write 10_000.
    text = re.sub(r'"(\d+(?:_\d+)+)"', r"\1", json.dumps(tree))
    reading = read_text(text, "x.yaml")
    found = [*reading.findings, *check_documents(reading.documents, now=NOW)]

    errors = [finding for finding in found if rules()[finding.rule].level is Level.ERROR]
    assert errors, (refused, text)
