"""Campaigns through a real server, read every day: how often they ship, and take it back."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlift import Client, OrderLine
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.v1.campaign_service_pb2 import CreateCampaignRequest
from fairlift.v1.results_service_pb2 import (
    VERDICT_KIND_INCONCLUSIVE,
    VERDICT_KIND_SHIP,
    VERDICT_KIND_STOP_HARM,
    GetResultsRequest,
    Verdict,
)
from fairlift_cli.server_connection import ServerConnection, Target, connected, full_name
from scipy import stats

from examples.server import running_server, start_in_the_past

_CURRENCY = "EUR"
_CONVERSION = 0.10
_FINAL = frozenset({VERDICT_KIND_SHIP, VERDICT_KIND_STOP_HARM, VERDICT_KIND_INCONCLUSIVE})
# Three weeks of entry, the window of three days, and the day after it that shows they are over.
_DAYS = 25


@dataclass(frozen=True, slots=True)
class Study:
    """A set of campaigns to simulate.

    Attributes:
        without_effect: campaigns over one crowd, each with salts of its own.
        with_effect: campaigns with the planned effect, each over a crowd of its own.
        visitors: in each crowd.
        lift: of conversion, planned and true.
        read_on: the days on which every campaign is read.
    """

    without_effect: int
    with_effect: int
    visitors: int
    lift: float
    read_on: frozenset[int]
    seed: int = 20_261


@dataclass(slots=True)
class Outcome:
    """What was read of one campaign, oldest first."""

    has_effect: bool
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def is_reversed(self) -> bool:
        """Whether a final verdict was ever followed by another one."""
        final = [i for i, verdict in enumerate(self.verdicts) if verdict.kind in _FINAL]
        if not final:
            return False
        first, *later = ((v.kind, v.variant, v.sentence) for v in self.verdicts[final[0] :])
        return any(verdict != first for verdict in later)

    @property
    def has_shipped(self) -> bool:
        """Whether it ended in a success."""
        return self.verdicts[-1].kind == VERDICT_KIND_SHIP


def simulate(study: Study) -> dict[str, Outcome]:
    """What every campaign of the study was read to say."""
    names = [f"same-{n}" for n in range(study.without_effect)]
    better = [f"better-{n}" for n in range(study.with_effect)]
    outcomes = {name: Outcome(name in better) for name in (*names, *better)}
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=_DAYS)
    rng = random.Random(study.seed)
    with running_server(currency=_CURRENCY) as address, connected(Target(address)) as server:
        for name in outcomes:
            request = CreateCampaignRequest(campaign=_campaign(name, study))
            server.call(server.campaigns.CreateCampaign, request)
        start_in_the_past(address, outcomes, start)
        with Client(address) as client:
            assert client.wait_ready(30), "the client received no snapshot"
            for day in range(_DAYS):
                moment = start + timedelta(days=day)
                if day < 21:
                    _visits(client, rng, study, names, better, day, moment)
                # Whoever comes back moves the time of the ledger on.
                for name in outcomes:
                    client.action(f"{name}-0", "visit", time=moment + timedelta(hours=23))
                    client.action("crowd-0", "visit", time=moment + timedelta(hours=23))
                assert client.flush(120), client.stats()
                # The look of a day is made when events of the next one have come in.
                if day in study.read_on:
                    for name, outcome in outcomes.items():
                        outcome.verdicts.append(_verdict(server, name))
    return outcomes


def _visits(
    client: Client,
    rng: random.Random,
    study: Study,
    names: list[str],
    better: list[str],
    day: int,
    start: datetime,
) -> None:
    """One day of every crowd."""
    crowds = [("crowd", names), *((name, [name]) for name in better)]
    for crowd, campaigns in crowds:
        for number in _arriving(study.visitors, day):
            visitor = f"{crowd}-{number}"
            moment = start + timedelta(seconds=rng.uniform(0, 80_000))
            conversion = _CONVERSION
            for campaign in campaigns:
                assignment = client.assign(campaign, visitor)
                client.expose(assignment, time=moment)
                if crowd != "crowd" and assignment.variant == "new":
                    conversion *= 1 + study.lift
            if rng.random() < conversion:
                line = OrderLine("product", 1, 20_000_000)
                at = moment + timedelta(minutes=5)
                client.order(visitor, f"order-{visitor}", [line], currency=_CURRENCY, time=at)
            if number % 2_000 == 1_999:
                assert client.flush(120), client.stats()


def _arriving(visitors: int, day: int) -> Iterator[int]:
    yield from range(visitors * day // 21, visitors * (day + 1) // 21)


def _campaign(name: str, study: Study) -> campaign_pb2.Campaign:
    primary = plan_pb2.PlannedMetric(metric="conversion_rate", minimum_effect=study.lift)
    return campaign_pb2.Campaign(
        name=full_name(name),
        variants=[campaign_pb2.Variant(id=arm, weight=1) for arm in ("old", "new")],
        plan=plan_pb2.Plan(primary=[primary], planned_units=study.visitors, maximum_days=21),
    )


def _verdict(server: ServerConnection, name: str) -> Verdict:
    request = GetResultsRequest(name=full_name(name))
    return server.call(server.results.GetResults, request).verdict


def through_a_server(_plots: Path) -> str:
    """200 campaigns without an effect and 40 with the planned one, read every day."""
    study = Study(200, 40, 1_500, 0.5, frozenset(range(1, _DAYS)))
    outcomes = simulate(study).values()
    same = [outcome for outcome in outcomes if not outcome.has_effect]
    better = [outcome for outcome in outcomes if outcome.has_effect]
    reversals = sum(outcome.is_reversed for outcome in outcomes)
    rows = [
        _row("no effect: shipped", [outcome.has_shipped for outcome in same], "at most 5 %"),
        _row("planned effect: shipped", [o.has_shipped for o in better], "about 80 %"),
    ]
    return "\n".join(
        [
            f"{len(same)} campaigns over one crowd of {study.visitors:,} visitors, each with salts "
            f"of its own, and {len(better)} with the planned effect (+{study.lift:.0%} of "
            f"{_CONVERSION:.0%}), through a server over gRPC, read on each of {_DAYS - 1} days. "
            f"Verdicts that were taken back: {reversals}.",
            "",
            "| campaigns | shipped | 95 % interval | promised |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def _row(name: str, shipped: list[bool], promised: str) -> str:
    found = stats.binomtest(sum(shipped), len(shipped))
    interval = found.proportion_ci(0.95)
    share = f"{sum(shipped)} of {len(shipped)} ({found.statistic:.3f})"
    return f"| {name} | {share} | {interval.low:.3f} … {interval.high:.3f} | {promised} |"


SECTIONS = {"Campaigns through a server, read every day": through_a_server}
