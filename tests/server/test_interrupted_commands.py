"""Commands that Ctrl-C ends: a line that says what became of their work, and no stack trace."""

import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from fairlift_server import __main__ as program
from fairlift_server.commands.export import EXPORT

from tests.server.client import running, settings_in
from tests.server.shop import action


async def test_an_export_that_was_begun_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted(action(f"v{number}", "view") for number in range(3))
    lake = tmp_path / "lake"
    arguments = Namespace(what="ledger", folder=lake, format=None, language=None, server=None)
    monkeypatch.setattr(
        "fairlift_server.commands.export._show_progress",
        lambda _rows: signal.raise_signal(signal.SIGTERM),  # asyncio has the other one
    )

    with pytest.raises(SystemExit, match="the export was interrupted; run it again: it goes on"):
        EXPORT.run(settings_in(tmp_path, {}), arguments)

    # It had a step already: that nothing was changed would not be true.
    assert (lake / "manifest.json").exists()


def test_any_command_ends_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fairlift-server", "parked"])
    monkeypatch.setattr(
        program, "read_settings", lambda _variables: signal.raise_signal(signal.SIGINT)
    )

    with pytest.raises(SystemExit) as ended:
        program.main()

    assert ended.value.code == 130
    assert capsys.readouterr().err == "fairlift-server: interrupted\n"


def test_what_nobody_reads_is_no_failure_to_talk_about(tmp_path: Path) -> None:
    settings = {**os.environ, "FAIRLIFT_DATABASE": str(tmp_path / "shop.db")}
    run = subprocess.run(
        f"{sys.executable} -m fairlift_server migrate | true",
        shell=True, env=settings, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert run.stderr == ""
