"""What the server's own ledger and analysis say of a history, in process."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from fairlift.engine.campaign import State
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    LineKind,
    LineMeasure,
    LineOf,
    MeanMetric,
    Metric,
    OrderMeasure,
    RatioMetric,
    catalogue_metric,
)
from fairlift.engine.snapshot import Snapshot
from fairlift_server.analysis.column_set import ColumnSet
from fairlift_server.analysis.columns import MetricColumns
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.entry_rules import EntryRules
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerAnswer, LedgerQuery
from fairlift_server.api.event_entries import EventReader
from fairlift_server.campaigns.live import ExposureRules, LiveCampaigns, PublishedSnapshot
from fairlift_server.events.ledger import Event as CheckedEvent
from fairlift_server.events.ledger import RefusedEvent
from fairlift_server.results.analysis_plan import TOTALS
from fairlift_server.store.campaigns import Shop, put_shop
from fairlift_server.store.database import Store
from fairlift_server.store.events import store_events
from fairlift_stats.data.metrics import Mean, Rate, Ratio
from fairlift_stats.data.summary import Summary

from tests.databases import copied, database_in, rows

from .events import DAY, Campaign, Event, Figures, VariantFigures
from .histories import History
from .messages import message_of
from .metrics import CATALOGUE


def empty_store(folder: Path) -> str:
    """A migrated database, to be copied for each history: migrations take longer than a history."""
    database = database_in(folder, "empty.db")
    store = Store(database)
    store.migrate()
    store.write_now(lambda transaction: put_shop(transaction, Shop("EUR", 0, "salt")))
    store.close()
    return database


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the events of a history come in: in which order, how many at a time, how often.

    Attributes:
        seed: of the order; None is the order of the history.
        twice: every event is sent a second time, at some later point.
        restarts: the server is started again between any two groups.
    """

    seed: int | None = None
    twice: bool = False
    restarts: bool = False

    def groups(self, events: Sequence[Event]) -> list[list[Event]]:
        """The events in the order and the groups of their arrival."""
        rng = random.Random(self.seed)
        arriving = [*events, *events] if self.twice else [*events]
        if self.seed is not None:
            rng.shuffle(arriving)
        groups = []
        while arriving:
            size = rng.choice((1, 5, 30, 200))
            groups.append(arriving[:size])
            arriving = arriving[size:]
        return groups


@dataclass(slots=True)
class ProductReport:
    """The product's figures in the shape of the reference's.

    Attributes:
        refused: why, by event id.
        contradicting: ids of amendments that were stored and change nothing.
    """

    figures: dict[str, VariantFigures]
    refused: dict[str, str]
    contradicting: frozenset[str]


def product_report(history: History, empty: str, path: Path, arrival: Arrival) -> ProductReport:
    """What the server says of the history after it came in.

    Args:
        history: what happened.
        empty: a database to be copied.
        path: names the copy.
        arrival: of the events.
    """
    ledger = fed(history, empty, path, arrival)
    answer = answers(ledger.database, [query_of(history)])[0]
    return answer_report(history, ledger, answer)


class FedLedger(NamedTuple):
    """A ledger into which a history came.

    Attributes:
        database: that holds it.
        refused: why, by event id.
    """

    database: str
    refused: dict[str, str]


def fed(history: History, empty: str, path: Path, arrival: Arrival) -> FedLedger:
    """A copy of the empty database with the history."""
    database = copied(empty, path)
    return FedLedger(database, feed(history, database, arrival))


def answer_report(history: History, ledger: FedLedger, answer: LedgerAnswer) -> ProductReport:
    """What an answer to `query_of` says."""
    return ProductReport(
        figures_of(history, answer), ledger.refused, _contradicting(ledger.database)
    )


def query_of(history: History) -> LedgerQuery:
    """Every metric of the reference as of the end of the history."""
    campaign = history.campaign
    columns = _columns(campaign)
    groups: dict[int | None, list[str]] = {}
    for name, column in columns.columns.items():
        groups.setdefault(column.maturity, []).append(name)
    return LedgerQuery(
        campaign.id,
        campaign.epoch,
        IdentityPolicy(campaign.policy),
        "UTC",
        tuple(columns.columns.values()),
        tuple(
            ColumnGroup(maturity, tuple(names), tuple((name, name) for name in names))
            for maturity, names in groups.items()
        ),
        coupons=tuple((variant, code) for variant, code in campaign.variants.items() if code),
        as_of_day=history.as_of // DAY - 1,
        entry=EntryRules(campaign.epoch_start, campaign.pauses, campaign.overrides),
    )


# A plan's own metrics, beside those of the catalogue.
_OWN = (
    Metric(
        "recommended_revenue",
        MeanMetric(LineMeasure(kinds=(LineKind.CROSS_SELL,), products=("sku-1", "sku-3"))),
    ),
    Metric(
        "recommended_share",
        RatioMetric(LineMeasure(LineOf.ORDERS, products=("sku-2",)), OrderMeasure.ORDERS),
    ),
)


