"""What `fairlift check` says of campaigns that require others."""

from pathlib import Path

from fairlift_cli.check import check_files

_ONE = """
campaign: {name}
{requires}
variants: [{{id: a, weight: 1}}, {{id: b, weight: 1}}]
plan: {{primary: {{metric: conversion_rate, minimum_effect: 5%}}, planned_units: 40000}}
"""


def _written(folder: Path, name: str, *, requires: str = "", variant: str = "a") -> None:
    line = f"prerequisites: [{{campaign: {requires}, variants: [{variant}]}}]" if requires else ""
    (folder / f"{name}.yaml").write_text(_ONE.format(name=name, requires=line))


def test_a_required_campaign_that_no_file_has_is_a_warning_because_the_server_may_have_it(
    tmp_path: Path,
) -> None:
    _written(tmp_path, "one-click", requires="new-checkout")

    checked = check_files([tmp_path])

    assert checked.findings == ()
    (warning,) = checked.warnings
    assert warning.line == 3
    assert "is new-checkout, which is in none of these files" in str(warning)


def test_a_required_campaign_of_another_file_is_no_warning(tmp_path: Path) -> None:
    _written(tmp_path, "one-click", requires="new-checkout")
    _written(tmp_path, "new-checkout")

    checked = check_files([tmp_path])

    assert (checked.findings, checked.warnings) == ((), ())


def test_a_variant_that_the_required_campaign_has_not_is_a_mistake(tmp_path: Path) -> None:
    _written(tmp_path, "one-click", requires="new-checkout", variant="c")
    _written(tmp_path, "new-checkout")

    (finding,) = check_files([tmp_path]).findings

    assert "its variants are a, b" in str(finding)


def test_campaigns_that_require_each_other_are_a_mistake(tmp_path: Path) -> None:
    _written(tmp_path, "one", requires="two")
    _written(tmp_path, "two", requires="one")

    findings = check_files([tmp_path]).findings

    assert len(findings) == 2
    assert "prerequisites lead in a circle, one → two → one, which nobody" in str(findings[0])
    assert "lead in a circle, two → one → two," in str(findings[1])


def _in_layer(folder: Path, name: str, *requires: str, layer: int | None = None) -> None:
    lines = [f"campaign: {name}", "variants: [{id: a}, {id: b}]"]
    if requires:
        needed = ", ".join(f"{{campaign: {each}, variants: [b]}}" for each in requires)
        lines.append(f"prerequisites: [{needed}]")
    if layer is not None:
        lines.append(f"layer: {{layer: page, start: {layer}%, size: 10%}}")
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n" + PLAN)


PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}\n"


def test_a_campaign_of_the_layer_may_be_required_by_way_of_others(tmp_path: Path) -> None:
    _in_layer(tmp_path, "one", "two", layer=0)
    _in_layer(tmp_path, "two", "three")
    _in_layer(tmp_path, "three", layer=50)

    (warning,) = check_files([tmp_path]).warnings

    assert (warning.rule, warning.path) == ("FL406", str(tmp_path / "one.yaml"))
    assert "needs three, in another slice of layer page than one" in warning.message


def test_two_required_campaigns_of_one_layer_let_nobody_in(tmp_path: Path) -> None:
    _in_layer(tmp_path, "one", "two", "three")
    _in_layer(tmp_path, "two", layer=0)
    _in_layer(tmp_path, "three", layer=50)

    (warning,) = check_files([tmp_path]).warnings

    assert (warning.rule, warning.line, warning.column) == ("FL406", 3, 50)
    assert warning.field == "prerequisites[1].campaign"


def test_a_campaign_that_is_required_twice_is_in_its_own_slice(tmp_path: Path) -> None:
    _in_layer(tmp_path, "one", "two", "three")
    _in_layer(tmp_path, "two", "three")
    _in_layer(tmp_path, "three", layer=50)
    _in_layer(tmp_path, "other", layer=0)

    assert check_files([tmp_path]).found == ()


def test_a_chain_of_nine_says_which_campaign_is_too_far(tmp_path: Path) -> None:
    for number in range(9):
        _in_layer(tmp_path, f"c{number}", *([f"c{number + 1}"] if number < 8 else []))

    (finding,) = check_files([tmp_path]).findings

    assert finding.rule == "FL407"
    assert "are a chain of more than 8 campaigns, c0 → c1" in finding.message
