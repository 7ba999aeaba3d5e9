"""Campaigns through a real server, read day by day: how often they ship, and take it back."""

import math
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from fairlift import Client, OrderLine
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.v1.campaign_service_pb2 import CreateCampaignRequest
from fairlift.v1.results_service_pb2 import (
    VERDICT_KIND_SHIP,
    VERDICT_KIND_STOP_HARM,
    GetResultsRequest,
    Verdict,
)
from fairlift_cli.server_connection import (
    RESULTS_TIMEOUT_S,
    ServerConnection,
    Target,
    connected,
    full_name,
)
from fairlift_stats.sequential.lines import with_drift

from examples.server import running_server, start_in_the_past
from tests.simulation.campaigns import CONVERSION, Setup
from tests.simulation.independent import crossing, drift_of_rates, upper_lines
from tests.simulation.tables import AGAINST, Share, introduced, table

CURRENCY: Final = "EUR"
CONVERSION_RATE: Final = 0.20
LIFT: Final = 0.35
DAYS_OF_ENTRY: Final = 21
# The window of three days follows.
LAST_LOOK: Final = DAYS_OF_ENTRY + 3
EVERY_DAY: Final = frozenset(range(1, LAST_LOOK + 1))
# The days whose looks judge success, and the days after them.
AROUND_DECISIONS: Final = frozenset({10, 11, 17, 18, 24})
# Orders that are sent days late, as a nightly import that failed sends them.
LATE_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True)
class Simulation:
    """Campaigns to simulate.

    Attributes:
        without_effect: campaigns over one crowd, each with salts of its own.
        with_effect: campaigns with the planned effect, each over a crowd of its own.
        visitors: in each crowd.
        lift: of conversion, planned and true.
        read_daily: campaigns of either kind that are read every day; the others around decisions.
        alternates: each crowd with an effect is chosen so that its visitors get the variants in
            turn, whatever the salts: what comes out is the same in every run.
        seed: of the visitors.
    """

    without_effect: int
    with_effect: int
    visitors: int
    lift: float = LIFT
    read_daily: int = 10
    alternates: bool = False
    seed: int = 20_261


@dataclass(slots=True)
class Outcome:
    """What was read of one campaign, oldest first."""

    has_effect: bool
    read_on: Collection[int]
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def is_reversed(self) -> bool:
        """Whether a decision was ever followed by another one, in any of its fields or words."""
        decided = [v for v in self.verdicts if v.HasField("decided_time")]
        first = next((i for i, v in enumerate(self.verdicts) if v in decided), None)
        if first is None:
            return False
        return any(_lasting(v) != _lasting(decided[0]) for v in self.verdicts[first:])

    @property
    def has_shipped(self) -> bool:
        """Whether it ended in a success."""
        return self.verdicts[-1].kind == VERDICT_KIND_SHIP

    @property
    def has_harmed(self) -> bool:
        """Whether it was stopped for harm."""
        return self.verdicts[-1].kind == VERDICT_KIND_STOP_HARM


def _lasting(verdict: Verdict) -> Verdict:
    """The verdict without what came after it, which is told beside it."""
    lasting = Verdict()
    lasting.CopyFrom(verdict)
    lasting.ClearField("since")
    return lasting


def simulate(simulation: Simulation) -> dict[str, Outcome]:
    """What every campaign was read to say."""
    outcomes = {}
    for kind, count in (("same", simulation.without_effect), ("better", simulation.with_effect)):
        for n in range(count):
            read_on = EVERY_DAY if n < simulation.read_daily else AROUND_DECISIONS
            outcomes[f"{kind}-{n}"] = Outcome(kind == "better", read_on)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=LAST_LOOK + 1)
    with running_server(currency=CURRENCY) as address, connected(Target(address)) as server:
        for name in outcomes:
            request = CreateCampaignRequest(campaign=_campaign(name, simulation))
            server.call(server.campaigns.CreateCampaign, request)
        start_in_the_past(address, outcomes, start)
        with Client(address) as client:
            assert client.wait_ready(30), "the client received no snapshot"
            shop = _Shop(client, simulation, start, outcomes)
            for day in range(LAST_LOOK + 1):
                shop.simulate_day(day)
                # The look of a day is made when events of the next one have come in.
                for name, outcome in outcomes.items():
                    if day in outcome.read_on:
                        outcome.verdicts.append(_verdict(server, name))
    return outcomes


