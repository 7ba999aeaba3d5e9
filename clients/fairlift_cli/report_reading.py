"""The report of a campaign, and how far it is while it takes long."""

import sys
from collections.abc import Callable, Generator
from contextlib import closing

from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Number, Percent

from fairlift_cli.failures import Unreachable
from fairlift_cli.figures import Figures
from fairlift_cli.server_connection import RESULTS_TIMEOUT_S, ServerConnection, full_name


def read_report(
    server: ServerConnection, campaign: str, *, epoch: int = 0, language: str
) -> pb.Report:
    """The report of an epoch, 0 is the current one; a terminal shows how far it is.

    Raises:
        CommandRefused, Unreachable: as `ServerConnection.call`.
    """
    # An epoch that is over is read once and for all: the contract watches the current one.
    if epoch or not sys.stderr.isatty():
        request = pb.GetResultsRequest(name=full_name(campaign), epoch=epoch, language=language)
        return server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)
    from rich.console import Console

    console, figures = Console(stderr=True), Figures(language)
    # Of ASCII signs: not every terminal has others.
    with console.status("", spinner="line") as status:
        return watched_report(
            server,
            campaign,
            language=language,
            tell=lambda progress: status.update(progress_text(progress, figures)),
        )


def watched_report(
    server: ServerConnection,
    campaign: str,
    *,
    language: str,
    tell: Callable[[pb.ReportProgress], object],
) -> pb.Report:
    """The report of the current epoch.

    Args:
        server: computes it.
        campaign: its id or name.
        language: of the sentences.
        tell: is told every second how far it is; what it raises ends the reading.

    Raises:
        CommandRefused, Unreachable: as `ServerConnection.call`.
    """
    with closing(_messages(server, campaign, language)) as messages:
        for message in messages:
            if not message.HasField("progress"):
                return message
            tell(message.progress)
    raise Unreachable("the server ended before it gave the report; try again")


def progress_text(progress: pb.ReportProgress, figures: Figures) -> str:
    """How far a report is, in a sentence."""
    share, seconds = Percent(progress.share, digits=0), Number(progress.elapsed_s)
    return figures.say("reading.progress", share=share, seconds=seconds)


def _messages(server: ServerConnection, campaign: str, language: str) -> Generator[pb.Report]:
    request = pb.WatchResultsRequest(
        name=full_name(campaign), language=language, with_progress=True
    )
    stream = server.watch(server.results.WatchResults, request)
    try:
        for message in stream:
            assert isinstance(message, pb.Report), message
            yield message
    finally:
        stream.cancel()
