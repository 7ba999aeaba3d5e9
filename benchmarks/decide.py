"""Measures how fast a storefront gets its variants, compared with other SDKs.

`make bench-decide` measures the compiled code of a wheel, and in the same rounds the same code as
plain Python: the figures with `pure`.
"""

import importlib
import logging
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from fairlift import Client, snapshot_file
from fairlift.client_stats import is_compiled
from fairlift.engine.assignment import Assignment
from fairlift.engine.bots import BotRules
from fairlift.engine.bucketing import bucket
from fairlift.engine.campaign import Campaign, Lifecycle, State, Variant
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.local_snapshot import LocalSnapshot
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.snapshot import snapshot_from, snapshot_to
from fairlift_cli.audience.parser import parse
from fairlift_stats.design.bulk_assignment import buckets

from benchmarks.form import Measure, publish, side_by_side
from benchmarks.peers import deciders

SOURCES = Path(__file__).parents[1] / "clients"
FASTEST = "eppo-server-sdk"
NOWHERE = "127.0.0.1:1"
ROUND_S = 0.002
RULE = 'country in ["ES", "RO"] and cart_value >= 30'


def snapshot(campaigns: int) -> pb.Snapshot:
    """Running campaigns of three variants, with one rule on two attributes."""
    campaigns_with_salts = [
        SnapshotCampaign(
            Campaign(
                f"c{index}",
                (Variant("a"), Variant("b", payload={"threshold": 50}), Variant("c")),
                audience=parse(RULE),
                lifecycle=Lifecycle(state=State.RUNNING),
            ),
            f"{index:032x}",
            f"{index + 1_000_000:032x}",
        )
        for index in range(campaigns)
    ]
    message = snapshot_to(Snapshot(f"bench-{campaigns}", None, tuple(campaigns_with_salts)))
    message.create_time.GetCurrentTime()
    return message


def pure_client_class() -> type[Client]:
    """`Client` once more, from the sources, which hold no compiled modules."""
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    for name in ours:
        del sys.modules[name]
    sys.path.insert(0, str(SOURCES))
    try:
        client_class: type[Client] = importlib.import_module("fairlift.client").Client
        if importlib.import_module("fairlift.client_stats").is_compiled():
            raise RuntimeError("the sources hold compiled modules")
        return client_class
    finally:
        sys.path.remove(str(SOURCES))
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(ours)


def _is_ours(module: str) -> bool:
    return module == "fairlift" or module.startswith("fairlift.")


def ready_client(message: pb.Snapshot, client_class: type[Client] = Client) -> Client:
    """A client that decides by this snapshot; there is no server."""
    path = Path(tempfile.mkdtemp()) / "snapshot"
    snapshot_file.save(path, message.SerializeToString())
    client = client_class(NOWHERE, snapshot_path=path)
    if not client.assign("c1", "v", deciders.ATTRIBUTES).is_in_campaign:
        raise RuntimeError("the benchmark's visitor must be in the campaign")
    return client


def decisions() -> list[Measure]:
    """One decision, a hundred, and one with its exposure; peers are measured in the same rounds."""
    attributes, names = deciders.ATTRIBUTES, [f"c{index}" for index in range(100)]
    ours = {"": ready_client(snapshot(100))}
    if is_compiled():
        ours["pure"] = ready_client(snapshot(100), pure_client_class())
    visitors = count()
    visitor = "visitor-123456"

    def one(client: Client) -> str:
        return client.assign("c1", visitor, attributes).variant

    def hundred(client: Client) -> list[str]:
        return [assigned.variant for assigned in client.assign_all(visitor, attributes).values()]

    def exposed(client: Client) -> Assignment:
        return client.assign("c1", f"v{next(visitors)}", attributes, expose=True)

    def for_all(work: Callable[[Client], object]) -> dict[str, Callable[[], object]]:
        return {name: partial(work, client) for name, client in ours.items()}

    # One client at a time, and before the other peers: what all of them do in the background would
    # disturb one another.
    peers = {FASTEST: deciders.ALL[FASTEST](100)}
    exposing = {
        name: in_turns(
            {
                "": partial(exposed, client),
                FASTEST: lambda: peers[FASTEST]("c1", f"v{next(visitors)}"),
            }
        )
        for name, client in ours.items()
    }
    pure = {"pure": exposing["pure"][""]} if "pure" in exposing else {}
    peers |= {name: set_up(100) for name, set_up in deciders.ALL.items() if name != FASTEST}
    for name, decide in peers.items():
        if decide("c1", "visitor-1") not in "abc":
            raise RuntimeError(f"{name} does not decide")
    ones = {name: partial(decide, "c1", visitor) for name, decide in peers.items()}
    all_of_them = {
        name: partial(lambda decide: [decide(campaign, visitor) for campaign in names], decide)
        for name, decide in peers.items()
    }
    return [
        *_against_all("one_decision", in_turns({**for_all(one), **ones})),
        *_against_all("hundred_campaigns", in_turns({**for_all(hundred), **all_of_them})),
        *_against_all("decision_and_exposure", exposing[""] | pure),
    ]


