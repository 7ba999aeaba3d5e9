"""A gallery of real reports: the pages that `fairlift report` writes, from recorded campaigns."""

from pathlib import Path

from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_page, portfolio_page
from fairlift_stats.locale import LANGUAGES
from markupsafe import escape

from tests.report.recorded import recorded, recorded_list, recorded_names

__all__ = ["write_gallery"]

NAMES = {"en": "English", "es": "Spanish", "ro": "Romanian"}
HEAD = """---
hide: [toc]
---

# Gallery

Reports as `fairlift report` writes them: each is one file without scripts. They are of simulated
shops and were recorded from a server. Open one to see it in full; it follows the light or dark
setting of your system.

"""
CARD = """<div class="report-card">
<div class="report-window">
<iframe src="{page}" title="{name}" loading="lazy" tabindex="-1"></iframe>
</div>
<p><a href="{page}">{name}</a><br>{languages}</p>
</div>
"""


def write_gallery(folder: Path) -> None:
    """The reports as files of the site, and a page that shows them."""
    reports = folder / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    cards: dict[str, str] = {}
    for language in LANGUAGES:
        view = portfolio_view(recorded_list(language), language=language)
        page = portfolio_page(view, link=f"{{}}.{language}.html".format)
        (reports / f"index.{language}.html").write_text(page, encoding="utf-8")
        cards.setdefault("index", view.heading)
        for name in recorded_names():
            said = recorded(name, language)
            campaign = campaign_view(
                said.report, language=language, looks=said.looks, campaign=said.campaign
            )
            path = reports / f"{campaign.campaign}.{language}.html"
            path.write_text(campaign_page(campaign), encoding="utf-8")
            cards.setdefault(campaign.campaign, f"{campaign.title}: {campaign.verdict.word}")
    shown = "".join(_card(page, title) for page, title in cards.items())
    body = f'<div class="report-cards">\n{shown}</div>\n'
    (folder / "gallery.md").write_text(HEAD + body, encoding="utf-8")


def _card(page: str, title: str) -> str:
    # The page itself stands in a folder of its own.
    languages = " · ".join(
        f'<a href="../reports/{page}.{language}.html">{NAMES[language]}</a>'
        for language in LANGUAGES
    )
    return CARD.format(page=f"../reports/{page}.en.html", name=escape(title), languages=languages)
