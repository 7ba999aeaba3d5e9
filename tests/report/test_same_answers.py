"""One view, several drawings: nobody reads another answer on a page than in the terminal."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.all_results import show_reports
from fairlift_cli.figures import Figures
from fairlift_cli.report import campaign_view, show_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_cli.screen import Screen
from fairlift_report.page import campaign_parts, portfolio_parts
from fairlift_stats.locale import LANGUAGES
from rich.console import Console

from tests.report.hard_cases import Said, hard_cases
from tests.report.html_reading import ReadPage, one_line, read_html
from tests.report.random_reports import is_told_by_lift, random_said
from tests.report.recorded import recorded, recorded_list, recorded_names

RANDOM = 50
# Rows of the terminal's picture: its bars, and the labels of its scale.
_BAR = re.compile("[├┤●◆│┼◄►█░]")
_SCALE = re.compile(r"\s*([+-]?\d+([.,]\d+)?\s?%\s*)+")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*\d|[+-]?\d")


def drawn(said: Said, language: str) -> tuple[str, ReadPage]:
    """The lines of the terminal, and the page."""
    view = campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)
    stream = io.StringIO()
    console = Console(file=stream, width=100, markup=False, highlight=False, emoji=False)
    show_view(Screen(console=console), view, details=True)
    return stream.getvalue(), read_html(str(campaign_parts(view)))


def without_picture(terminal: str) -> str:
    """What the terminal says in words and tables, on one line."""
    lines = (
        line
        for line in terminal.replace("\N{NO-BREAK SPACE}", " ").splitlines()
        if not _SCALE.fullmatch(line) and (not _BAR.search(line) or ":" in line)
    )
    return one_line(" ".join(line.strip() for line in lines))


def sentences(report: pb.Report) -> Iterator[str]:
    """What the server wrote for people, but what stands elsewhere as a figure or a date."""
    verdict = report.verdict
    yield verdict.sentence
    yield verdict.action
    skipped = {"meter", "chances", "end"}
    yield from (r.sentence for r in (*verdict.reasons, *verdict.since) if r.code not in skipped)
    yield from report.notes
    yield from (check.sentence for check in report.health.checks if not check.shop_wide)
    yield from (cut.sentence for cut in report.decompositions if cut.factors)
    yield from (channel.sentence for channel in report.channels)
    if report.HasField("look"):
        for metric in report.metrics:
            yield metric.error
            yield from (comparison.cannot_say for comparison in metric.comparisons)
    first = report.segments[0].metric if report.segments else ""
    for cut in report.segments:
        if cut.metric == first:
            yield from (segment.sentence for segment in cut.segments)


def missing_rows(words: str, page: ReadPage) -> list[str]:
    """Rows of the page whose name and figures do not stand side by side in the terminal."""
    rows = (" ".join(cell for cell in row if cell) for row in page.rows)
    return [row for row in rows if f" {row} " not in f" {words} "]


def same(said: Said, language: str) -> int:
    """Compares both ways; returns how many numbers and sentences there were."""
    terminal, page = drawn(said, language)
    words = without_picture(terminal)
    told = [one_line(sentence) for sentence in sentences(said.report) if sentence]
    for sentence in told:
        assert sentence in words
        assert sentence in page.text
    numbers = _NUMBER.findall(words)
    missing = set(numbers) - set(_NUMBER.findall(page.text))
    assert missing == set()
    assert missing_rows(words, page) == []
    return len(told) + len(numbers) + len(page.cells)


def test_figures_of_another_row_are_another_answer() -> None:
    said = recorded("cross-sell")
    words = without_picture(drawn(said, "en")[0])
    view = campaign_view(said.report, language="en", looks=said.looks, campaign=said.campaign)
    (group,) = view.totals.groups
    one, other, *rest = group.rows
    rows = (replace(one, cells=other.cells), replace(other, cells=one.cells), *rest)
    swapped = replace(view.totals, groups=(replace(group, rows=rows),))

    page = read_html(str(campaign_parts(replace(view, totals=swapped))))

    assert len(missing_rows(words, page)) == 2


@pytest.mark.parametrize("name", recorded_names())
def test_a_campaign_has_one_answer(name: str) -> None:
    language = LANGUAGES[recorded_names().index(name) % len(LANGUAGES)]

    assert same(recorded(name, language), language) > 60


def test_random_figures_have_one_answer() -> None:
    compared = [
        same(random_said(seed, language), language)
        for seed in range(RANDOM)
        for language in [LANGUAGES[seed % len(LANGUAGES)]]
    ]

    assert len(compared) == RANDOM
    assert sum(compared) > 100 * RANDOM


@pytest.mark.parametrize("name", ["no looks", "an empty variant", "yen", "dinar", "a trillion"])
def test_a_hard_case_has_one_answer(name: str) -> None:
    assert same(hard_cases()[name], "en") > 20


def test_figures_are_those_of_the_message() -> None:
    """Formatted by Python alone, in English: the view has no chance to be wrong the same way."""
    lifts = 0
    for seed in range(0, RANDOM, 3):
        said = random_said(seed, "en")
        terminal, page = drawn(said, "en")
        words = without_picture(terminal)
        for totals in said.report.totals:
            for count in (totals.units, totals.buyers, totals.orders):
                assert f" {count:,} " in words
                assert f"{count:,}" in page.cells
        for metric in said.report.metrics if said.report.HasField("look") else ():
            for comparison in metric.comparisons:
                if is_told_by_lift(comparison) and abs(comparison.lift) >= 0.0005:
                    lifts += 1
                    expected = f"{comparison.lift:+,.1%}"
                    assert f" {expected} " in words
                    assert expected in page.cells

    assert lifts > 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_has_one_answer(language: str) -> None:
    reports = recorded_list(language)
    stream = io.StringIO()
    console = Console(file=stream, width=100, markup=False, highlight=False, emoji=False)
    show_reports(Screen(console=console), reports, Figures(language))
    view = portfolio_view(reports, language=language)
    page = read_html(str(portfolio_parts(view, link=lambda campaign: f"{campaign}.html")))
    rows = [line.replace("/", " ").split() for line in stream.getvalue().splitlines()[1:]]

    assert len(rows) == len(reports) == 3
    for (name, *words, day, days, visitors, planned), report in zip(rows, reports, strict=True):
        assert name in page.text
        # Verdict and status, in capitals and without.
        assert all(word in page.text.casefold() for word in words)
        assert f"{visitors} " in page.text
        assert planned in page.text
        assert re.search(rf"\b{day}\b.{{1,20}}\b{days}\b", page.text)
        assert one_line(report.verdict.sentence) in page.text
