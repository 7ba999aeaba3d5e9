"""Runs the demo: `python -m examples.demo`, or `make demo`."""

import argparse
import os
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fairlift import Client
from fairlift.v1.results_service_pb2 import GetResultsRequest, Report
from fairlift_cli.__main__ import main as fairlift
from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import (
    RESULTS_TIMEOUT_S,
    ServerConnection,
    Target,
    connected,
    full_name,
)
from fairlift_stats.locale import LANGUAGES
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from examples.demo.comparison import compare, show
from examples.demo.shop import CURRENCY, Shop
from examples.demo.truth import TRUTH
from examples.demo.words import say
from examples.server import running_server, start_in_the_past

_CAMPAIGNS = Path(__file__).parent.parent / "campaigns"
# Looks judge success when a whole week of entry is mature: the plans' window is three days.
_JUDGING_DAYS = (10, 17, 24)
_ZONE = ZoneInfo("Europe/Madrid")


def main(arguments: Sequence[str] | None = None) -> None:
    """A server, a simulated shop, and the reports that a marketer reads."""
    options = _parse_options(arguments)
    began = time.monotonic()
    console = Console(highlight=False)
    with running_server(currency=CURRENCY) as address:
        language = options.language
        console.print(say("listens", language, address=address))
        _fairlift(console, address, "apply", os.path.relpath(_CAMPAIGNS))
        today = datetime.now(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        start = (today - timedelta(days=options.days)).astimezone(UTC)
        start_in_the_past(address, TRUTH, start)
        started = say("started", language, names=", ".join(TRUTH), days=options.days)
        console.print(started)
        with connected(Target(address)) as server:
            simulation = (options.visitors, options.days, start)
            _simulate(console, server, address, language, *simulation)
            for campaign in TRUTH:
                console.rule()
                _fairlift(console, address, "results", campaign, *_spoken(language))
            console.rule()
            reports = {campaign: _report(server, campaign) for campaign in TRUTH}
        show(Screen(), compare(reports), Figures(language))
    console.print(say("took", language, seconds=round(time.monotonic() - began)))


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=main.__doc__)
    parser.add_argument("--visitors", type=int, default=30_000)
    parser.add_argument("--days", type=int, default=28)
    language = os.environ.get("FAIRLIFT_LANGUAGE", "en")
    parser.add_argument("--language", choices=LANGUAGES, default=language)
    return parser.parse_args(arguments)


def _simulate(
    console: Console,
    server: ServerConnection,
    address: str,
    language: str,
    visitors: int,
    days: int,
    start: datetime,
) -> None:
    """Simulates the days one after another; after some of them the results are read."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn(say("visitors", language)), TimeElapsedColumn(), console=console,
    )  # fmt: skip
    # One seed, chosen once: what comes out is what comes out.
    rng = random.Random(20_260)
    with Client(address) as client, bar:
        if not client.wait_ready(10):
            raise SystemExit("The client received no snapshot from the server.")
        shop = Shop(client, rng, start, days, visitors)
        task = bar.add_task(say("simulating", language, days=days), total=visitors)
        for day in range(days):
            bar.advance(task, shop.simulate_day(day))
            _flush(client)
            # A day is over when events of the next one have come in.
            if day in _JUDGING_DAYS:
                bar.console.print(say("day", language, day=day))
                bar.console.print(_verdicts(server, language))
        _check(client)


def _verdicts(server: ServerConnection, language: str) -> str:
    """The verdict of each campaign, in a few words."""
    figures = Figures(language)
    verdicts = {campaign: _report(server, campaign).verdict for campaign in TRUTH}
    return "\n".join(
        f"  {campaign}: {figures.verdict_kind(verdict.kind, verdict.cause).lower()}"
        for campaign, verdict in verdicts.items()
    )


def _spoken(language: str) -> tuple[str, ...]:
    """The option of a command that prints in this language; none where it is the default."""
    return () if language == "en" else ("--language", language)


def _flush(client: Client) -> None:
    if not client.flush(30):
        raise SystemExit(f"The server did not accept the events: {client.stats()}")


def _check(client: Client) -> None:
    """Ends the program if an event was not accepted: the comparison would be wrong."""
    stats = client.stats()
    if stats.refused or stats.dropped or stats.errors or stats.waiting:
        raise SystemExit(f"Events were lost: {stats}")


def _report(server: ServerConnection, campaign: str) -> Report:
    request = GetResultsRequest(name=full_name(campaign))
    return server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)


def _fairlift(console: Console, address: str, *words: str) -> None:
    """Runs a command of the CLI, as typed."""
    console.print(f"$ fairlift {' '.join(words)}", style="bold")
    code = fairlift([*words, "--server", address], standalone_mode=False)
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
