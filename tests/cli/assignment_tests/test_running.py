"""`fairlift test`: what a test file promises is compared with what the engine does."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from fairlift_cli.__main__ import main
from fairlift_cli.assignment_tests import running
from fairlift_cli.simulation import simulated_snapshot

CAMPAIGNS = """
campaign: free-shipping
attributes: {cart_value: number, country: string, registered: time}
audience: cart_value >= 30 and cart_value < 50 and country in ["ES", "RO"]
traffic: 80%
overrides: {ana: over-50}
schedule: {start_time: 2026-11-27T00:00:00Z, end_time: 2026-12-01T00:00:00Z}
variants:
  - {id: control, weight: 1}
  - {id: over-50, weight: 2, payload: {threshold: 50, texts: {es: Gratis}, on: true}}
---
campaign: popup
layer: {layer: popups, start: 0%, size: 50%}
variants: [{id: none}, {id: shown}]
---
campaign: newsletter
layer: {layer: popups, start: 50%, size: 50%}
variants: [{id: none}, {id: shown}]
---
campaign: badge
unit: customer
variants: [{id: plain}, {id: gold}]
---
campaign: badge-in-cart
prerequisites: [{campaign: free-shipping, variants: [over-50]}]
attributes: {page: string}
variants: [{id: plain}, {id: gold}]
"""
IN = "attributes: {cart_value: 40, country: ES}"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command on test cases beside the campaigns."""
    (tmp_path / "shop.yaml").write_text(CAMPAIGNS)

    def run(cases: str, *words: str) -> Result:
        (tmp_path / "shop.test.yaml").write_text(f"tests:\n{cases}")
        return CliRunner().invoke(main, ["test", str(tmp_path), *words])

    return run


@pytest.mark.parametrize(
    "case",
    [
        f"{{campaign: free-shipping, visitor_in: over-50, {IN}, expect: {{reason: assigned}}}}",
        f"{{campaign: free-shipping, visitor_in: control, {IN}, expect: {{variant: control}}}}",
        f"{{campaign: free-shipping, visitor_in: over-50, {IN}, "
        "expect: {payload: {threshold: 50.0, texts: {es: Gratis}}}}",
        "{campaign: free-shipping, visitor: ana, expect: {reason: override, variant: over-50}}",
        f"{{campaign: free-shipping, {IN}, time: 2026-11-26T23:59:59Z, "
        "expect: {reason: not_started, variant: control}}",
        f"{{campaign: free-shipping, {IN}, time: 2026-12-01T01:00:00+01:00, "
        "expect: {reason: ended}}",
        "{campaign: free-shipping, matrix: {cart_value: [29.99, 50], country: [ES, RO]}, "
        "expect: {reason: not_in_audience}}",
        "{campaign: badge, visitor: v, expect: {reason: no_unit}}",
        "{campaign: badge, customer: c, expect: {reason: assigned}}",
        "{campaign: badge-in-cart, attributes: {cart_value: 1}, expect: {reason: prerequisite}}",
        "{campaign: popup, attributes: {is_bot: true}, visitor: v, expect: {reason: bot}}",
        "{campaign: popup, holdout: 50%, entering: 25%}",
        f"{{campaign: free-shipping, {IN}, entering: 80%, "
        "shares: {control: 33.33%, over-50: 66.67%}}",
        f"{{campaign: free-shipping, {IN}, shares: {{control: 0.3333}}, within: 1%}}",
        f"{{campaign: badge-in-cart, {IN}, time: 2026-11-28T00:00:00Z, entering: 53.33%}}",
        f"{{independent: [free-shipping, popup], {IN}}}",
        "{independent: [badge, popup]}",
        "{exclusive: [newsletter, popup]}",
    ],
)
def test_a_promise_that_is_kept_passes(run: Run, case: str) -> None:
    result = run(f"  - {{name: kept, {case[1:]}\n")

    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.output.endswith("tests: ok\n")


