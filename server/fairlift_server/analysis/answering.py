"""Answers to queries of the ledger: one pass over its tables for all of them."""

import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from fairlift.engine.identity import IdentityPolicy
from fairlift_stats.methods.quantiles import QuantileArm

from fairlift_server.analysis.cells import DayKeys, additions_of
from fairlift_server.analysis.columns import maturity_us
from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.job_control import JobControl
from fairlift_server.analysis.ledger_facts import NO_FACTS, LedgerFacts
from fairlift_server.analysis.ledger_query import (
    CouponCount,
    LedgerAnswer,
    LedgerQuery,
    OpenUnits,
    OrderCount,
)
from fairlift_server.analysis.live_counts import (
    counted_orders,
    last_restated,
    late_amendments,
    orders_by_coupon,
    orders_by_day,
)
from fairlift_server.analysis.local_days import CLOCKS, clock_columns, clock_rows
from fairlift_server.analysis.maturing import with_maturity
from fairlift_server.analysis.order_lines import RESTATED_LINE_COLUMNS, RESTATED_LINES
from fairlift_server.analysis.query_tables import Traits, end_us, put_queries, shape_of, traits_of
from fairlift_server.analysis.read_cells import entry_counts, group_cells, open_units
from fairlift_server.analysis.read_facts import live_facts
from fairlift_server.analysis.restated_orders import (
    RESTATED,
    RESTATED_COLUMNS,
    restated_orders,
)
from fairlift_server.analysis.segment_cells import NO_SEGMENTS, segment_cells
from fairlift_server.analysis.shape_rows import Place, ShapeRows
from fairlift_server.analysis.shared_rows import SHARED_STEPS, SharedRows, shared_rows
from fairlift_server.analysis.unit_quantiles import read_quantile
from fairlift_server.analysis.untyped import Row, by_query

# Each query of one campaign has rows of its own for all of its persons.
_MOST_OF_ONE_CAMPAIGN: Final = 4
# Of a computation that is followed: units, segments, sums, what is asked of now.
_SHAPE_STEPS: Final = 4


