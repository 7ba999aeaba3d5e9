"""Folds new events into an answer, in place of reading all events again.

The same definition answers the query for the touched persons alone, twice: by the events that the
answer knows, and by all. What they added before goes out, and what they add now comes in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import CapAtQuantile
from fairlift_stats.data.sums import Sum

from fairlift_server.analysis.answer_origin import Origin
from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import full_minute
from fairlift_server.analysis.fold_numbers import (
    UnknownNumber,
    folded_counts,
    folded_extreme,
    folded_sum,
)
from fairlift_server.analysis.folded_facts import folded_facts
from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    CouponCount,
    EntryCount,
    LedgerAnswer,
    LedgerQuery,
    OpenUnits,
    OrderCount,
)
from fairlift_server.analysis.maturing import with_maturity
from fairlift_server.analysis.segment_labels import MOST_TEXTS

# What rounding leaves of sums of floats must not pile up.
_MOST_FOLDS: Final = 100


@dataclass(frozen=True, slots=True)
class NewestRestated:
    """Times of the newest events, among new ones, that say something of past events."""

    amendment_us: int | None = None
    link_us: int | None = None


def is_additive(query: LedgerQuery) -> bool:
    """Whether answers for some persons and for the others add up to the answer for all."""
    return (
        query.as_of_day is None
        and not query.quantiles
        and not any(isinstance(column.cap, CapAtQuantile) for column in query.columns)
    )


def may_be_folded(answer: LedgerAnswer, query: LedgerQuery) -> bool:
    """Whether new events can be folded into an answer, to a query that asks the same later."""
    was_asked_before = (
        query.live is None
        or answer.query.live is None
        or answer.query.live.now_us <= query.live.now_us
    )
    return (
        is_additive(query)
        and was_asked_before
        and not answer.segments_are_capped
        and answer.folds < _MOST_FOLDS
    )


def folded_in(
    old: LedgerAnswer, before: LedgerAnswer, after: LedgerAnswer, newest: NewestRestated
) -> LedgerAnswer | None:
    """The answer with what is new; None: every event must be read.

    Args:
        old: of all persons, as of the moment of its query.
        before: of the touched persons alone, by the events that the old answer knows.
        after: of them by all events, as of the same moment.
        newest: of all persons.
    """
    if before.segments_are_capped or after.segments_are_capped:
        return None
    try:
        return _folded(old, before, after, newest)
    except UnknownNumber:
        return None


def _folded(
    old: LedgerAnswer, before: LedgerAnswer, after: LedgerAnswer, newest: NewestRestated
) -> LedgerAnswer:
    query = old.query
    parts = old, before, after
    windows = tuple(
        dict.fromkeys(group.maturity for group in (*query.groups, *query.segment_groups))
    )
    entries = _entries(*(each.entries for each in parts))
    waiting: tuple[OpenUnits, ...] = ()
    if query.live is not None:
        waiting = _open_units(parts, windows, query.live.now_us)
        entries = with_maturity(entries, waiting, windows, query.live.now_us)
    segment_cells = _cells(query.segment_groups, *(each.segment_cells for each in parts))
    if len({cell.segments for cell in segment_cells}) > MOST_TEXTS:
        raise UnknownNumber
    return LedgerAnswer(
        query=query,
        entries=entries,
        cells=_cells(query.groups, *(each.cells for each in parts)),
        segment_cells=segment_cells,
        quantiles={},
        last_restated_us=_last_restated(query, old.last_restated_us, newest),
        orders=_orders(*(each.orders for each in parts)),
        coupons=_coupons(*(each.coupons for each in parts)),
        late_amendments=old.late_amendments - before.late_amendments + after.late_amendments,
        facts=folded_facts(*(each.facts for each in parts)),
        open_units=waiting,
        origin=Origin.FOLDED_IN,
        folds=old.folds + 1,
    )


def _last_restated(query: LedgerQuery, old: int | None, newest: NewestRestated) -> int | None:
    times = [old, newest.amendment_us]
    if query.identity_policy is not IdentityPolicy.AS_ASSIGNED:
        times.append(newest.link_us)
    return max((time for time in times if time is not None), default=None)


def _cells(
    groups: Iterable[ColumnGroup],
    old: Iterable[LedgerCell],
    before: Iterable[LedgerCell],
    after: Iterable[LedgerCell],
) -> tuple[LedgerCell, ...]:
    """The cells in their order: by group, then by their keys."""
    parts = [{_cell_key(cell): cell for cell in part} for part in (old, before, after)]
    units = folded_counts(*({key: cell.sums.units for key, cell in part.items()} for part in parts))
    by_window: dict[Window, list[tuple[Any, ...]]] = {}
    for key in units:
        by_window.setdefault(key[0], []).append(key)
    return tuple(
        _cell(key, UnitSums(units[key], _totals(parts, key)))
        for group in groups
        for key in sorted(by_window.get(group.maturity, ()), key=_cell_order)
    )


def _cell_key(cell: LedgerCell) -> tuple[Any, ...]:
    return (
        cell.maturity,
        cell.variant,
        cell.entry_day,
        cell.mature_day,
        cell.mixed_day,
        cell.segments,
    )


def _cell_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    _, variant, entry_day, mature_day, mixed_day, segments = key
    return variant, entry_day, mature_day, mixed_day or 0, segments or ""


def _totals(
    parts: Iterable[Mapping[tuple[Any, ...], LedgerCell]], key: tuple[Any, ...]
) -> tuple[Sum, ...]:
    known = [part[key].sums.totals if key in part else () for part in parts]
    number = max(map(len, known))
    return tuple(
        folded_sum(*each) for each in zip(*(one or (0,) * number for one in known), strict=True)
    )


def _cell(key: tuple[Any, ...], sums: UnitSums) -> LedgerCell:
    window, variant, entry_day, mature_day, mixed_day, segments = key
    return LedgerCell(window, variant, entry_day, mature_day, mixed_day, segments, sums)


def _entries(
    old: Iterable[EntryCount], before: Iterable[EntryCount], after: Iterable[EntryCount]
) -> tuple[EntryCount, ...]:
    parts = [
        {(each.variant, each.entry_day, each.mixed_day): each for each in part}
        for part in (old, before, after)
    ]
    units = folded_counts(*({key: each.units for key, each in part.items()} for part in parts))
    entries = []
    for key in sorted(units, key=lambda key: (key[0], key[1], key[2] or 0)):
        was, gone, come = (part.get(key) for part in parts)
        if was is None or (gone is not None and gone.units == was.units):
            # All of its units are touched.
            assert come is not None, "there are units"
            entries.append(come)
        else:
            entries.append(_entry(was, gone, come, units[key]))
    return tuple(entries)


def _entry(
    old: EntryCount, before: EntryCount | None, after: EntryCount | None, units: int
) -> EntryCount:
    def added(name: str) -> int:
        was, gone, come = (
            0 if part is None else int(getattr(part, name)) for part in (old, before, after)
        )
        return was - gone + come

    def extreme(name: str, *, smallest: bool = False) -> int:
        known = (None if part is None else getattr(part, name) for part in (old, before, after))
        value = folded_extreme(min if smallest else max, *known)
        assert value is not None, "the old one has it"
        return int(value)

    return replace(
        old,
        units=units,
        first_us=extreme("first_us", smallest=True),
        last_entry_us=extreme("last_entry_us"),
        last_us=extreme("last_us"),
        received_us=extreme("received_us"),
        late_orders=added("late_orders"),
        late_exposures=added("late_exposures"),
        late_actions=added("late_actions"),
    )


def _open_units(
    parts: Iterable[LedgerAnswer], windows: Iterable[Window], now_us: int
) -> tuple[OpenUnits, ...]:
    """Units with an open window at a moment: since the old answer more windows are over."""
    longest, minute = max(map(maturity_us, windows), default=0), full_minute(now_us)
    counts = (
        {
            (each.variant, each.entry_day, each.mixed_day, each.until_us): each.units
            for each in part.open_units
            if each.until_us + longest > minute
        }
        for part in parts
    )
    units = folded_counts(*counts)
    ordered = sorted(units, key=lambda key: (key[0], key[1], key[2] or 0, key[3]))
    return tuple(OpenUnits(*key, units[key]) for key in ordered)


def _orders(*parts: Iterable[OrderCount]) -> tuple[OrderCount, ...]:
    return tuple(
        OrderCount(variant, day, orders, amount)
        for (day, variant), orders, amount in _pairs(
            {(each.day, each.variant): (each.orders, each.revenue_micros) for each in part}
            for part in parts
        )
    )


def _coupons(*parts: Iterable[CouponCount]) -> tuple[CouponCount, ...]:
    return tuple(
        CouponCount(variant, coupon, orders, amount)
        for (variant, coupon), orders, amount in _pairs(
            {(each.variant, each.coupon): (each.orders, each.discount_micros) for each in part}
            for part in parts
        )
    )


def _pairs(
    parts: Iterable[Mapping[tuple[Any, Any], tuple[int, int]]],
) -> list[tuple[tuple[Any, Any], int, int]]:
    """By key, in their order, a number of orders and an amount."""
    known = list(parts)
    orders = folded_counts(*({key: each[0] for key, each in part.items()} for part in known))
    rows = []
    for key in sorted(orders):
        old, before, after = (part.get(key, (0, 0))[1] for part in known)
        rows.append((key, orders[key], old - before + after))
    return rows
