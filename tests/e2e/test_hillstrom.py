"""A real experiment agrees, figure by figure, with what is known of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DATA = Path(os.environ.get("FAIRLIFT_DATA", ROOT / "../shared/data")) / "hillstrom.csv.gz"


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not here; FAIRLIFT_DATA says where")
def test_every_known_figure_of_hillstrom_agrees() -> None:
    replay = subprocess.run(
        [sys.executable, "-m", "examples.hillstrom", str(DATA.resolve())],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert replay.stdout.splitlines()[-1:] == ["30 figures agree, 0 differ"], replay.stderr
    assert replay.returncode == 0


def test_another_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    replay = subprocess.run(
        [sys.executable, "-m", "examples.hillstrom", str(tmp_path / "absent.csv.gz")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert replay.returncode == 2
    assert "absent.csv.gz does not exist" in replay.stderr
