"""A mistake hides no doubt about the rest of its campaign, and makes none up."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fairlift_cli.check import check_files

NOW = datetime(2026, 11, 30, tzinfo=UTC)
# What is doubtful in each part, with the rule that says so, and what has nothing to do with it.
DOUBTS = {
    "FL203": ("variants", "[{id: a, weight: 1}, {id: b, weight: 1000000}]"),
    "FL303": ("audience", "vip or not vip"),
    "FL412": ("schedule", "{end_time: 2016-11-30T00:00:00Z}"),
    "FL404": ("layer", "{layer: alone, start: 0%, size: 10%}"),
    "FL504": ("  primary", "{metric: conversion_rate, minimum_effect: 5}"),
    "FL514": ("  primary", "{metric: average_ticket, minimum_effect: 10%}"),
    "FL511": ("  guardrails", "[{metric: profit_per_visitor, margin: 20%}]"),
    "FL518": ("  alpha", "0.5"),
    "FL525": ("  minimum_days", "10"),
    "FL531": ("  planned_units", "20"),
}
MISTAKES = {
    "name": "campaign: Free Shipping",
    "unknown": "trafic: 50%",
    "audience": 'audience: country = "ES"',
    "layer": "layer: {layer: popups, start: 60%, size: 60%}",
    "labels": "labels: [a]",
    "overrides": "overrides: {ana: nobody}",
    "prerequisites": "prerequisites: [{campaign: popup, variants: [a]}]",
    "variants": "variants: [{id: a}]",
    "variant": "variants: [{id: a}, {id: a}]",
    "payload": "variants: [{id: a}, {id: b, payload: 3}]",
    "segments": "  segments: [a b]",
    "metrics": "  metrics: [{name: wishes}]",
    "metric": "  secondary: [conversions]",
    "guardrails": "  guardrails: [refund_rate]",
    "stopping": "  stopping: {expected_loss: {threshold: 0, prior_sd: 0.03}}",
    "window": "  window_days: 7\n  window: open_ended",
    "bands": "  bands: [{attribute: cart, bounds: [1]}]",
    "days": "  maximum_days: 30",
    "units": "  planned_units: 0",
    "effect": "  primary: {metric: conversion_rate}",
    "start": "schedule: {start_time: 2016-11-30}",
    "currency": "currency_code: euro",
}
# Where the rule reads what is wrong.
READS = {
    "FL203": {"variants", "variant", "payload"},
    "FL303": {"audience"},
    "FL412": {"start"},
    "FL404": {"name", "layer"},
    "FL504": {"effect"},
    "FL514": {"effect", "guardrails", "metrics"},
    "FL511": {"guardrails", "metrics"},
    "FL518": set(),
    "FL525": set(),
    "FL531": {"variants", "audience", "variant", "payload", "metrics", "effect", "units"},
}


def written(*parts: str) -> str:
    """A campaign of these lines, and plain ones for all that they leave out."""
    lines = {
        "campaign": "campaign: popup",
        "variants": "variants: [{id: a}, {id: b}]",
        "plan": "plan:",
        "  primary": "  primary: {metric: conversion_rate, minimum_effect: 10%}",
        "  planned_units": "  planned_units: 400000",
    }
    top = [part for part in parts if not part.startswith(" ")]
    inside = [part for part in parts if part.startswith(" ")]
    lines |= {part.partition(":")[0]: part for part in (*top, *inside)}
    outer = [line for key, line in lines.items() if not key.startswith((" ", "plan"))]
    inner = [line for key, line in lines.items() if key.startswith(" ")]
    return "\n".join([*outer, "plan:", *inner]) + "\n"


OTHER = written(
    *("campaign: other", "layer: {layer: banners, start: 0%, size: 10%}"),
    *("unit: customer", "  settle_hours: 30"),
)


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [(rule, each) for rule in DOUBTS for each in MISTAKES if each not in READS[rule]],
)
def test_a_doubt_is_told_beside_a_mistake_that_it_does_not_read(
    tmp_path: Path, rule: str, mistake: str
) -> None:
    doubt = ": ".join(DOUBTS[rule])
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "other.yaml").write_text(OTHER)
    (folder / "popup.yaml").write_text(written(doubt, MISTAKES[mistake]))

    result = check_files([folder], now=NOW)

    of_popup = {found.rule for found in result.found if "popup.yaml" in found.path}
    assert rule in of_popup, "\n".join(map(str, result.found))
    assert result.findings != ()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_alone_makes_no_doubt(tmp_path: Path, mistake: str) -> None:
    (tmp_path / "popup.yaml").write_text(written(MISTAKES[mistake]))

    result = check_files([tmp_path], now=NOW)

    assert result.warnings == ()
    assert 1 <= len(result.findings) <= 2


def test_a_layer_that_cannot_be_read_may_be_the_one_of_another(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(OTHER)
    (tmp_path / "popup.yaml").write_text(written("layer: {layer: Banners, size: 10%}"))

    assert {found.rule for found in check_files([tmp_path], now=NOW).found} == {"FL405"}


@pytest.mark.parametrize("broken", ["campaign: Popup", "campaign: [popup]", 'campaign: "popup'])
def test_a_campaign_without_an_id_may_be_the_one_that_others_need(
    tmp_path: Path, broken: str
) -> None:
    layer = "layer: {layer: banners, start: 50%, size: 10%}"
    (tmp_path / "popup.yaml").write_text(written(broken, layer, "unit: customer"))
    needs = "prerequisites: [{campaign: popup, variants: [b]}]"
    (tmp_path / "other.yaml").write_text(OTHER + needs)

    assert {f.path for f in check_files([tmp_path], now=NOW).found} == {
        str(tmp_path / "popup.yaml")
    }


def test_a_slice_that_cannot_be_read_still_names_its_layer(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(OTHER)
    layer = "layer: {layer: banners, start: 10, size: 10%}"
    (tmp_path / "popup.yaml").write_text(written(layer, "unit: customer", "  settle_hours: 30"))

    assert {found.rule for found in check_files([tmp_path], now=NOW).found} == {"FL107"}


def test_an_attribute_that_cannot_be_read_hides_no_other_one(tmp_path: Path) -> None:
    (tmp_path / "fairlift.yaml").write_text("attributes: {vip: bool}")
    (tmp_path / "popup.yaml").write_text(written("attributes: {vip: yes, weather: string}"))

    assert {found.rule for found in check_files([tmp_path], now=NOW).found} == {"FL107", "FL307"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("  planned_units: 0", "is 0, must be 1 or more"),
        ("  stopping: {expected_loss: {prior_sd: 0.03}}", "threshold is missing, must be a"),
        ("variants: [{weight: 1}, {id: b}]", "variants[0].id is missing, must be 1 to 63"),
    ],
)
def test_what_is_missing_is_not_called_zero(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "popup.yaml").write_text(written(line))

    (found,) = check_files([tmp_path], now=NOW).findings

    assert says in str(found)


def test_units_that_are_not_given_are_missing(tmp_path: Path) -> None:
    text = written().replace("  planned_units: 400000\n", "")
    (tmp_path / "popup.yaml").write_text(text)

    (found,) = check_files([tmp_path], now=NOW).findings

    assert "plan.planned_units is missing, must be 1 or more" in str(found)