def _metric_named(name: str) -> Metric:
    metric = catalogue_metric(name) or next((own for own in _OWN if own.name == name), None)
    assert metric is not None, name
    return metric


def _columns(campaign: Campaign) -> ColumnSet:
    columns = ColumnSet(campaign.window // DAY)
    for name in CATALOGUE:
        columns.add_metric(_metric_named(name))
    columns.add_measures(TOTALS, columns.window)
    return columns


def feed(history: History, database: str, arrival: Arrival) -> dict[str, str]:
    """Sends everything; returns what was refused, and why, by event id."""
    live = _live(history.campaign)
    store = Store(database)
    groups = arrival.groups(history.events)
    refused: dict[str, str] = {}
    # What waits for an exchange rate is sent again when everything else is there.
    for _attempt in range(2):
        refused = {}
        for group in groups:
            if arrival.restarts:
                store.close()
                store = Store(database)
            reader = EventReader(
                live, now_us=history.as_of, history_days=400, parked_days=7, currency="EUR"
            )
            refused |= _record(store, reader, group)
        groups = [[event for event in history.events if event.id in refused]]
    store.close()
    return refused


def _record(store: Store, reader: EventReader, group: Sequence[Event]) -> dict[str, str]:
    """Stores a group; returns what was refused."""
    read = [(event.id, reader.read(message_of(event))) for event in group]
    events = [(name, event) for name, event in read if isinstance(event, CheckedEvent)]
    entries = [event for _, event in events]
    outcomes = store.write_now(lambda connection: store_events(connection, entries, "EUR"))
    judged = [*read, *zip((name for name, _ in events), outcomes, strict=True)]
    return {
        name: f"{outcome.field}: {outcome.message}"
        for name, outcome in judged
        if isinstance(outcome, RefusedEvent)
    }


def _contradicting(database: str) -> frozenset[str]:
    found = rows(database, "SELECT event_id FROM amendments WHERE status = 'contradicts'")
    return frozenset(event_id.hex() for (event_id,) in found)


def _live(campaign: Campaign) -> LiveCampaigns:
    variants = {number: tuple(campaign.variants) for number in (1, 2)}
    rules = ExposureRules(State.RUNNING, 2, variants, ())
    all_rules = {campaign.id: rules, "other": rules}
    return LiveCampaigns(PublishedSnapshot(Snapshot(), all_rules, {}, {}, {}, {}))


def figures_of(history: History, answer: LedgerAnswer) -> dict[str, VariantFigures]:
    """What an answer to `query_of` says of each variant, shaped as the reference says it."""
    campaign = history.campaign
    day = history.as_of // DAY - 1
    everybody = answer.sample(day)
    columns = _columns(campaign)
    figures = {}
    for variant in campaign.variants:
        entered = everybody.entered.get(variant, 0)
        one = VariantFigures(
            units=entered, contaminated=everybody.contaminated.get(variant, 0)
        )  # fmt: skip
        window = campaign.window // DAY
        everyone = _total(answer, window, variant, None)
        mature = _total(answer, window, variant, day)
        one.mature = mature.n
        names = [f"{measure}@{window}" for measure in TOTALS]
        sums = [Fraction(everyone.sum(name)) for name in names]
        one.buyers, one.orders, one.refunded_orders = int(sums[0]), int(sums[1]), int(sums[4])
        one.revenue, one.net_revenue = sums[2], sums[3]
        for name in CATALOGUE:
            one.metrics[name] = _metric(name, columns, answer, variant, day, entered)
        figures[variant] = one
    return figures


def _metric(
    name: str, columns: ColumnSet, answer: LedgerAnswer, variant: str, day: int, entered: int
) -> Figures:
    top, base = _numerator_and_denominator(columns.add_metric(_metric_named(name)))
    maturity = columns.columns[top].maturity
    total = _total(answer, maturity, variant, day)
    # Days are kept in microseconds.
    days = name == "days_between_orders"
    numerator = Fraction(total.sum(top)) / (DAY if days else 1)
    return Figures(
        units=total.n,
        immature=entered - total.n,
        numerator=numerator,
        denominator=Fraction(0 if base is None else total.sum(base)),
        squares=Fraction(_square(total, top)) / (DAY**2 if days else 1),
    )


def _numerator_and_denominator(metric: MetricColumns) -> tuple[str, str | None]:
    match metric:
        case Rate(_, column, among):
            return column, among
        case Mean(_, column):
            return column, None
        case Ratio(_, above, below):
            return above, below
    raise AssertionError(f"{metric} has no sums")


def _square(total: Summary, column: str) -> float:
    if not total.n:
        return 0.0
    place = total.columns.index(column)
    return float(total.comoments[place, place]) + float(total.sums[place]) ** 2 / total.n


def _total(answer: LedgerAnswer, maturity: int | None, variant: str, day: int | None) -> Summary:
    group = next(group for group in answer.query.groups if group.maturity == maturity)
    return Summary.total(
        [
            group.empty(),
            *(
                group.summary(cell.sums)
                for cell in answer.cells
                if cell.maturity == maturity
                and cell.variant == variant
                and cell.counts_on(day, None)
            ),
        ]
    )