@pytest.mark.parametrize(
    ("case", "line", "said"),
    [
        (
            "    campaign: free-shipping\n    expect:\n      reason: assigned\n",
            5,
            "reason: expected assigned, visitor-1 got not_in_audience (control)",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    visitor_in: over-50\n"
            "    expect:\n      variant: control\n",
            7,
            "variant: expected control,",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    visitor_in: over-50\n"
            "    expect:\n      payload: {threshold: 60}\n",
            7,
            "payload.threshold: expected 60, got 50 (variant over-50)",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    visitor_in: over-50\n"
            "    expect:\n      payload: {on: 1}\n",
            7,
            "payload.on: expected 1, got true",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    visitor_in: over-50\n"
            "    expect:\n      payload: {texts: {ro: Gratuit}}\n",
            7,
            'payload.texts.ro: expected "Gratuit", is not there',
        ),
        (
            "    campaign: free-shipping\n    visitor_in: over-50\n"
            "    expect: {reason: assigned}\n",
            2,
            "none of 20,000 visitors gets over-50 in free-shipping; the first one gets control "
            "(not_in_audience)",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    shares:\n      control: 33%\n"
            "      over-50: 66.67%\n    visitors: 1000000\n",
            6,
            "control: expected 33.00% within 0.27%",
        ),
        (
            f"    campaign: free-shipping\n    {IN}\n    entering: 81%\n",
            5,
            "entering: expected 81.00% within",
        ),
        (
            "    campaign: free-shipping\n    shares: {control: 50%}\n",
            2,
            "none of 100,000 visitors",
        ),
        (f"    exclusive: [free-shipping, popup]\n    {IN}\n", 2, "visitors enter both"),
        ("    independent: [newsletter, popup]\n", 2, "if that is meant, write exclusive"),
    ],
)
def test_a_promise_that_is_broken_fails_on_its_line(
    run: Run, case: str, line: int, said: str, tmp_path: Path
) -> None:
    result = run(f"  - name: broken\n{case}")

    assert result.exit_code == 1
    assert f"{tmp_path / 'shop.test.yaml'}:2: failed: broken" in result.output
    place = f"  {tmp_path / 'shop.test.yaml'}:{line}: "
    assert any(row.startswith(place) and said in row for row in result.output.splitlines()), (
        result.output
    )
    assert "1 tests: 1 failed" in result.stderr


def test_a_matrix_is_every_combination(run: Run) -> None:
    case = (
        "  - name: carts\n    campaign: free-shipping\n    attributes: {country: ES}\n"
        "    matrix: {cart_value: [29, 30, 49.99, 50], country: [ES, RO, FR]}\n"
        "    time: 2026-12-02T00:00:00Z\n    expect: {reason: ended}\n"
    )

    results = json.loads(run(case, "--format", "json").stdout)

    assert len(results) == 12
    assert all(result["passed"] for result in results)
    assert results[1]["name"] == "carts (cart_value 29, country RO)"


def test_the_answers_do_not_depend_on_the_day_or_the_order(run: Run) -> None:
    case = f"  - {{name: it, campaign: free-shipping, visitor: v7, {IN}, expect: {{variant: x}}}}\n"
    text = case.replace("variant: x", "reason: bot")

    once = run(text).output
    again = run(f"  - {{name: other, exclusive: [newsletter, popup]}}\n{text}").output

    assert "v7 got " in once
    assert once.splitlines()[1].partition("v7")[2] == again.splitlines()[1].partition("v7")[2]


def test_campaigns_that_share_their_chance_are_found(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an engine in which two campaigns have the same salts
    same = {"popup": "same", "badge-in-cart": "same"}
    monkeypatch.setattr(running, "simulated_snapshot", partial(simulated_snapshot, salt_of=same))
    pair = f"{{name: pair, independent: [popup, badge-in-cart], {IN}, time: 2026-11-28T00:00:00Z}}"

    result = run(f"  - {pair}\n")

    assert result.exit_code == 1
    assert "not independent: plain of badge-in-cart has 5" in result.output
    assert "100.00% of those with none of popup" in result.output


def test_junit_has_each_case_failures_and_what_cannot_be_read(run: Run) -> None:
    result = run(
        "  - {name: good, exclusive: [newsletter, popup]}\n"
        "  - {name: bad & <worse>, campaign: popup, visitor: v, expect: {reason: bot}}\n"
        "  - {name: unreadable, campaign: pop-up, expect: {reason: bot}}\n",
        "--format",
        "junit",
    )

    assert result.exit_code == 1
    [suite] = ElementTree.fromstring(result.stdout)
    counts = [suite.get(key) for key in ("tests", "failures", "errors")]
    assert counts == ["3", "1", "1"]
    by_name = {case.get("name"): case for case in suite}
    assert list(by_name["good"]) == []
    failure = by_name["bad & <worse>"].find("failure")
    assert failure is not None
    assert "expected bot" in failure.get("message", "")
    error = by_name["line 4 can be read"].find("error")
    assert error is not None
    assert "did you mean popup?" in error.get("message", "")


def test_a_part_of_the_names_chooses(run: Run) -> None:
    cases = (
        "  - {name: layer, exclusive: [newsletter, popup]}\n"
        "  - {name: bot, campaign: popup, visitor: v, expect: {reason: bot}}\n"
    )

    assert run(cases, "--name", "lay").output == "1 tests: ok\n"
    assert run(cases, "--name", "nothing").exit_code == 2
