"""clients/Containerfile: its steps, run as a script where no builder of images is at hand."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.extras.environments import ROOT, clean_environment

FILE = ROOT / "clients" / "Containerfile"
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in FILE.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    if line and not line.startswith("#")
]
USER = 10001


def of_kind(kind: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == kind]


def test_the_image_runs_the_command_as_a_user_who_is_not_root() -> None:
    last_user = max(i for i, (name, _) in enumerate(INSTRUCTIONS) if name == "USER")

    assert of_kind("USER") == [str(USER)]
    assert f"--uid {USER}" in of_kind("RUN")[-1]
    assert not any(name in ("RUN", "COPY", "ADD") for name, _ in INSTRUCTIONS[last_user:])
    assert of_kind("ENTRYPOINT") == ['["fairlift"]']


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read; pytest's own are for one user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.slow
def test_its_steps_make_a_command_that_works_for_that_user(folder: Path) -> None:
    # Given the files that the first stage copies, and nothing else of the repository
    source, target = folder / "source", folder / "opt"
    for line in of_kind("COPY"):
        if line.startswith("--from"):
            continue
        *names, to = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.so")
                shutil.copytree(ROOT / name, source / to / "", ignore=ignored)
            else:
                source.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, source / to)

    # When the installing step runs there
    step = of_kind("RUN")[0].replace("/opt/fairlift", str(target))
    step = re.sub(r"^python\b", sys.executable, step)
    settings = clean_environment()
    for line in of_kind("ENV"):
        name, _, value = line.partition("=")
        if name != "PATH":
            settings[name] = value
    made = subprocess.run(
        ["/bin/sh", "-ec", step], cwd=source, env=settings, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2_000:]

    # Then the command works, for the user of the image where this one may become it
    campaign = folder / "campaign.yaml"
    campaign.write_text("campaign: a\nvariants: [{id: x}, {id: y}]\n")
    python = Path(sys.executable).resolve()
    is_for_all = all(each.stat().st_mode & 0o001 for each in (python, *python.parents))
    may_become = os.geteuid() == 0 and is_for_all
    user: dict[str, Any] = {"user": USER, "extra_groups": []} if may_become else {}
    run = subprocess.run(
        [str(target / "bin" / "fairlift"), "check", str(campaign)],
        env=clean_environment() | {"HOME": "/nonexistent"},
        capture_output=True, text=True, check=False, **user,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "1 campaign checked" in run.stdout
