"""What `fairlift check` says of campaigns that require others."""

from pathlib import Path

from fairlift_cli.check import check_files

_ONE = """
campaign: {name}
{requires}
variants: [{{id: a, weight: 1}}, {{id: b, weight: 1}}]
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
    assert all("is circular" in str(finding) for finding in findings)
