"""The server's figures, in Prometheus' form.

No label ever names a visitor, an order or a campaign: what one scrape costs must not grow with the
shop, and monitoring is no place for ids.
"""

from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

# From an assignment, which takes a tenth of a millisecond, to the first look of a large shop.
_CALL_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300)
_COMMIT_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_GROUP_EVENTS: Final = (1, 5, 25, 100, 500, 1_000, 2_500, 5_000, 10_000)
_ANALYSIS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800)
_LAG_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class ServerMetrics:
    """Counts what happens in one server process.

    Every method may be called for each call or event: each takes about a microsecond.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._calls = Histogram(
            "fairlift_call_seconds",
            "Unary calls whose message was received, from then to their answer.",
            ["method", "code"],
            buckets=_CALL_S,
            registry=registry,
        )
        self._refused = Counter(
            "fairlift_refused_calls",
            "Calls that were refused: no valid token, no room, or not to be answered in time.",
            ["class", "code"],
            registry=registry,
        )
        self._streams = Gauge(
            "fairlift_open_streams", "Streams that are open now.", ["method"], registry=registry
        )
        self._events = Counter(
            "fairlift_events",
            "Events that were answered, by what became of them.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._groups = Histogram(
            "fairlift_commit_events",
            "Events that were stored in one transaction.",
            buckets=_GROUP_EVENTS,
            registry=registry,
        )
        self._commits = Histogram(
            "fairlift_commit_seconds",
            "Transactions that stored events, until they were durable.",
            ["result"],
            buckets=_COMMIT_S,
            registry=registry,
        )
        self._analyses = Histogram(
            "fairlift_analysis_seconds",
            "What the processes that compute results did, with the wait for a free one.",
            ["job", "result"],
            buckets=_ANALYSIS_S,
            registry=registry,
        )
        self._looks = Counter(
            "fairlift_looks", "Looks that were made and written down.", registry=registry
        )
        self._without_token = Counter(
            "fairlift_exposures_without_token",
            "Exposures that were taken, and would be refused if exposure tokens were required.",
            registry=registry,
        )
        # By campaign.
        self._unseen_orders: dict[str, int] = {}
        unseen = Gauge(
            "fairlift_unseen_orders",
            "Orders of units that a campaign has not seen, as of its last reading: the most.",
            registry=registry,
        )
        unseen.set_function(lambda: max(tuple(self._unseen_orders.values()), default=0))
        self._lag = Histogram(
            "fairlift_event_loop_lag_seconds",
            "How much later than due the event loop ran what was due.",
            buckets=_LAG_S,
            registry=registry,
        )

    def call(self, method: str, code: str, seconds: float) -> None:
        """Counts a unary call whose message was received, by gRPC's name of its code."""
        self._calls.labels(method, code).observe(seconds)

    def refused(self, kind: str, code: str) -> None:
        """Counts a call of a class that was refused, before or after its message was read."""
        self._refused.labels(kind, code).inc()

    def stream(self, method: str, change: int) -> None:
        """Counts a stream that opened (1) or ended (-1)."""
        self._streams.labels(method).inc(change)

    def events(self, outcomes: Iterable[tuple[str, str]]) -> None:
        """Counts events by kind and outcome."""
        for labels, number in Count(outcomes).items():
            self._events.labels(*labels).inc(number)

    def commit(self, events: int, seconds: float, *, failed: bool) -> None:
        """Counts a transaction that stored events."""
        if not failed:
            self._groups.observe(events)
        self._commits.labels("failed" if failed else "stored").observe(seconds)

    def analysis(self, job: str, seconds: float, failed: bool) -> None:
        """Counts a job of the processes that compute results."""
        self._analyses.labels(job, "failed" if failed else "done").observe(seconds)

    def looks(self, number: int) -> None:
        """Counts looks that were made and written down."""
        self._looks.inc(number)

    def exposures_without_token(self, number: int) -> None:
        """Counts exposures that need a token once the policy is `required`."""
        self._without_token.inc(number)

    def unseen_orders(self, campaign: str, orders: int) -> None:
        """Notes the orders of units that a campaign has not seen; only the most of all is shown."""
        self._unseen_orders[campaign] = orders

    def lag(self, seconds: float) -> None:
        """Counts a delay of the event loop."""
        self._lag.observe(seconds)

    def watch(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        """Adds figures that are asked for at each scrape, in the scrape's own thread.

        Args:
            gauges: by name what it is, and what gives it.
        """
        for name, (meaning, read) in gauges.items():
            Gauge(name, meaning, registry=self._registry).set_function(read)

    def families(self) -> Iterable[Metric]:
        """All figures, as they are now."""
        return self._registry.collect()

    def text(self) -> bytes:
        """All figures, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)
