"""The files of `fairlift report` in a browser: on screens, on paper, and with nothing else."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_page, portfolio_page
from fairlift_stats.locale import LANGUAGES
from playwright.sync_api import Browser
from pypdf import PdfReader

from tests.browser.looking import Window, faults
from tests.report.hard_cases import Said, hard_cases
from tests.report.recorded import recorded, recorded_list

# A campaign of the demo, over its 28 days.
NAME = "coupon-popup"
# A4 in points, of which there are 72 in an inch of 25.4 mm.
_A4 = (210 / 25.4 * 72, 297 / 25.4 * 72)


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    # A file without a script is looked at by a script of the test alone.
    found = Window(chromium)
    yield found
    found.close()


def written(said: Said, language: str, path: Path) -> str:
    """The address of a page, written as `fairlift report` does."""
    view = campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)
    path.write_text(campaign_page(view), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_is_sound_on_every_screen_and_asks_for_nothing(
    window: Window, tmp_path: Path, language: str
) -> None:
    index = tmp_path / "index.html"
    every = portfolio_view(recorded_list(language), language=language)
    index.write_text(portfolio_page(every, link=lambda name: f"{name}.html"), encoding="utf-8")
    campaign = written(recorded(NAME, language), language, tmp_path / f"{NAME}.html")
    wrong: list[str] = []
    for address in (index.as_uri(), campaign):
        window.requests.clear()
        window.page.goto(address)
        wrong += faults(window, address)

        assert [url for url in window.requests if not url.startswith("data:")] == [address]
        assert window.page.locator("script").count() == 0

    assert wrong == []


@pytest.mark.parametrize("case", hard_cases())
def test_a_hard_case_is_sound_on_every_screen(window: Window, tmp_path: Path, case: str) -> None:
    address = written(hard_cases()[case], "es", tmp_path / "case.html")
    window.page.goto(address)

    # Colours are those of the test above.
    assert [*faults(window, address, contrast=False)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_of_the_demo_is_two_pages_of_a4(
    window: Window, tmp_path: Path, language: str
) -> None:
    said = recorded(NAME, language)
    # Paper is white, whatever the screen.
    window.page.emulate_media(color_scheme="dark")
    window.page.goto(written(said, language, tmp_path / "demo.html"))

    printed = PdfReader(BytesIO(window.page.pdf(prefer_css_page_size=True)))

    sizes = [(page.mediabox.width, page.mediabox.height) for page in printed.pages]
    assert len(sizes) == 2
    assert all(size == pytest.approx(_A4, abs=1.5) for size in sizes)
    text = "".join(page.extract_text() for page in printed.pages)
    assert said.report.plan_hash[:16] in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_are_too_pale_are_seen_in_every_language(
    window: Window, tmp_path: Path, language: str
) -> None:
    """Planted: the check would else pass where it looks at nothing."""
    path = tmp_path / "pale.html"
    words = '<main><h1>Fairlift</h1><p style="color:#ccc;background:#fff">{}</p></main>'
    page = f'<html lang="{language}"><title>Pale</title>{words.format("pale words")}</html>'
    path.write_text(f"<!doctype html>{page}", encoding="utf-8")
    window.page.goto(path.as_uri())

    assert any("color-contrast" in fault for fault in faults(window, path.as_uri()))
