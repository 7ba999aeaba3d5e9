"""Writes pages to look at: `python -m tests.report.gallery FOLDER`, or `make report-gallery`.

The demo's campaigns, the eight campaigns', and hard cases, in three languages; with Chromium also
screenshots of phone and desktop, light and dark, and the page as it is printed.
"""

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_page, portfolio_page
from fairlift_stats.locale import LANGUAGES

from tests.report.hard_cases import hard_cases
from tests.report.recorded import recorded, recorded_list, recorded_names

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_SIZES = {"desktop": (1280, 900), "phone": (360, 780)}


def main(folder: Path) -> None:
    """Writes the pages, and screenshots where a browser is found."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = list(_written(folder))
    print(f"{len(paths)} pages in {folder}")
    browser = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    if browser is None:
        print("Chromium is not installed: no screenshots.")
        return
    _photograph(paths, browser)
    print(f"Screenshots and prints of each in {folder}")


def _written(folder: Path) -> Iterator[Path]:
    for language in LANGUAGES:
        said = {name: recorded(name, language) for name in recorded_names()}
        for name, each in (*said.items(), *hard_cases().items()):
            view = campaign_view(
                each.report, language=language, looks=each.looks, campaign=each.campaign
            )
            path = folder / f"{_slug(name)}.{language}.html"
            path.write_text(campaign_page(view), encoding="utf-8")
            yield path
        portfolio = portfolio_view(recorded_list(language), language=language)
        path = folder / f"index.{language}.html"
        page = portfolio_page(portfolio, link=partial(_address, language=language))
        path.write_text(page, encoding="utf-8")
        yield path


def _address(campaign: str, language: str) -> str:
    return f"{campaign}.{language}.html"


def _slug(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "-")


def _photograph(paths: list[Path], browser: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=[*_ARGUMENTS])
        for size, (width, height) in _SIZES.items():
            for scheme in ("light", "dark"):
                page = chromium.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                for path in paths:
                    page.goto(path.resolve().as_uri())
                    page.screenshot(path=path.with_suffix(f".{size}.{scheme}.png"), full_page=True)
                    if (size, scheme) == ("desktop", "light"):
                        page.pdf(path=path.with_suffix(".pdf"), prefer_css_page_size=True,
                                 print_background=True)  # fmt: skip
                page.close()
        chromium.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
