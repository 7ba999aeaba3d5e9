"""The docs as a site: every link leads somewhere, and nothing is fetched from elsewhere."""

import subprocess
import sys
from pathlib import Path

import fairlift
import fairlift_stats
import pytest

from tools.docs_site.links import site_faults
from tools.docs_site.pages import as_mkdocs_reads, relocated

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "tools.docs_site", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "site"


@pytest.mark.slow
def test_site_has_every_page_and_every_public_name(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        path = page.relative_to(ROOT / "docs").with_suffix("")
        place = path.parent if path.name == "README" else path
        assert (site / place / "index.html").is_file(), page
    for folder, package in (("sdk", fairlift), ("statistics", fairlift_stats)):
        text = (site / f"{folder}-reference" / "index.html").read_text()
        for name in package.__all__:
            assert f'<h2 id="{name.lower()}' in text, name
    assert "coupon-popup.es.html" in (site / "gallery" / "index.html").read_text()
    assert (site / "calibration" / "printed-conversion.svg").is_file()
    assert (site / "search" / "search_index.json").stat().st_size > 100_000


@pytest.mark.slow
def test_pages_of_the_site_keep_their_lists_and_tables(site: Path) -> None:
    notebook = (site / "notebook" / "index.html").read_text()

    assert "<li><code>metrics</code> are primary" in notebook.replace("<p>", "").replace("\n", "")
    assert "<p>- " not in notebook
    assert "<p>|" not in notebook
    architecture = (site / "architecture" / "index.html").read_text()
    assert "<p>|" not in architecture


def test_faults_of_a_site_are_found(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(
        '<h1 id="top"></h1><a href="#top"></a><a href="gone/"></a><a href="#no"></a>'
        '<a href="https://example.org/"></a><link rel="canonical" href="https://example.org/">'
        '<script src="https://cdn.example/x.js"></script><img src="no.svg">'
    )
    (tmp_path / "style.css").write_text("@import 'https://fonts.example/x.css';")

    assert site_faults(tmp_path) == [
        "index.html: fetches https://cdn.example/x.js from another place",
        "index.html: gone/ leads nowhere",
        "index.html: #no names a heading that is not there",
        "index.html: no.svg leads nowhere",
        "style.css: fetches from another place",
    ]


def test_links_lead_to_pages_of_the_site_or_to_the_repository(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tool.py").touch()
    places = {
        tmp_path / "README.md": tmp_path / "site" / "index.md",
        tmp_path / "docs" / "sdk.md": tmp_path / "site" / "sdk.md",
    }
    text = "[a](docs/sdk.md#money) [b](tool.py) [c](https://x.org) [d](#here) [e](lost.md)"

    assert relocated(text, tmp_path / "README.md", places, tmp_path) == (
        "[a](sdk.md#money) [b](https://github.com/fairlift/fairlift/blob/main/tool.py) "
        "[c](https://x.org) [d](#here) [e](lost.md)"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Words:\n- one\n- two\n", "Words:\n\n- one\n- two\n"),
        ("Words:\n| a |\n|---|\n", "Words:\n\n| a |\n|---|\n"),
        ("- one\n  - inside\n", "- one\n    - inside\n"),
        ("- one\n  goes on\n- two\n", "- one\n  goes on\n- two\n"),
        ("```\n- a\nb\n- c\n```\n", "```\n- a\nb\n- c\n```\n"),
        ("```python\n>>> 1\n1\n```\n", "```pycon\n>>> 1\n1\n```\n"),
    ],
)
def test_markdown_is_read_as_github_reads_it(written: str, read: str) -> None:
    assert as_mkdocs_reads(written) == read
