"""What the documents show is true: every campaign in them passes the checks that they describe."""

import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fairlift.engine.metric import CATALOGUE
from fairlift_cli.__main__ import main

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# Where paths in documents begin: at the root, or in the package that the page is about.
FOLDERS = (
    "",
    "clients",
    "clients/fairlift",
    "server",
    "server/fairlift_server",
    "stats/fairlift_stats",
)
# Paths that are not in this repository, each with its reason.
ELSEWHERE = {
    "wire.py": "a file that decision 2 did not make",
    "fairlift.yaml": "a file of the shop's own repository",
    "metrics.yaml": "a file of the shop's own repository",
    "audiences.yaml": "a file of the shop's own repository",
    "traffic.yaml": "a file of the shop's own repository",
    "sources.yaml": "a file of the shop's own repository",
    "server.toml": "settings on the machine of a server",
    "build/fairlift.cdx.json": "a file that `make sbom` writes",
}
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{index}")
    for page in PAGES
    # Mappings and sources, which tests/server/importing and tests/server/sources try, and bad
    # examples, see tests/cli/test_rules.py.
    if page.name not in ("import.md", "rules.md", "sources.md")
    for index, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if not block.startswith("tests:")  # which tests/cli/assignment_tests runs
]


@pytest.mark.parametrize("block", BLOCKS)
def test_campaign_in_a_document_is_valid(block: str, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(block)
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("page", "recorded"), [("README.md", 1), ("docs/sdk.md", 4)])
def test_storefront_in_a_document_runs_without_a_mistake(
    page: str, recorded: int, tmp_path: Path
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    program = next(block for block in blocks if "Client(" in block)
    program = program.replace("/var/lib/shop", str(tmp_path))
    names: dict[str, Any] = {"visitor_id": "v-1", "customer_id": "c-1"}
    names["banner"] = names["show_popup"] = print
    # Nobody listens there: what is recorded waits.
    exec(program.replace("fairlift.example:443", "127.0.0.1:1"), names)
    stats = names["client"].stats()
    names["client"].close(0)
    assert (stats.errors, stats.waiting) == (0, recorded)


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def code_in(page: Path) -> list[str]:
    """What stands in backticks within sentences and tables."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", text)


def paths_in(page: Path) -> list[str]:
    """Files and folders that a page names: below a folder of the root, or by their ending."""
    below = r"(benchmarks|clients|docs|examples|proto|server|stats|tests|tools)/[\w./-]*"
    ending = r"[\w./-]+(/|\.(py|md|proto|yaml|json|binpb|toml|po|mo|txt))"
    return [code for code in code_in(page) if re.fullmatch(f"{below}|{ending}", code)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_path_in_a_document_exists(page: Path) -> None:
    missing = [
        path
        for path in paths_in(page)
        if path not in ELSEWHERE and not any((ROOT / folder / path).exists() for folder in FOLDERS)
    ]
    assert missing == []


def test_architecture_names_its_files() -> None:
    assert len(paths_in(ROOT / "ARCHITECTURE.md")) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_name_in_a_document_exists(page: Path) -> None:
    # Names in fairlift.v1 may be the contract's.
    ours = re.compile(r"fairlift(_cli|_server|_stats)?(?!\.v1)(\.\w+)+")
    missing = [
        name
        for name in code_in(page)
        if ours.fullmatch(name) and name not in ELSEWHERE and not _can_be_found(name)
    ]
    assert missing == []


def test_python_names_are_found_or_not() -> None:
    assert any(name.startswith("fairlift_stats.") for page in PAGES for name in code_in(page))
    assert _can_be_found("fairlift_stats.verdict.decide")
    assert not _can_be_found("fairlift_stats.verdict.decided_by_nobody")
    assert not _can_be_found("fairlift_stats.no_such_module.decide")


def _can_be_found(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
