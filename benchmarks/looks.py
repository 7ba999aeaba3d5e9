"""Looks at a large shop beside the same metrics by hand: `make bench-looks`, or EVENTS=1e6 less.

A full look has eight metrics, cells by day and three cuts; the peer is one query without any of
that on the same data. Each runs in a process of its own, in turns; ratios are of CPU time.
"""

import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.form import Measure, publish
from benchmarks.large_shop.campaigns import LARGE, SMALL
from benchmarks.large_shop.cost import Cost, cost_of
from benchmarks.large_shop.databases import exported, fill
from benchmarks.large_shop.events import visitors_of, write_events
from benchmarks.large_shop.looking import by_hand, by_tea_tasting, look, look_from_copy
from benchmarks.large_shop.server_reading import reading_ms
from tests.postgres import PostgresServer
from tests.spark_cluster import SparkCluster, configured, missing_for_spark

EVENTS = 10_000_000
ROUNDS = 3
_FEW = 10_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger to be asked.

    Attributes:
        name: of its kind.
        source: its path or URL.
        small: a ledger of the same kind with few events.
        postmaster: the process id of PostgreSQL, or 0.
    """

    name: str
    source: str
    small: str = ""
    postmaster: int = 0

    def cost(self, what: str, function: object, *arguments: object) -> Cost:
        """The cost of one call, which is told."""
        first = (self.small, *arguments) if self.small else ()
        cost = cost_of(
            function,  # type: ignore[arg-type]  # a function
            self.source,
            *arguments,
            first=first,
            postmaster=self.postmaster,
        )
        print(f"  {self.name} {what}: {cost.cpu_s:.2f} s of CPU, {cost.wall_s:.2f} s, "
              f"{cost.peak_gb:.2f} GB", flush=True)  # fmt: skip
        return cost


def by_cpu(costs: list[Cost]) -> Cost:
    """The median."""
    return sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2]


def measures(ledger: Ledger, events: int, asked: Callable[..., object] = look) -> Iterator[Measure]:
    """A full look beside the query by hand."""
    hands, looks = [], []
    for _ in range(ROUNDS):
        hands.append(ledger.cost("by hand", by_hand))
        looks.append(ledger.cost("look", asked, (LARGE,)))
    hand, ours = by_cpu(hands), by_cpu(looks)
    for row, expected in zip(ours.value, hand.value, strict=True):
        assert all(map(math.isclose, row, expected)), (ledger.name, row, expected)
    yield Measure(f"look_{ledger.name}_ratio", ours.cpu_s / hand.cpu_s, "× by hand")
    yield Measure(f"look_{ledger.name}_cpu_s", ours.cpu_s, "s", "by hand", hand.cpu_s)
    yield Measure(f"look_{ledger.name}_wall_s", ours.wall_s, "s", "by hand", hand.wall_s)
    yield Measure(f"look_{ledger.name}_peak_gb", ours.peak_gb, "GB")
    yield Measure(f"look_{ledger.name}_s_per_million", ours.cpu_s / events * 1e6, "s of CPU")


def twenty(ledger: Ledger) -> Measure:
    """Twenty small campaigns that are due together, beside one of them."""
    ones, alls = [], []
    for _ in range(ROUNDS):
        ones.append(ledger.cost("one campaign", look, SMALL[:1]))
        alls.append(ledger.cost("twenty", look, SMALL))
    return Measure("look_20_campaigns_ratio", by_cpu(alls).cpu_s / by_cpu(ones).cpu_s, "× one")


def tea_tasting(ledger: Ledger) -> Measure:
    """The full look beside rows of units by hand and tea-tasting's report on them."""
    theirs = by_cpu([ledger.cost("tea-tasting", by_tea_tasting) for _ in range(ROUNDS)])
    ours = by_cpu([ledger.cost("look", look, (LARGE,)) for _ in range(ROUNDS)])
    return Measure("look_tea_tasting_ratio", ours.cpu_s / theirs.cpu_s, "× tea-tasting")


