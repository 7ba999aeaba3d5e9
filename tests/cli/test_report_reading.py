"""Who waits for a long report is told how far it is."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.failures import CommandRefused, Unreachable
from fairlift_cli.report_reading import read_report, watched_report
from fairlift_cli.server_connection import Target, connected

from tests.canned_server import CannedServer, canned_server
from tests.cli.reports import report
from tests.cli.web.conftest import summary_of

PROGRESS = pb.ReportProgress(share=0.4, elapsed_s=12.0)


@pytest.fixture
def canned() -> Iterator[CannedServer]:
    with canned_server() as server:
        server.publish(report(), summary_of(report()))
        yield server


def test_the_progress_is_told_until_the_report_is_there(canned: CannedServer) -> None:
    canned.progress, told = PROGRESS, list[pb.ReportProgress]()

    def tell(progress: pb.ReportProgress) -> None:
        told.append(progress)
        if len(told) == 2:
            canned.progress = None

    with connected(Target(canned.address)) as server:
        read = watched_report(server, "free-shipping", language="en", tell=tell)

    assert read == report()
    assert told == [PROGRESS, PROGRESS]


def test_what_ends_the_reading_ends_the_stream(canned: CannedServer) -> None:
    canned.progress = PROGRESS

    def leave(_: pb.ReportProgress) -> None:
        raise KeyboardInterrupt

    with connected(Target(canned.address)) as server, pytest.raises(KeyboardInterrupt):
        watched_report(server, "free-shipping", language="en", tell=leave)


def test_a_campaign_that_is_not_there_is_refused_as_by_the_plain_call(canned: CannedServer) -> None:
    with connected(Target(canned.address)) as server:
        with pytest.raises(CommandRefused, match="campaigns/nope does not exist"):
            watched_report(server, "nope", language="en", tell=print)
        with pytest.raises(CommandRefused, match="campaigns/nope does not exist"):
            read_report(server, "nope", language="en")


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with connected(Target("127.0.0.1:1")) as server, pytest.raises(Unreachable):
        watched_report(server, "free-shipping", language="en", tell=print)


def test_what_is_no_terminal_gets_one_plain_call(canned: CannedServer) -> None:
    with connected(Target(canned.address)) as server:
        assert read_report(server, "free-shipping", language="en") == report()

    assert canned.calls == ["GetResults"]


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Reading the events: 40"), ("es", "Leyendo los eventos: 40"), ("ro", "citesc")],
)
def test_a_terminal_shows_how_far_the_report_is_and_then_the_report(
    canned: CannedServer, language: str, words: str
) -> None:
    canned.progress = PROGRESS
    terminal, of_command = pty.openpty()
    command = [sys.executable, "-m", "fairlift_cli", "results", "free-shipping"]
    environment = {**os.environ, "FAIRLIFT_SERVER": canned.address, "TERM": "xterm"}
    with subprocess.Popen(
        [*command, "--language", language],
        stdout=subprocess.PIPE, stderr=of_command, text=True, env=environment,
    ) as process:  # fmt: skip
        shown = ""
        while words not in shown:
            shown += os.read(terminal, 4_096).decode(errors="replace")
        canned.progress = None
        assert process.stdout is not None
        result = process.stdout.read()
    os.close(terminal)
    os.close(of_command)

    assert process.returncode == 0
    assert "Free earns more per visitor" in result
    assert words not in result
