"""Queries as small tables that the definition joins: one statement answers many queries.

The text of a statement names no moment and no campaign. So it stays the same from day to day, and
for all queries of one shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import ibis
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import ActionMeasure, OrderMeasure, ReturnMeasure

from fairlift_server.analysis.columns import (
    FunnelSteps,
    UnitColumn,
    maturity_us,
    measures_behind,
    values_added_up,
)
from fairlift_server.analysis.day_calendar import DayCalendar, full_minute
from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.entry_rules import ENTRY_OF_ALL
from fairlift_server.analysis.ledger_query import NEW_OR_RETURNING, LedgerQuery
from fairlift_server.analysis.untyped import Table
from fairlift_server.events.caller_clocks import TOLERANCE_US
from fairlift_server.events.ledger import coupon_list

Rows: TypeAlias = list[tuple[Any, ...]]

CART: Final = "add_to_cart"
QUERIES: Final = "queries"
# Before and after every moment.
ALWAYS_US: Final = -(2**62)
NEVER_US: Final = 2**62

# `query_id` is the key of everything that is worked out for a query.
_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    QUERIES: {
        "query_id": "int64",
        "shape": "int64",
        "campaign": "string",
        "epoch": "int64",
        # Links of identity are followed.
        "follows_links": "boolean",
        # Variants of all ids of a person must agree, not only those of one id.
        "excludes": "boolean",
        # Exposures count from then on, events until then.
        "start_us": "int64",
        "end_us": "int64",
        "now_us": "int64",
        "late_end_us": "int64",
        "late_made_us": "int64",
        # Orders within so long of the first exposure are counted by day and coupon.
        "counted_us": "int64",
    },
    "query_pauses": {"query_id": "int64", "pause_start_us": "int64", "pause_end_us": "int64"},
    "query_overrides": {"query_id": "int64", "overridden": "string"},
    "query_coupons": {"query_id": "int64", "variant": "string", "own_coupon": "string"},
    "query_segments": {"query_id": "int64", "place": "int64", "name": "string"},
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What the texts of statements depend on that all queries of a call share.

    Attributes:
        follows_links: some query follows links of identity.
        pauses, overrides, coupons: some query names them.
        restates: orders stood otherwise at the moment of some query.
        actions: the names that some query needs; None: all.
        keeps_actions: actions become a table, as several statements read them.
    """

    follows_links: bool
    pauses: bool
    overrides: bool
    coupons: bool
    restates: bool
    actions: tuple[str, ...] | None
    keeps_actions: bool


def query_table(name: str = QUERIES) -> Table:
    """One of the small tables of the queries."""
    return ibis.table(_TABLES[name], name=name)


def put_queries(engine: Engine, queries: Sequence[LedgerQuery], shapes: Sequence[int]) -> None:
    """Writes the queries into their tables: the id of each is its place in the sequence."""
    rows: dict[str, Rows] = {name: [] for name in _TABLES}
    for number, (query, shape) in enumerate(zip(queries, shapes, strict=True)):
        rows[QUERIES].append(_query_row(number, query, shape))
        rows["query_pauses"] += [
            (number, start, NEVER_US if end is None else end) for start, end in query.entry.pauses
        ]
        rows["query_overrides"] += [(number, unit) for unit in query.entry.overrides]
        rows["query_coupons"] += [
            (number, variant, coupon_list([code])) for variant, code in query.coupons
        ]
        rows["query_segments"] += [
            (number, place, name) for place, name in enumerate(query.segments)
        ]
    for name, columns in _TABLES.items():
        engine.put(name, columns, rows[name])


def end_us(query: LedgerQuery) -> int:
    """The end of the query's day."""
    if query.as_of_day is None:
        return NEVER_US
    return DayCalendar(query.time_zone).end_us(query.as_of_day)


def _query_row(number: int, query: LedgerQuery, shape: int) -> tuple[Any, ...]:
    start_us, late, live = query.entry.start_us, query.late, query.live
    counted = live.window if live is not None else 0
    return (
        number,
        shape,
        query.campaign,
        query.epoch,
        query.identity_policy is not IdentityPolicy.AS_ASSIGNED,
        query.identity_policy is IdentityPolicy.EXCLUDE,
        # An exposure keeps its time: what its person did next was written down by the same clock.
        ALWAYS_US if start_us is None else start_us - TOLERANCE_US,
        end_us(query),
        # Of queries of the past nobody asks which windows are open.
        NEVER_US if live is None else full_minute(live.now_us),
        ALWAYS_US if late is None else late.end_us,
        NEVER_US if late is None else late.made_us,
        NEVER_US if counted is None else maturity_us(counted),
    )


def shape_of(query: LedgerQuery) -> LedgerQuery:
    """The query without what its rows in the tables say.

    Queries of one shape are answered by the same statements: those that name the same columns,
    groups, quantiles, and as many segments.
    """
    return replace(
        query,
        campaign="",
        epoch=0,
        identity_policy=IdentityPolicy.AS_ASSIGNED,
        time_zone="UTC",
        coupons=(),
        entry=ENTRY_OF_ALL,
        as_of_day=None,
        live=None,
        segments=tuple(
            name if name == NEW_OR_RETURNING else str(place)
            for place, name in enumerate(query.segments)
        ),
        bands=(),
    )


def traits_of(queries: Sequence[LedgerQuery], *, restates: bool) -> Traits:
    """What the queries share."""
    needed = [action_names(query.columns) for query in queries]
    named = {name for names in needed for name in names or ()}
    return Traits(
        any(query.identity_policy is not IdentityPolicy.AS_ASSIGNED for query in queries),
        any(query.entry.pauses for query in queries),
        any(query.entry.overrides for query in queries),
        any(query.coupons for query in queries),
        restates,
        None if None in needed else tuple(sorted(named)),
        _actions_are_read_again(queries, needed),
    )


def _actions_are_read_again(
    queries: Sequence[LedgerQuery], needed: Sequence[tuple[str, ...] | None]
) -> bool:
    """Whether several statements read them: units of several shapes, returns, values, funnels."""
    if not any(names != () for names in needed):
        return False
    columns = [column for query in queries for column in query.columns]
    return (
        len(set(map(shape_of, queries))) > 1
        or None in needed
        or bool(values_added_up(columns))
        or any(isinstance(column.measure, FunnelSteps) for column in columns)
    )


def action_names(columns: tuple[UnitColumn, ...]) -> tuple[str, ...] | None:
    """The actions that some column needs; None when any event counts."""
    names: set[str] = set()
    for measure in measures_behind(columns):
        match measure:
            case ReturnMeasure(bought=False):
                return None
            case ActionMeasure(name):
                names.add(name)
            case OrderMeasure.ABANDONED_CARTS:
                names.add(CART)
    return tuple(sorted(names))