def reading(ledger: Ledger, events: int) -> Iterator[Measure]:
    """A server that is asked again."""
    read = reading_ms(ledger.source, visitors_of(events))
    print(f"  {read}", flush=True)
    yield Measure("look_first_ms", read.first, "ms")
    yield Measure("look_cached_ms", read.again, "ms")
    yield Measure("look_after_5000_ms", read.after_new, "ms")
    yield Measure("look_after_5000_cpu_s", read.after_new_cpu_s, "s")
    slower = read.assign_during / read.assign_quiet
    yield Measure("assign_p99_during_look_ratio", slower, "× quiet")
    yield Measure("assign_p99_during_look_ms", read.assign_during, "ms", "quiet", read.assign_quiet)


def spark(lake: Ledger, events: int) -> Iterator[Measure]:
    """Clusters of one worker and of two, a core each; the session's start counts."""
    if reason := missing_for_spark():
        print(reason)
        return
    seconds = {}
    for workers in (1, 2):
        cluster = SparkCluster(workers)
        try:
            cold = Ledger(lake.name, lake.source)
            cost = cold.cost(f"spark, {workers} workers", look, (LARGE,), cluster.url)
            seconds[workers] = cost.wall_s / events * 1e6
        finally:
            cluster.stop()
    yield Measure("spark_s_per_million", seconds[2], "s", "one worker", seconds[1])


@contextmanager
def ledgers(folder: Path, events: int) -> Iterator[tuple[Ledger, Ledger, Ledger]]:
    """The same events as a lake, in SQLite and in PostgreSQL."""
    files = write_events(folder, events)
    database = str(folder / "shop.db")
    fill(database, files)
    lake = exported(database, folder / "lake")
    small, small_lake = _small(folder / "small")
    server = PostgresServer()
    try:
        fill(server.url, files)
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        yield (
            Ledger("parquet", str(lake), small_lake),
            Ledger("sqlite", database, small),
            Ledger("postgres", server.url, small, postmaster),
        )
    finally:
        server.remove()


def sizes(ledgers_: tuple[Ledger, Ledger, Ledger], events: int) -> Iterator[Measure]:
    """Bytes of an event at rest, in tables that the analysis reads."""
    parquet, sqlite, postgres = ledgers_
    files = sum(path.stat().st_size for path in Path(parquet.source).rglob("*.parquet"))
    yield Measure("parquet_bytes_per_event", files / events, "bytes")
    yield Measure("sqlite_bytes_per_event", Path(sqlite.source).stat().st_size / events, "bytes")
    with psycopg.connect(postgres.source) as connection:
        ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
    yield Measure("postgres_bytes_per_event", size / events, "bytes")


def _small(folder: Path) -> tuple[str, str]:
    folder.mkdir()
    database = str(folder / "shop.db")
    fill(database, write_events(folder, _FEW))
    return database, str(exported(database, folder / "lake"))


def growth(few: Ledger, few_events: int, many_cpu_s: float, many_events: int) -> Measure:
    """How the cost grows: 1 is in proportion."""
    cost = by_cpu([few.cost("look", look, (LARGE,)) for _ in range(ROUNDS)])
    exponent = math.log(many_cpu_s / cost.cpu_s) / math.log(many_events / few_events)
    return Measure("look_growth_exponent", exponent, f"{few_events:,} to {many_events:,}")


def main() -> None:
    events = int(float(sys.argv[1])) if sys.argv[1:] else EVENTS
    found: list[Measure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(configured(folder))
        (folder / "all").mkdir()
        parquet, sqlite, postgres = stack.enter_context(ledgers(folder / "all", events))
        found += sizes((parquet, sqlite, postgres), events)
        for ledger in (parquet, sqlite, postgres):
            found += measures(ledger, events)
        found.append(twenty(parquet))
        found.append(tea_tasting(parquet))
        (folder / "few").mkdir()
        few = folder / "few" / "shop.db"
        fill(str(few), write_events(folder / "few", events // 10))
        lake = Ledger("a tenth", str(exported(str(few), folder / "few" / "lake")), parquet.small)
        cpu_s = next(m.value for m in found if m.what == "look_parquet_cpu_s")
        found.append(growth(lake, events // 10, cpu_s, events))
        # Which has its copy from the first call in each process.
        copy = Ledger("copy", sqlite.source, sqlite.source)
        found += measures(copy, events, look_from_copy)
        found += reading(sqlite, events)
        found += spark(parquet, events)
    peaks = [measure.value for measure in found if measure.what.endswith("_peak_gb")]
    publish("looks", [*found, Measure("look_peak_gb", max(peaks), "GB")])


if __name__ == "__main__":
    main()
