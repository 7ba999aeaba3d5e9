"""Replays the experiment: `python -m examples.hillstrom FILE`, or `make hillstrom DATA=FILE`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from fairlift.transport import Endpoint
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED, Event
from fairlift.v1.results_service_pb2 import GetResultsRequest, Report
from fairlift_cli.__main__ import main as fairlift
from fairlift_cli.server_connection import RESULTS_TIMEOUT_S, Target, connected, full_name
from rich.progress import track

from examples.hillstrom.data import CAMPAIGN, CURRENCY, REPLAYED_DAYS, events
from examples.hillstrom.figures import Figure, figures
from examples.server import running_server, start_in_the_past

_BATCH = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Replays a real experiment through a server, and compares every figure that is known."""
    parser = argparse.ArgumentParser(prog="python -m examples.hillstrom", description=main.__doc__)
    parser.add_argument("file", type=Path, help="hillstrom.csv.gz")
    path: Path = parser.parse_args(arguments).file
    if not path.is_file():
        parser.error(f"{path} does not exist")
    with running_server(currency=CURRENCY) as address:
        campaign = Path(__file__).with_name("campaign.yaml")
        fairlift(["apply", str(campaign), "--server", address], standalone_mode=False)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start_time = today - timedelta(days=REPLAYED_DAYS)
        start_in_the_past(address, [CAMPAIGN], start_time)
        sent = start_time + timedelta(hours=9)
        _record(
            address, sorted(events(path, sent=sent), key=lambda e: e.event_time.ToNanoseconds())
        )
        fairlift(["results", CAMPAIGN, "--details", "--server", address], standalone_mode=False)
        compared = figures(_report(address))
    return _print_comparison(compared)


def _record(address: str, events_to_send: Sequence[Event]) -> None:
    """Sends every event; one that is not accepted ends the replay."""
    connection = Endpoint(address).connect()
    try:
        batches = list(_batched(events_to_send))
        for batch in track(batches, description=f"{len(events_to_send)} events"):
            for outcome in connection.record(batch, timeout_s=60):
                if outcome.status != EVENT_STATUS_ACCEPTED:
                    raise SystemExit(f"An event was not accepted: {outcome}")
    finally:
        connection.close()


def _batched(events_to_send: Iterable[Event]) -> Iterable[list[Event]]:
    remaining = iter(events_to_send)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _report(address: str) -> Report:
    with connected(Target(address)) as server:
        request = GetResultsRequest(name=full_name(CAMPAIGN))
        return server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)


def _print_comparison(compared: Sequence[Figure]) -> int:
    print("\nEvery known figure of the experiment, compared with the report's:")
    for figure in compared:
        mark = "agrees " if figure.agrees else "DIFFERS"
        print(f"{mark}  {figure.name:54} known {figure.published:>11}  report {figure.rounded:>11}")
    agree = sum(figure.agrees for figure in compared)
    print(f"{agree} figures agree, {len(compared) - agree} differ")
    return 0 if agree == len(compared) else 1


if __name__ == "__main__":
    sys.exit(main())
