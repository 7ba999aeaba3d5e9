"""Server, command line and storefront, each with its own extra alone, from file to result."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.extras.environments import Environment, Environments, clean_environment

CAMPAIGN = """
campaign: free-shipping
variants: [{id: control, weight: 1}, {id: free, weight: 1}]
plan:
  primary: [{metric: revenue_per_visitor, minimum_effect: 10%}]
  secondary: [{metric: conversion_rate}]
  planned_units: 10_000
"""

NOT_INSTALLED = """
from importlib.util import find_spec
print(*(name for name in ("pandas", "pyarrow", "pyarrow_hotfix", "click") if find_spec(name)))
"""

# 40 visitors come, and every fifth buys two items of 12.50 each; then the server is gone.
STOREFRONT = """
import sys
from collections import Counter
from pathlib import Path
from time import sleep
from fairlift import Client, OrderLine, micros

address, path = sys.argv[1], Path(sys.argv[2])
variants = Counter()
with Client(address, snapshot_path=path) as client:
    assert client.wait_ready(20)
    for number in range(40):
        shown = client.assign("free-shipping", f"v-{number}", expose=True)
        variants[shown.variant] += 1
        if number % 5 == 0:
            line = OrderLine("sku-1", 2, micros("12.50"))
            client.order(f"v-{number}", f"o-{number}", [line], currency="EUR")
            variants[f"{shown.variant} orders"] += 1
    assert client.flush(20)
    while not path.exists():
        sleep(0.01)
with Client("127.0.0.1:1", snapshot_path=path) as client:
    again = Counter(client.assign("free-shipping", f"v-{number}").variant for number in range(40))
print(variants["control"], variants["control orders"], variants["free"], variants["free orders"])
print(again["control"], again["free"])
"""


def test_apply_start_record_and_results(environments: Environments, tmp_path: Path) -> None:
    server, cli, shop = (environments.of(extra) for extra in ("server", "cli", "client"))
    file = tmp_path / "free-shipping.yaml"
    file.write_text(CAMPAIGN, encoding="utf-8")

    with _serving(server, tmp_path) as address:
        reach = {"FAIRLIFT_SERVER": address}

        def fairlift(*words: str) -> str:
            run = cli.run("fairlift", *words, settings=reach)
            assert run.returncode == 0, run.stderr
            return run.stdout

        fairlift("apply", str(file))
        fairlift("start", "free-shipping")
        sent, again = shop.prints(STOREFRONT, address, str(tmp_path / "snapshot")).splitlines()
        report = json.loads(fairlift("results", "free-shipping", "--json"))
        shown = fairlift("results", "free-shipping")

    assert server.prints(NOT_INSTALLED).strip() == ""
    control, control_orders, free, free_orders = map(int, sent.split())
    assert (control + free, control_orders + free_orders) == (40, 8)
    assert again == f"{control} {free}"
    assert [
        (t["variant"], int(t["units"]), int(t["orders"]), int(t["revenue_micros"]))
        for t in report["totals"]
    ] == [
        ("control", control, control_orders, control_orders * 25_000_000),
        ("free", free, free_orders, free_orders * 25_000_000),
    ]
    assert re.search(rf"free +{free} ", shown)


@contextmanager
def _serving(environment: Environment, folder: Path) -> Iterator[str]:
    """The address of a running server."""
    settings = {
        "FAIRLIFT_LISTEN": "127.0.0.1:0",
        "FAIRLIFT_DATABASE": str(folder / "fairlift.db"),
        "FAIRLIFT_CURRENCY": "EUR",
    }
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            [environment.program("fairlift-server"), "serve"],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env=clean_environment() | settings,
        )  # fmt: skip
        try:
            assert server.stdout is not None  # for the type checker: it is a pipe
            first = server.stdout.readline()
            assert first.startswith("listening on "), (folder / "log").read_text()
            yield first.removeprefix("listening on ").strip()
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
