"""A scenario from its file to what is said of it: the ledger's rules, the looks, the verdict."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.plan_hash import plan_hash
from fairlift.engine.snapshot import Snapshot
from fairlift.wire.campaign import campaign_from
from fairlift_cli.check import check_documents
from fairlift_cli.reader import read_text
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.api.event_entries import EventReader
from fairlift_server.campaigns.live import ExposureRules, LiveCampaigns, PublishedSnapshot
from fairlift_server.events.intake import Intake
from fairlift_server.events.ledger import Event as CheckedEvent
from fairlift_server.events.ledger import RefusedEvent
from fairlift_server.results.analysis_plan import analysis_plan_of
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.look import LookRequest, LookResult, make_looks
from fairlift_server.store.database import Store
from fairlift_server.store.events import store_events
from fairlift_stats.effects import Effect

from tests.databases import copied
from tests.scenarios.campaigns import TRUTHS, Scenario
from tests.scenarios.shop import START, history

_GROUP = 1_000
_AFTER = timedelta(days=100)
_SETTLED_US = 3 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """What a report says of a metric and treatment, beside what is true."""

    metric: str
    variant: str
    low: float
    high: float
    truth: float

    @property
    def holds(self) -> bool:
        """Whether the truth is within the interval."""
        return self.low <= self.truth <= self.high


def campaign_of(scenario: Scenario) -> Campaign:
    """The campaign of the file, begun at START."""
    reading = read_text(scenario.file, "scenario.yaml")
    found = [*reading.findings, *check_documents(reading.documents, now=START)]
    assert {finding.rule for finding in found} == scenario.doubts, found
    (document,) = reading.documents
    campaign = campaign_from(document.message)
    assert campaign.plan is not None
    begun = Lifecycle(State.RUNNING, 1, plan_hash=plan_hash(campaign.plan), start_time=START)
    return replace(campaign, lifecycle=begun)


def result_of(scenario: Scenario, seed: int, empty: str, path: Path) -> LookResult:
    """What is said after the last look.

    Args:
        scenario: to run.
        seed: of its visitors.
        empty: a migrated database, to be copied.
        path: names the copy.
    """
    campaign = campaign_of(scenario)
    database = copied(empty, path)
    now_us = round((START + _AFTER).timestamp() * 1e6)
    _store(scenario, campaign, seed, database, now_us)
    start_us = round(START.timestamp() * 1e6)
    days = CampaignDays("UTC", start_us, start_us, settle_us=2 * 3_600 * 1_000_000)
    plan = analysis_plan_of(campaign, currency="EUR")
    request = LookRequest(
        # Days later, when everything has settled.
        plan,
        campaign.lifecycle.plan_hash,
        days,
        (),
        None,
        now_us + _SETTLED_US,
        Intake(start_us),
    )
    return make_looks(partial(answers, database), request)


def claims(scenario: Scenario, result: LookResult) -> Iterator[Claim]:
    """The lifts of the newest look's table that have a known truth."""
    assert result.report is not None
    for report in (result.report.tested, result.report.descriptive):
        for found in () if report is None else report.results:
            if found.metric not in TRUTHS or not isinstance(found.lift, Effect):
                continue
            truth = TRUTHS[found.metric]
            control, *_ = scenario.behaviours.values()
            lift = truth(scenario.behaviours[found.variant]) / truth(control) - 1
            interval = found.lift.interval
            if math.isfinite(interval.low + interval.high):
                yield Claim(found.metric, found.variant, interval.low, interval.high, lift)


def _store(scenario: Scenario, campaign: Campaign, seed: int, database: str, now_us: int) -> None:
    variants = {1: tuple(variant.id for variant in campaign.variants)}
    rules = ExposureRules(State.RUNNING, 1, variants, ())
    live = LiveCampaigns(PublishedSnapshot(Snapshot(), {campaign.id: rules}, {}, {}, {}, {}))
    reader = EventReader(live, now_us=now_us, history_days=400, parked_days=7, currency="EUR")
    rng = np.random.default_rng(seed)
    happened = history(
        rng,
        campaign.id,
        scenario.behaviours,
        units=scenario.units,
        days=scenario.days,
        returning=scenario.returning,
    )
    read = [reader.read(event) for event in happened]
    # Orders before their refunds, as a shop sends them.
    entries = [event for event in read if isinstance(event, CheckedEvent)]
    assert len(entries) == len(read), next(e for e in read if isinstance(e, RefusedEvent))
    store = Store(database)
    for first in range(0, len(entries), _GROUP):
        group = entries[first : first + _GROUP]
        outcomes = store.write_now(lambda t, group=group: store_events(t, group, "EUR"))  # type: ignore[misc]
        refused = [one for one in outcomes if isinstance(one, RefusedEvent)]
        assert not refused, refused[0]
    store.close()
