"""Prepares a release: `make release VERSION=x.y.z`, or with `--dry-run` shows what it would do.

Moves what is unreleased in the changelog below the version and today's date, sets the version in
pyproject.toml, its only place, keeps the contract as released in proto/released.binpb, commits, and
tags the commit. Nothing leaves this machine: the pushed tag starts .github/workflows/release.yml.
"""

import argparse
import re
import subprocess
import sys
import sysconfig
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = CHANGELOG, PROJECT, CONTRACT = ("CHANGELOG.md", "pyproject.toml", "proto/released.binpb")
UNRELEASED = "## Unreleased\n"

_BUF = str(Path(sysconfig.get_path("scripts"), "buf"))
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_VERSION_LINE = re.compile(r'(?m)^version = "[^"]*"$')


class NotReady(Exception):
    """The release cannot be made; the text says why, and what to do."""


def numbers(version: str) -> tuple[int, ...]:
    """The three numbers of a version.

    Raises:
        NotReady: it is written in another way.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise NotReady(f"VERSION is {version!r}, must be three numbers such as 1.4.0")
    return tuple(map(int, match.groups()))


def check_newer(version: str, tags: list[str]) -> None:
    """The version must come after all that were released.

    Raises:
        NotReady: it does not.
    """
    released = [tag.removeprefix("v") for tag in tags if _VERSION.fullmatch(tag.removeprefix("v"))]
    latest = max(released, key=numbers, default="")
    if latest and numbers(version) <= numbers(latest):
        raise NotReady(f"VERSION is {version}, must be later than {latest}, the latest release")


def changelog_of(text: str, version: str, day: date) -> tuple[str, str]:
    """The changelog with the unreleased section as this version's, and that section alone.

    Raises:
        NotReady: nothing is unreleased.
    """
    before, heading, after = text.partition(UNRELEASED)
    section, following, rest = after.partition("\n## ")
    if not heading or not section.strip():
        raise NotReady(f"{CHANGELOG} has nothing below {UNRELEASED.strip()!r}; write what changed")
    section = f"## {version} ({day.isoformat()})\n\n{section.strip()}\n"
    return f"{before}{UNRELEASED}\n{section}{following}{rest}", section


def project_of(text: str, version: str) -> str:
    """pyproject.toml with this version.

    Raises:
        NotReady: the version has no place of its own there.
    """
    changed, count = _VERSION_LINE.subn(f'version = "{version}"', text)
    if count != 1:
        raise NotReady(f"{PROJECT} has {count} lines `version = …`, must have one")
    return changed


def release(version: str, day: date, *, dry_run: bool) -> str:
    """Writes the files, commits and tags; returns what to do next.

    Raises:
        NotReady: see its text; nothing is changed then.
    """
    if changes := _git("status", "--porcelain"):
        raise NotReady(f"the tree has changes; commit or stash them first:\n{changes}")
    numbers(version)
    check_newer(version, _git("tag", "--list", "v*").split())
    changelog, section = changelog_of(_read(CHANGELOG), version, day)
    project = project_of(_read(PROJECT), version)
    if dry_run:
        return f"{section}\nNothing was changed: this was a dry run."
    try:
        _run(_BUF, "build", "--exclude-source-info", "--output", CONTRACT)
        (ROOT / CHANGELOG).write_text(changelog, encoding="utf-8")
        (ROOT / PROJECT).write_text(project, encoding="utf-8")
        _git("add", *FILES)
        _git("commit", "--quiet", "--message", f"Release {version}")
    except NotReady:
        _git("restore", "--staged", "--worktree", *FILES)
        raise
    _git("tag", "--annotate", f"v{version}", "--message", f"Fairlift {version}\n\n{section}")
    return f"{section}\nCommitted and tagged. Publish it by: git push --follow-tags"


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _git(*words: str) -> str:
    return _run("git", *words)


def _run(*command: str) -> str:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise NotReady(f"{' '.join(command)}\n{run.stdout}{run.stderr}")
    return run.stdout.rstrip()


def main() -> None:
    """Releases, or says in words why not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 1.4.0")
    parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    arguments = parser.parse_args()
    try:
        print(release(arguments.version, datetime.now(UTC).date(), dry_run=arguments.dry_run))
    except NotReady as reason:
        sys.exit(f"not released: {reason}")


if __name__ == "__main__":
    main()
