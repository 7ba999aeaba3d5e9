"""The demo in small: it tells the whole story, and leaves nothing behind however it ends."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo.truth import TRUTH

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files; nothing that works in it may outlive the test."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []
    assert _processes_in(tmp_path) == []


def test_the_demo_tells_what_was_found_and_what_is_true(home: Path) -> None:
    with _demo(home, visitors=1_200) as demo:
        told, complaints = demo.communicate(timeout=120)

    assert (demo.returncode, complaints) == (0, "")
    for campaign, variants in TRUTH.items():
        assert f"$ fairlift results {campaign}" in told
        for variant in variants:
            assert f"{campaign}, {variant}" in told
    assert told.count("Can the data be trusted?") == len(TRUTH)
    # A wrong calendar, window or start leaves none; chance alone leaves fewer than six never.
    count = re.search(r"(\d+) of 12 intervals contain the true lift", told)
    assert count is not None
    assert int(count[1]) >= 6
    # Those who came are those who were simulated: every event arrived.
    assert "1200/1200 visitors" in told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["listens on", "days ago"])
def test_a_demo_that_is_stopped_leaves_nothing_behind(
    home: Path, number: signal.Signals, code: int, moment: str
) -> None:
    with _demo(home, visitors=100_000) as demo:
        assert demo.stdout is not None
        assert any(moment in line for line in demo.stdout)
        assert not Path("/proc").exists() or _processes_in(home) != []

        demo.send_signal(number)
        # A second one, by an impatient hand, changes nothing.
        time.sleep(0.05)
        demo.send_signal(number)
        demo.communicate(timeout=60)

    assert demo.returncode == code


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux tells who works where")
def test_a_demo_that_is_stopped_while_its_server_starts_leaves_nothing_behind(home: Path) -> None:
    with _demo(home, visitors=100) as demo:
        while not any("fairlift_server" in each for each in _processes_in(home)):
            time.sleep(0.001)

        demo.send_signal(signal.SIGTERM)
        told, _ = demo.communicate(timeout=60)

    assert demo.returncode == 143
    assert "listens on" not in told


@contextlib.contextmanager
def _demo(home: Path, *, visitors: int) -> Iterator["subprocess.Popen[str]"]:
    words = [sys.executable, "-u", "-m", "examples.demo", "--visitors", str(visitors)]
    environment = os.environ | {"TMPDIR": str(home), "COLUMNS": "80"}
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as demo:  # fmt: skip
        try:
            yield demo
        finally:
            demo.kill()


def _processes_in(folder: Path) -> list[str]:
    """Processes whose environment names the folder, as Linux tells."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