def answers_of(
    engine: Engine, queries: Sequence[LedgerQuery], control: JobControl
) -> list[LedgerAnswer]:
    """The answers to all queries, in their order.

    Raises:
        JobStopped: they are not wanted any more.
    """
    batches = [(batch, [queries[place] for place in batch]) for batch in _batches(queries)]
    control.begin_round(sum(_steps(together) for _, together in batches))
    answers: dict[int, LedgerAnswer] = {}
    with _no_collection():
        for batch, together in batches:
            answers |= zip(batch, _Call(engine, together, control).answers(), strict=True)
    return [answers[place] for place in range(len(queries))]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps the collector from running: rows of cells are many objects without circles.

    What has circles, such as statements that are being written, is freed afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _batches(queries: Sequence[LedgerQuery]) -> Iterator[list[int]]:
    """Places of queries that are answered together."""
    batches: dict[int, list[int]] = defaultdict(list)
    times: dict[tuple[str, int], int] = defaultdict(int)
    for place, query in enumerate(queries):
        key = query.campaign, query.epoch
        batches[times[key] // _MOST_OF_ONE_CAMPAIGN].append(place)
        times[key] += 1
    yield from batches.values()


def _steps(queries: Sequence[LedgerQuery]) -> int:
    return SHARED_STEPS + _SHAPE_STEPS * len(set(map(shape_of, queries)))


class _Call:
    """Queries that are answered together."""

    def __init__(self, engine: Engine, queries: Sequence[LedgerQuery], control: JobControl) -> None:
        self._engine = engine
        self._control = control
        self._queries = queries
        shapes = [shape_of(query) for query in queries]
        self._shapes = list(dict.fromkeys(shapes))
        numbers = [self._shapes.index(shape) for shape in shapes]
        put_queries(engine, queries, numbers)
        self._of_shape: dict[int, list[int]] = defaultdict(list)
        for query, number in enumerate(numbers):
            self._of_shape[number].append(query)
        ends = {number: end_us(query) for number, query in enumerate(queries)}
        restated = list(restated_orders(engine, ends))
        if restated:
            engine.put(RESTATED, RESTATED_COLUMNS, [order.facts for order in restated])
            lines = [line for order in restated for line in order.lines]
            engine.put(RESTATED_LINES, RESTATED_LINE_COLUMNS, lines)
        self._traits = traits_of(queries, restates=bool(restated))

    def answers(self) -> list[LedgerAnswer]:
        """One for each query."""
        shared = shared_rows(self._engine, self._traits, self._control)
        [restated] = self._engine.rows("restated", lambda: last_restated(self._engine.ledger))
        answers: dict[int, LedgerAnswer] = {}
        for number, shape in enumerate(self._shapes):
            place = Place(shape, number, len(self._shapes) == 1)
            queries = {query: self._queries[query] for query in self._of_shape[number]}
            rows = _OneShape(self._engine, self._traits, shared, place)
            answers |= rows.answers(queries, restated, self._control)
        return [answers[number] for number in range(len(self._queries))]


class _OneShape:
    """Queries of one shape, once the shared rows are there."""

    def __init__(self, engine: Engine, traits: Traits, shared: SharedRows, place: Place) -> None:
        self._engine = engine
        self._traits = traits
        self._shared = shared
        self._shape = place.shape
        self._rows = ShapeRows(engine, traits, shared, place)

    def answers(
        self, queries: Mapping[int, LedgerQuery], restated: Row, control: JobControl
    ) -> Iterator[tuple[int, LedgerAnswer]]:
        """Each query's number, and its answer."""
        shape, rows = self._shape, self._rows
        changes = self._put_clocks(queries)
        control.end_step()
        groups = [*shape.groups, *shape.segment_groups]
        windows = tuple(dict.fromkeys(group.maturity for group in groups))
        by_day = DayKeys(windows, changes)
        extremes = rows.extremes()
        additions = additions_of(shape.groups, extremes)
        # First: counts by text, if they are few, serve for the counts below.
        segments = segment_cells(rows, queries, by_day, extremes) if shape.segment_groups else {}
        control.end_step()
        counts = by_query(rows.counts(by_day))
        sums = by_query(rows.sums(by_day, additions.values()))
        quantiles = self._quantiles()
        control.end_step()
        live = self._live(queries, changes)
        by_minute = by_query(rows.open_units(by_day)) if live else {}
        facts = self._facts(queries, changes)
        control.end_step()
        for number, query in queries.items():
            of_persons, of_units = counts.get(number, []), sums.get(number, [])
            orders, coupons, late = live.get(number, ((), (), 0))
            cut = segments.get(number, NO_SEGMENTS)
            entries = entry_counts(of_persons, of_units)
            waiting: tuple[OpenUnits, ...] = ()
            if query.live is not None:
                waiting = open_units(by_minute.get(number, []))
                entries = with_maturity(entries, waiting, windows, query.live.now_us)
            yield (
                number,
                LedgerAnswer(
                    query=query,
                    entries=entries,
                    cells=tuple(
                        cell
                        for group in query.groups
                        for cell in group_cells(group, by_day, of_persons, of_units, additions)
                    ),
                    segment_cells=cut.cells,
                    quantiles=quantiles.get(number, {}),
                    last_restated_us=_last_restated(query, restated),
                    orders=orders,
                    coupons=coupons,
                    late_amendments=late,
                    open_units=waiting,
                    segments_are_capped=cut.are_capped,
                    facts=facts.get(number, NO_FACTS),
                ),
            )

    def _put_clocks(self, queries: Mapping[int, LedgerQuery]) -> int:
        """Writes down the clocks of all zones; how often they change."""
        wait_us = max((maturity_us(group.maturity) for group in self._shape.groups), default=0)
        spans: dict[int, tuple[str, int, int]] = {
            number: (query.time_zone, 0, 0) for number, query in queries.items()
        }
        for row in self._rows.spans():
            zone, first, last = spans[row["query_id"]]
            spans[row["query_id"]] = (
                zone,
                min(first or row["first"], row["first"]),
                max(last, row["entry"] + wait_us, row["last"]),
            )
        changes, rows = clock_rows(spans)
        self._engine.put(CLOCKS, clock_columns(changes), rows)
        return changes

    def _quantiles(self) -> dict[int, dict[str, dict[str, QuantileArm]]]:
        """By query, variant and metric."""
        by_query: dict[int, dict[str, dict[str, QuantileArm]]] = defaultdict(dict)
        for quantile in self._shape.quantiles:
            column = self._rows.column(quantile.column)
            for row in self._rows.quantile(quantile):
                arm = read_quantile(row, column, quantile.at)
                if arm is not None:
                    by_variant = by_query[row["query_id"]].setdefault(row["variant"], {})
                    by_variant[quantile.metric] = arm
        return by_query

    def _facts(self, queries: Mapping[int, LedgerQuery], changes: int) -> Mapping[int, LedgerFacts]:
        if not any(query.live is not None for query in queries.values()):
            return {}
        return live_facts(self._engine, self._traits, self._shared, changes, queries)

    def _live(
        self, queries: Mapping[int, LedgerQuery], changes: int
    ) -> dict[int, tuple[tuple[OrderCount, ...], tuple[CouponCount, ...], int]]:
        """What live queries ask of now, beside the sums."""
        live = {number: query for number, query in queries.items() if query.live is not None}
        if not live:
            return {}
        orders, changed = self._shared.orders, self._shared.changed
        by_day = by_query(
            self._engine.rows(
                ("by day", self._traits, changes),
                lambda: orders_by_day(counted_orders(orders, changed), changes),
            )
        )
        by_coupon = by_query(
            self._engine.rows(
                ("by coupon", self._traits),
                lambda: orders_by_coupon(counted_orders(orders, changed)),
            )
        )
        late: dict[int, int] = {}
        if any(query.late is not None for query in live.values()):
            ledger = self._engine.ledger
            rows = self._engine.rows(
                ("late", self._traits), lambda: late_amendments(ledger, orders)
            )
            late = {row["query_id"]: int(row["late"]) for row in rows}
        return {
            number: (
                tuple(sorted(map(_order_count, by_day.get(number, ())), key=_day_and_variant)),
                tuple(sorted(map(_coupon_count, by_coupon.get(number, ())), key=_coupon_key)),
                late.get(number, 0),
            )
            for number in live
        }


def _last_restated(query: LedgerQuery, row: Row) -> int | None:
    times = [row["last_amendment_us"]]
    if query.identity_policy is not IdentityPolicy.AS_ASSIGNED:
        times.append(row["last_link_us"])
    return max((int(time) for time in times if time is not None), default=None)


def _order_count(row: Row) -> OrderCount:
    return OrderCount(row["variant"], row["day"], row["orders"], row["revenue_micros"])


def _coupon_count(row: Row) -> CouponCount:
    return CouponCount(row["variant"], row["coupon"], row["orders"], row["discount_micros"])


def _day_and_variant(count: OrderCount) -> tuple[int, str]:
    return count.day, count.variant


def _coupon_key(count: CouponCount) -> tuple[str, str]:
    return count.variant, count.coupon
