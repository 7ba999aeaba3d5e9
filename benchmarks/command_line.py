"""The command line: seconds and memory of whole commands, beside what they cannot be faster than.

CPU seconds count on a machine that others use, too; the wall clock stands beside them.

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
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from fairlift.engine.campaign import Campaign, Variant
from fairlift_cli.audience.parser import parse
from fairlift_cli.simulation import simulated_snapshot

from benchmarks.form import Measure, publish
from examples.server import running_server

ROUNDS = 5
FILES, MANY_FILES = 100, 5_000
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
STARTER = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
CASE = """tests:
  - name: shares
    campaign: c1
    attributes: {cart_value: 5, country: ES}
    shares: {control: 50%, offer: 50%}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds of the processor and of the wall clock."""

    cpu: float
    wall: float


def cost_of(command: list[str], *, address: str = "") -> Cost:
    """The cost of the command.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    env = os.environ | ({"FAIRLIFT_SERVER": address} if address else {})
    started = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.perf_counter() - started)


def peak_of(command: list[str]) -> float:
    """The most memory that the command had, in MB.

    A program begins with the peak of the one that starts it, so a small one does.
    """
    run = subprocess.run(
        [sys.executable, "-S", "-c", STARTER, *command], check=True, capture_output=True, text=True
    )
    return int(run.stderr) / 1024


def decided() -> Cost:
    """The cost with which the engine decides the visitors of the case."""
    campaign = Campaign(
        "c1",
        (Variant("control"), Variant("offer")),
        audience=parse('cart_value >= 1 and country in ["ES", "RO"]'),
    )
    snapshot = simulated_snapshot([campaign])
    attributes: dict[str, object] = {"cart_value": 5.0, "country": "ES"}
    started, began = time.process_time(), time.perf_counter()
    for number in range(VISITORS):
        snapshot.decide("c1", visitor=f"visitor-{number}", attributes=attributes, now=0.0)
    return Cost(time.process_time() - started, time.perf_counter() - began)


def folder_of(parent: Path, count: int) -> Path:
    """A folder with so many campaigns, each in a file of its own."""
    folder = parent / f"campaigns-{count}"
    folder.mkdir()
    for number in range(count):
        (folder / f"c{number}.yaml").write_text(CAMPAIGN.format(number=number))
    return folder


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name, running_server(currency="EUR") as address:
        folder, large = folder_of(Path(name), FILES), folder_of(Path(name), MANY_FILES)
        (folder / "c1.test.yaml").write_text(CASE)
        cost_of([*COMMAND, "apply", str(folder)], address=address)
        one = str(folder / "c1.yaml")
        works: dict[str, Callable[[], Cost]] = {
            "floor": lambda: cost_of([sys.executable, "-c", "import click"]),
            "help": lambda: cost_of([*COMMAND, "--help"]),
            "explain": lambda: cost_of([*COMMAND, "explain", "FL203"]),
            "schema": lambda: cost_of([*COMMAND, "schema"]),
            "check": lambda: cost_of([*COMMAND, "check", str(folder)]),
            "check_many": lambda: cost_of([*COMMAND, "check", str(large)]),
            "apply_100": lambda: cost_of([*COMMAND, "apply", str(folder)], address=address),
            "apply_1": lambda: cost_of([*COMMAND, "apply", one], address=address),
            "test": lambda: cost_of([*COMMAND, "test", str(folder)]),
            "decide": decided,
        }
        costs: dict[str, list[Cost]] = {what: [] for what in works}
        for _ in range(ROUNDS):
            for what, work in works.items():
                costs[what].append(work())
        peaks = [peak_of([*COMMAND, "check", str(each)]) for each in (folder, large)]
    cpu, wall = (
        {what: statistics.median(map(of, each)) for what, each in costs.items()}
        for of in map(attrgetter, ("cpu", "wall"))
    )
    publish(
        "command_line",
        [
            Measure("help_cpu_s", cpu["help"], "s", "import click", cpu["floor"]),
            Measure("help_wall_s", wall["help"], "s", "import click", wall["floor"]),
            Measure("explain_cpu_s", cpu["explain"], "s", "import click", cpu["floor"]),
            Measure("explain_wall_s", wall["explain"], "s", "import click", wall["floor"]),
            Measure("schema_cpu_s", cpu["schema"], "s", "import click", cpu["floor"]),
            Measure("check_100_files_cpu_s", cpu["check"], "s", "import click", cpu["floor"]),
            Measure("check_100_files_wall_s", wall["check"], "s", "import click", wall["floor"]),
            Measure("check_5000_files_cpu_s", cpu["check_many"], "s", "100 files", cpu["check"]),
            Measure("check_5000_files_wall_s", wall["check_many"], "s", "100 files", wall["check"]),
            Measure("check_5000_files_mb", peaks[1], "MB", "100 files", peaks[0]),
            Measure("apply_100_unchanged_cpu_s", cpu["apply_100"], "s", "apply 1", cpu["apply_1"]),
            Measure(
                "test_100000_visitors_cpu_s", cpu["test"] - cpu["check"], "s",
                "engine alone", cpu["decide"],
            ),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