def in_turns(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds per call, over many rounds that all take about as long.

    A short round ends before the scheduler steps in; were ours longer than the peers', a busy
    machine would charge its neighbours to us alone.
    """
    calls = {}
    for name, work in works.items():
        start = time.perf_counter()
        for _ in range(20):
            work()
        calls[name] = max(1, round(20 * ROUND_S / (time.perf_counter() - start)))
    return side_by_side(works, rounds=41, calls=calls)


def _against_all(what: str, seconds: dict[str, float]) -> list[Measure]:
    """The figure beside the fastest peer, then the others under names of their own."""
    us = {name: value * 1e6 for name, value in seconds.items()}
    ours, pure = us.pop(""), us.pop("pure", None)
    fastest, *slower = sorted(us, key=us.__getitem__)
    rows = [Measure(f"{what}_us", ours, "µs", fastest, us[fastest])]
    rows += [Measure(f"{what}_us:{peer}", ours, "µs", peer, us[peer]) for peer in slower]
    if pure is not None:
        rows.append(Measure(f"{what}_pure_us", pure, "µs", fastest, us[fastest]))
    return rows


def compiling() -> list[Measure]:
    """A thousand campaigns: made ready, swapped under a busy thread, and what they weigh."""
    import eppo_client

    message = snapshot(1_000)
    meaning = snapshot_from(message)
    flags = deciders.eppo_flags(1_000)
    seconds = side_by_side(
        {
            "": lambda: CompiledSnapshot(meaning),
            "from message": lambda: CompiledSnapshot(snapshot_from(message)),
            "eppo-server-sdk": lambda: eppo_client.Configuration(flags_configuration=flags),
        }
    )
    tracemalloc.start()
    compiled = CompiledSnapshot(snapshot_from(message))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if len(compiled.campaigns) != 1_000:
        raise RuntimeError("a campaign was lost")
    peer = ("eppo-server-sdk", seconds["eppo-server-sdk"] * 1e3)
    return [
        Measure("compile_1000_ms", seconds[""] * 1e3, "ms", *peer),
        Measure("read_and_compile_1000_ms", seconds["from message"] * 1e3, "ms", *peer),
        Measure("memory_1000_mb", size / 2**20, "MB"),
        Measure("swap_pause_ms", swap_pause_s(message) * 1e3, "ms"),
    ]


def swap_pause_s(message: pb.Snapshot) -> float:
    """How much longer one decision took, at worst, while a new snapshot was compiled and swapped.

    The 99.9th percentile with swaps less that without: on a shared machine the very slowest
    decision says more about the neighbours.
    """
    local = LocalSnapshot(path=None, bots=BotRules(), first_seen={}, stale_after_s=None)
    local.take(message)

    current = local.current

    def slow_decisions(seconds: float) -> float:
        times = []
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            current.compiled.campaigns["c1"].decide("visitor-1", "", deciders.ATTRIBUTES, 0.0)
            times.append(time.perf_counter() - start)
        return sorted(times)[int(len(times) * 0.999)]

    quiet = slow_decisions(1.0)
    stopped = threading.Event()

    def swap() -> None:
        while not stopped.is_set():
            local.take(message)

    thread = threading.Thread(target=swap)
    thread.start()
    busy = slow_decisions(2.0)
    stopped.set()
    thread.join()
    return max(0.0, busy - quiet)


def vectorised() -> list[Measure]:
    """A million ids to buckets, beside a loop over the engine's own function."""
    units = [f"visitor-{index}" for index in range(1_000_000)]
    salt = "5f0e7a9c31d2b81d6c20ef475f0e7a9c"
    if buckets(salt, units[:10_000]).tolist() != [bucket(salt, unit) for unit in units[:10_000]]:
        raise RuntimeError("the vectorised buckets differ from the engine's")
    seconds = side_by_side(
        {"": lambda: buckets(salt, units), "loop": lambda: [bucket(salt, unit) for unit in units]},
        rounds=5,
    )
    return [Measure("vectorised_1m_s", seconds[""], "s", "loop over mmh3", seconds["loop"])]


def main() -> None:
    """Runs it all."""
    logging.disable(logging.CRITICAL)
    if not is_compiled():
        print("Not compiled, for there is no C compiler here: all of this is plain Python.")
    measures = [*decisions(), *compiling(), *vectorised()]
    publish("decide", measures)
    sys.stdout.flush()
    # Some peers keep threads that never end.
    os._exit(0)


if __name__ == "__main__":
    main()
