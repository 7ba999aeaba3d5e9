"""The command line: CPU seconds of whole commands, beside what they cannot be faster than.

All commands take turns in one run, so the ratios hold on a busy machine. The floor of a command is
a Python that imports click and nothing else; of `test`, the engine that decides as many visitors.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fairlift.engine.campaign import Campaign, Variant
from fairlift_cli.audience.parser import parse
from fairlift_cli.simulation import simulated_snapshot

from benchmarks.form import Measure, publish
from examples.server import running_server

ROUNDS = 5
FILES = 100
VISITORS = 100_000
COMMAND = [sys.executable, "-m", "fairlift_cli"]
CAMPAIGN = """campaign: c{number}
attributes: {{cart_value: number, country: string}}
audience: cart_value >= {number} and country in ["ES", "RO"]
variants: [{{id: control}}, {{id: offer, payload: {{threshold: {number}}}}}]
plan:
  primary: {{metric: revenue_per_visitor, minimum_effect: 10%}}
  planned_units: 100000
"""
CASE = """tests:
  - name: shares
    campaign: c1
    attributes: {cart_value: 5, country: ES}
    shares: {control: 50%, offer: 50%}
"""


def cpu_of(command: list[str], *, address: str = "") -> float:
    """CPU seconds of the command and its children."""
    env = os.environ | ({"FAIRLIFT_SERVER": address} if address else {})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def decided() -> float:
    """CPU seconds in which the engine decides the visitors of the case."""
    campaign = Campaign(
        "c1",
        (Variant("control"), Variant("offer")),
        audience=parse('cart_value >= 1 and country in ["ES", "RO"]'),
    )
    snapshot = simulated_snapshot([campaign])
    attributes: dict[str, object] = {"cart_value": 5.0, "country": "ES"}
    started = time.process_time()
    for number in range(VISITORS):
        snapshot.decide("c1", visitor=f"visitor-{number}", attributes=attributes, now=0.0)
    return time.process_time() - started


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name, running_server(currency="EUR") as address:
        folder = Path(name, "campaigns")
        folder.mkdir()
        for number in range(FILES):
            (folder / f"c{number}.yaml").write_text(CAMPAIGN.format(number=number))
        (folder / "c1.test.yaml").write_text(CASE)
        subprocess.run([*COMMAND, "apply", "--server", address, str(folder)], check=True)
        one = str(folder / "c1.yaml")
        works: dict[str, Callable[[], float]] = {
            "floor": lambda: cpu_of([sys.executable, "-c", "import click"]),
            "help": lambda: cpu_of([*COMMAND, "--help"]),
            "schema": lambda: cpu_of([*COMMAND, "schema"]),
            "check": lambda: cpu_of([*COMMAND, "check", str(folder)]),
            "apply_100": lambda: cpu_of([*COMMAND, "apply", str(folder)], address=address),
            "apply_1": lambda: cpu_of([*COMMAND, "apply", one], address=address),
            "test": lambda: cpu_of([*COMMAND, "test", str(folder)]),
            "decide": decided,
        }
        times: dict[str, list[float]] = {what: [] for what in works}
        for _ in range(ROUNDS):
            for what, work in works.items():
                times[what].append(work())
    cpu = {what: statistics.median(seconds) for what, seconds in times.items()}
    publish(
        "command_line",
        [
            Measure("help_cpu_s", cpu["help"], "s", "import click", cpu["floor"]),
            Measure("schema_cpu_s", cpu["schema"], "s", "import click", cpu["floor"]),
            Measure("check_100_files_cpu_s", cpu["check"], "s", "import click", cpu["floor"]),
            Measure("apply_100_unchanged_cpu_s", cpu["apply_100"], "s", "apply 1", cpu["apply_1"]),
            Measure(
                "test_100000_visitors_cpu_s", cpu["test"] - cpu["check"], "s",
                "engine alone", cpu["decide"],
            ),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
