"""`make release` in a repository of its own: what it writes, and when it refuses."""

import shutil
import subprocess
import sys
import sysconfig
from datetime import date
from pathlib import Path

import pytest

from tools.release import NotReady, changelog_of, check_newer, numbers, project_of

ROOT = Path(__file__).parent.parent
CHANGELOG = """# Changelog

## Unreleased

- Campaigns can be copied.

## 0.2.0 (2026-05-01)

- Results come in Spanish.
"""
PROTO = 'syntax = "proto3";\npackage shop.v1;\nmessage Order { string id = 1; }\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small project with one release behind it, all committed."""
    for folder in ("proto/shop/v1", "tools"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "release.py", tmp_path / "tools")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "0.2.0"\n')
    (tmp_path / "buf.yaml").write_text("version: v2\nmodules:\n  - path: proto\n")
    (tmp_path / "proto/shop/v1/order.proto").write_text(PROTO)
    (tmp_path / "proto/released.binpb").write_bytes(b"")
    _git(tmp_path, "init", "--quiet")
    for key, value in (("user.name", "Ana"), ("user.email", "ana@example.com")):
        _git(tmp_path, "config", key, value)
    for key in ("commit.gpgsign", "tag.gpgsign"):
        _git(tmp_path, "config", key, "false")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "Begin")
    _git(tmp_path, "tag", "v0.2.0")
    return tmp_path


def _git(repository: Path, *words: str) -> str:
    run = subprocess.run(
        ["git", *words], cwd=repository, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def _release(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "tools/release.py", *words],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_release_is_one_commit_with_a_tag(repository: Path) -> None:
    run = _release(repository, "0.3.0")

    assert run.returncode == 0, run.stderr
    assert "- Campaigns can be copied.\n" in run.stdout
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "log", "-1", "--format=%s") == "Release 0.3.0"
    assert _git(repository, "rev-parse", "v0.3.0^{commit}") == _git(repository, "rev-parse", "HEAD")
    assert (repository / "pyproject.toml").read_text().endswith('\nversion = "0.3.0"\n')
    buf = Path(sysconfig.get_path("scripts"), "buf")
    compared = [str(buf), "breaking", "--against", "proto/released.binpb"]
    assert subprocess.run(compared, cwd=repository, check=False).returncode == 0
    (repository / "proto/shop/v1/order.proto").write_text(PROTO.replace("string", "int64"))
    assert subprocess.run(compared, cwd=repository, check=False).returncode != 0


def test_a_dry_run_shows_the_section_and_changes_nothing(repository: Path) -> None:
    before = _git(repository, "rev-parse", "HEAD")

    run = _release(repository, "0.3.0", "--dry-run")

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("## 0.3.0 (20")
    assert "- Campaigns can be copied.\n" in run.stdout
    assert "Results come in Spanish" not in run.stdout
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "rev-parse", "HEAD") == before
    assert _git(repository, "tag", "--list") == "v0.2.0"


def test_a_tree_with_changes_is_not_released(repository: Path) -> None:
    (repository / "notes.txt").write_text("unfinished")

    run = _release(repository, "0.3.0", "--dry-run")

    assert run.returncode == 1
    assert "not released: the tree has changes" in run.stderr
    assert "notes.txt" in run.stderr


def test_a_contract_that_cannot_be_built_leaves_everything_as_it_was(repository: Path) -> None:
    (repository / "proto/shop/v1/order.proto").write_text("message")
    _git(repository, "commit", "--all", "--quiet", "--message", "Break the contract")

    run = _release(repository, "0.3.0")

    assert run.returncode == 1
    assert "order.proto" in run.stderr
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "tag", "--list") == "v0.2.0"


def test_a_changelog_keeps_its_older_releases_below() -> None:
    text, section = changelog_of(CHANGELOG, "0.3.0", date(2026, 6, 1))

    assert section == "## 0.3.0 (2026-06-01)\n\n- Campaigns can be copied.\n"
    assert text == CHANGELOG.replace("## Unreleased", "## Unreleased\n\n## 0.3.0 (2026-06-01)")


@pytest.mark.parametrize(
    "text",
    [
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-05-01)\n\n- Results come in Spanish.\n",
        "# Changelog\n\n## 0.2.0 (2026-05-01)\n\n- Results come in Spanish.\n",
    ],
)
def test_a_changelog_without_news_is_not_released(text: str) -> None:
    with pytest.raises(NotReady, match="nothing below '## Unreleased'"):
        changelog_of(text, "0.3.0", date(2026, 6, 1))


@pytest.mark.parametrize("version", ["1.4", "v1.4.0", "1.4.0rc1", "1.4.0 ", ""])
def test_a_version_is_three_numbers(version: str) -> None:
    with pytest.raises(NotReady, match="must be three numbers"):
        numbers(version)


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [("0.10.0", True), ("0.9.1", True), ("1.0.0", True), ("0.9.0", False), ("0.8.9", False)],
)
def test_a_version_is_later_than_all_tags(version: str, is_newer: bool) -> None:
    tags = ["v0.2.0", "v0.9.0", "v0.8.0", "vienna"]
    if is_newer:
        check_newer(version, tags)
    else:
        with pytest.raises(NotReady, match=r"must be later than 0\.9\.0"):
            check_newer(version, tags)


def test_this_project_has_one_version_and_news_to_release() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '\nversion = "9.0.0"\n' in project_of(project, "9.0.0")
    assert "## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