class _Shop:
    """Crowds who come, see their campaigns, and buy."""

    def __init__(
        self,
        client: Client,
        simulation: Simulation,
        start: datetime,
        outcomes: dict[str, Outcome],
    ) -> None:
        self._client, self._simulation, self._start = client, simulation, start
        self._rng = random.Random(simulation.seed)
        same = [name for name, outcome in outcomes.items() if not outcome.has_effect]
        self._crowds = {"crowd": same} | {
            name: [name] for name, outcome in outcomes.items() if outcome.has_effect
        }
        self._names = {crowd: self._visitors(crowd) for crowd in self._crowds}
        self._late: list[tuple[int, str, datetime]] = []

    def simulate_day(self, day: int) -> None:
        """Everything that comes in on one day."""
        midnight = self._start + timedelta(days=day)
        for crowd in self._crowds:
            if day < DAYS_OF_ENTRY:
                self._enter(crowd, day, midnight)
            # Storefronts go on showing variants, which moves the time of the ledger on.
            for campaign in self._crowds[crowd]:
                assignment = self._client.assign(campaign, f"{crowd}-late-on-{day}")
                self._client.expose(assignment, time=midnight + timedelta(hours=23))
        for due, visitor, moment in self._late:
            if due == day:
                self._order(visitor, moment)
        self._flush()

    def _enter(self, crowd: str, day: int, midnight: datetime) -> None:
        visitors = self._simulation.visitors
        count = visitors * (day + 1) // DAYS_OF_ENTRY - visitors * day // DAYS_OF_ENTRY
        for number in range(count):
            visitor = next(self._names[crowd])
            moment = midnight + timedelta(seconds=self._rng.uniform(0, 80_000))
            conversion = CONVERSION_RATE
            for campaign in self._crowds[crowd]:
                assignment = self._client.assign(campaign, visitor)
                self._client.expose(assignment, time=moment)
                if crowd != "crowd" and assignment.variant == "new":
                    conversion *= 1 + self._simulation.lift
            if self._rng.random() < conversion:
                bought = moment + timedelta(minutes=5)
                if self._rng.random() < LATE_SHARE:
                    self._late.append((day + self._rng.randint(1, 6), visitor, bought))
                else:
                    self._order(visitor, bought)
            if number % 50 == 49:
                self._flush()

    def _visitors(self, crowd: str) -> Iterator[str]:
        """Names of visitors; where the variants take turns, of those whose turn it is."""
        turn = 0
        for number in range(100 * self._simulation.visitors):
            visitor = f"{crowd}-{number}"
            if self._simulation.alternates and crowd != "crowd":
                if self._client.assign(crowd, visitor).variant != ("old", "new")[turn % 2]:
                    continue
                turn += 1
            yield visitor

    def _order(self, visitor: str, moment: datetime) -> None:
        line = OrderLine("product", 1, 20_000_000)
        self._client.order(visitor, f"order-{visitor}", [line], currency=CURRENCY, time=moment)

    def _flush(self) -> None:
        assert self._client.flush(300), self._client.stats()


def _campaign(name: str, simulation: Simulation) -> campaign_pb2.Campaign:
    primary = plan_pb2.PlannedMetric(metric="conversion_rate", minimum_effect=simulation.lift)
    return campaign_pb2.Campaign(
        name=full_name(name),
        variants=[campaign_pb2.Variant(id=arm, weight=1) for arm in ("old", "new")],
        plan=plan_pb2.Plan(
            primary=[primary], planned_units=simulation.visitors, maximum_days=DAYS_OF_ENTRY
        ),
    )


def _verdict(server: ServerConnection, name: str) -> Verdict:
    request = GetResultsRequest(name=full_name(name))
    return server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S).verdict


def planned_visitors() -> int:
    """Visitors for which the product's plan promises 80 %, its advice to give up followed."""
    setup = Setup.of(CONVERSION, maximum_days=DAYS_OF_ENTRY, window_days=3)
    drift = with_drift(setup.plan).drift
    assert drift is not None, "a group sequential plan has a drift"
    treatment = CONVERSION_RATE * (1 + LIFT)
    return 2 * math.ceil((drift / drift_of_rates(CONVERSION_RATE, treatment, 1.0)) ** 2)


def expected_power(visitors: int) -> float:
    """Chance to ship with that many visitors when no advice is followed: a second opinion."""
    times = (1 / 3, 2 / 3, 1.0)
    drift = drift_of_rates(CONVERSION_RATE, CONVERSION_RATE * (1 + LIFT), visitors / 2)
    return crossing(upper_lines(0.025, times), times, drift)


def through_a_server(_: Path) -> str:
    """Campaigns as a shop runs them: SDK, gRPC, ledger, looks and reports of a running server."""
    visitors = planned_visitors()
    simulation = Simulation(200, 40, visitors)
    outcomes = simulate(simulation).values()
    same = [outcome for outcome in outcomes if not outcome.has_effect]
    better = [outcome for outcome in outcomes if outcome.has_effect]
    expected = expected_power(visitors)
    rows = [
        ("no effect", "shipped", *Share.of(o.has_shipped for o in same).against(0.025)),
        ("no effect", "stopped for harm", *Share.of(o.has_harmed for o in same).against(0.025)),
        (
            "planned effect",
            "shipped",
            *Share.of(o.has_shipped for o in better).against(expected, "about"),
        ),
        ("all", "taken back", *Share.of(o.is_reversed for o in outcomes).against(0.0)),
    ]
    reads = sum(len(outcome.verdicts) for outcome in outcomes)
    return (
        f"{len(same)} campaigns without an effect over one crowd of {visitors:,} visitors, each "
        f"with salts of its own, and {len(better)} with the planned effect (+{LIFT:.0%} of "
        f"{CONVERSION_RATE:.0%}), each over a crowd of its own; three weeks of entry, a window of "
        f"three days. {simulation.read_daily} of each kind are read every day, the others on the "
        f"days of decisions and the days after them: {reads:,} reports. {LATE_SHARE:.0%} of the "
        "orders come in one to six days late.\n\n"
        f"{visitors:,} visitors are what the product's plan takes for a power of 80 % if its "
        "advice to give up is followed. Here it is not followed, and the power is "
        f"{expected:.3f} by SciPy's multivariate normal, with lines of its own.\n\n"
        + table(("campaigns", "", *AGAINST), rows)
        + "\nThe server draws salts itself: these figures differ a little from run to run. "
        "Campaigns over one crowd share its orders, and their salts alone differ: their verdicts "
        "are as good as independent.\n"
    )


SECTIONS = {"Campaigns through a server": introduced(through_a_server)}
