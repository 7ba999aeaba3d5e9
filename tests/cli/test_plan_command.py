"""The `plan` command: its figures agree with the textbook, and its plan can be pasted."""

import math
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift.v1.value_pb2 import UNIT_KIND_CUSTOMER
from fairlift_cli.__main__ import main
from fairlift_cli.check import check_files


def told(*words: str) -> str:
    run = CliRunner().invoke(main, ["plan", *words], env={"COLUMNS": "80"})
    assert run.exit_code == 0, run.output
    return run.output


def test_one_look_at_the_end_finds_what_the_textbook_says() -> None:
    text = told("--visitors", "20000", "--conversion", "3%", "--weeks", "1")

    # Two groups of 10,000: (z_0.975 + z_0.8) standard errors of a difference, over the rate.
    expected = (1.959964 + 0.841621) * math.sqrt(2 * 0.03 * 0.97 / 10_000) / 0.03
    (row,) = re.findall(r"^ +1 +20,000 +\S+ +(\S+)%$", text, re.MULTILINE)
    assert float(row) == pytest.approx(100 * expected, abs=0.05)


def test_more_weeks_find_less_and_deciding_every_week_costs_a_little() -> None:
    text = told("--visitors", "5000,4000,3000", "--conversion", "0.05", "--weeks", "4")

    rows = re.findall(r"^ +(\d) +([\d,]+) +(\S+)% +(\S+)%$", text, re.MULTILINE)
    # The last figure given holds for the weeks after it.
    assert [row[1] for row in rows] == ["5,000", "9,000", "12,000", "15,000"]
    weekly, once = ([float(row[column]) for row in rows] for column in (2, 3))
    assert weekly == sorted(weekly, reverse=True)
    # A plan of one week has one decision: it costs nothing.
    assert weekly[0] == once[0]
    costs = zip(weekly[1:], once[1:], strict=True)
    assert all(at_once < each < 1.1 * at_once for each, at_once in costs)


def test_the_shortest_duration_that_finds_the_effect_is_proposed() -> None:
    text = told("--visitors", "20000", "--conversion", "3%", "--effect", "15%", "--weeks", "6")

    found = [float(each) for each in re.findall(r"^ +\d +\S+ +(\S+)% +\S+%$", text, re.MULTILINE)]
    weeks = next(number for number, each in enumerate(found, 1) if each <= 15)
    assert f"In the campaign file, for {weeks} weeks:" in text


def test_an_effect_that_cannot_be_found_is_called_too_small() -> None:
    text = told("--visitors", "100", "--conversion", "3%", "--effect", "1%", "--weeks", "2")

    assert "A lift of 1.0% is too small to detect within 2 weeks" in text


@pytest.mark.parametrize("more", [[], ["--ticket", "54", "--ticket-sd", "30", "--variants", "3"]])
def test_the_proposed_plan_can_be_pasted_into_a_file(tmp_path: Path, more: list[str]) -> None:
    text = told("--visitors", "20000", "--conversion", "3%", "--weeks", "3", *more)

    plan = text[text.index("\nplan:") :]
    path = tmp_path / "campaign.yaml"
    path.write_text(f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]\n{plan}\n", encoding="utf-8")

    assert check_files([path]).findings == ()
    assert ("revenue_per_visitor" in plan) == bool(more)


def test_a_plan_for_customers_speaks_of_customers_and_can_be_pasted(tmp_path: Path) -> None:
    text = told("--customers", "20000", "--conversion", "3%", "--ticket", "54", "--weeks", "2")

    pasted = text[text.index("\nunit:") :]
    path = tmp_path / "campaign.yaml"
    path.write_text(f"campaign: x\nvariants: [{{id: a}}, {{id: b}}]{pasted}", encoding="utf-8")
    (document,) = (found := check_files([path])).documents
    assert found.findings == ()
    assert document.message.unit == UNIT_KIND_CUSTOMER
    assert "revenue per customer" in text
    assert "visitor" not in text.replace("revenue_per_visitor", "")


def test_a_plan_is_for_visitors_or_for_customers() -> None:
    for words in ([], ["--visitors", "100", "--customers", "100"]):
        run = CliRunner().invoke(main, ["plan", "--conversion", "3%", *words])

        assert run.exit_code == 2
        assert "give either --visitors or --customers" in run.stderr


@pytest.mark.parametrize(
    ("language", "said", "figure"),
    [
        ("es", "En el archivo de la campaña, para 2 semanas:", "20.000"),
        ("ro", "În fișierul campaniei, pentru 2 săptămâni:", "20.000"),
    ],
)
def test_a_plan_is_told_in_the_reader_s_language(language: str, said: str, figure: str) -> None:
    words = ["--visitors", "10000", "--conversion", "3%", "--weeks", "2", "--effect", "1%"]
    english, text = told(*words), told(*words, "--language", language)

    assert said in text
    assert figure in text
    assert re.search(r"\d,\d\s%", text)
    # What is pasted into a file is the same in every language.
    assert text.endswith(english[english.index("plan:\n") :])
    for line in english[: english.index("plan:\n")].splitlines():
        assert line not in text or not line


def test_with_several_treatments_it_is_said_what_the_error_rate_is_of() -> None:
    words = ["--visitors", "10000", "--conversion", "3%", "--weeks", "1"]

    assert "covers all 3 comparisons" in told(*words, "--variants", "4").replace("\n", " ")
    assert "comparisons" not in told(*words)


def test_a_share_may_be_written_with_a_comma() -> None:
    words = ["--visitors", "10000", "--weeks", "1", "--conversion"]

    assert told(*words, "3,5%") == told(*words, "3.5%") == told(*words, "0.035")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--visitors", "1.000", "--conversion", "3%"], "must be whole numbers above 0"),
        (["--visitors", "20,0", "--conversion", "3%"], "is 20,0, must be whole numbers above 0"),
        (["--visitors", "1e13", "--conversion", "3%"], "such as 20000 or 20000,18000"),
        (["--visitors", "2", "--variants", "3", "--conversion", "3%"], "2 for 3 variants"),
        (["--visitors", "100", "--conversion", "300%"], "must be between 0% and 100%"),
        (["--visitors", "100", "--conversion", "3%", "--ticket", "-5"], "'--ticket': -5"),
    ],
)
def test_what_cannot_be_planned_names_what_was_typed(words: list[str], says: str) -> None:
    run = CliRunner().invoke(main, ["plan", *words])

    assert run.exit_code == 2
    assert says in run.stderr


def test_visitors_with_a_comma_of_thousands_are_not_read_as_two_weeks() -> None:
    run = CliRunner().invoke(main, ["plan", "--visitors", "20,500", "--conversion", "3%"])

    assert run.exit_code == 2
    assert "write 20500" in run.output
    assert '"20, 500" with blanks' in run.output
    two_weeks = CliRunner().invoke(main, ["plan", "--visitors", "20, 500", "--conversion", "3%"])
    assert two_weeks.exit_code == 0
