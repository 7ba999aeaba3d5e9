"""Starting the CLI is light: a command imports only what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = Path(__file__).parent.parent / "campaigns" / "good"
HEAVY = {"grpc", "numpy", "scipy", "rich", "fairlift_server", "fairlift_stats", "babel"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["check", str(GOOD)],
        ["check", "--explain", str(GOOD)],
        ["check", "--format", "json", str(GOOD)],
    ],
)
def test_help_and_check_import_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from fairlift_cli.__main__ import main\n"
        "try:\n"
        f"    main({words!r}, standalone_mode=False)\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    # Coverage and pytest plug-ins would bring modules of their own.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "PYTEST"))}

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=clean, check=True
    )

    loaded = set(run.stderr.split())
    assert "fairlift_cli.__main__" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_output_to_a_closed_pipe_is_no_crash() -> None:
    run = subprocess.run(
        f"{sys.executable} -m fairlift_cli check {GOOD} --format json | true",
        shell=True, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "Traceback" not in run.stderr
