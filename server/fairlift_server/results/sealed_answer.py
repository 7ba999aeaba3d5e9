"""The ledger's answer about a closed epoch, kept in daily cells when its rows go.

The names in the JSON are the format: they are written in full, so that code may be renamed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fairlift_stats.sequential.errors import LookEdited
from fairlift_stats.sequential.sealed_looks import SealedContent, check_chain, link

from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums
from fairlift_server.analysis.ledger_facts import (
    NO_FACTS,
    ChannelCount,
    LedgerFacts,
    SeenOrders,
    TwinOrders,
)
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    CouponCount,
    EntryCount,
    LedgerAnswer,
    LedgerQuery,
    OrderCount,
)
from fairlift_server.results.frozen_look import (
    FrozenLook,
    quantile_from,
    quantile_to,
    sealed_from_json,
    sealed_to_json,
)
from fairlift_server.results.look import LookRequest, live_query
from fairlift_server.results.query_steps import Ask


class SealedAnswerEdited(LookEdited):
    """What is kept of an epoch is not what was written with its last look."""

    def __init__(self, number: int, day: int | None) -> None:
        super().__init__(number, day)
        self.args = (
            f"kept answer: it is not what was sealed to look {number}; somebody changed it in the "
            "store: restore it from a backup",
        )


def seal_answer(ask: Ask, request: LookRequest) -> str | None:
    """The answer, sealed to the last look of its epoch; None while it may still change.

    It does while the epoch has no last look, or the window of a unit is open.

    Raises:
        LookEdited: a look in the store is not the one that was written.
    """
    check_chain(request.plan_hash, request.stored)
    looks = tuple(FrozenLook.from_json(look.content) for look in request.stored)
    if not looks or looks[-1].look.closing is None:
        return None
    plan = replace(request.plan, sequential=looks[0].plan)
    (answer,) = ask([live_query(plan, request, looks)])
    if any(units < entry.units for entry in answer.entries for units in entry.mature.values()):
        return None
    content = answer_to_json(answer)
    return sealed_to_json(SealedContent(content, link(request.stored[-1].hash, content)))


def answers_from_seal(request: LookRequest, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """Answers every query about everything from what was kept.

    Raises:
        SealedAnswerEdited: it is not what was written with the last look.
    """
    seal = sealed_from_json(request.sealed_answer or "")
    last = request.stored[-1].hash if request.stored else ""
    if link(last, seal.content) != seal.hash:
        raise SealedAnswerEdited(len(request.stored), None)
    assert all(query.as_of_day is None for query in queries), "all looks of a kept epoch are made"
    return [answer_from_json(seal.content, query) for query in queries]


def answer_to_json(answer: LedgerAnswer) -> str:
    """The answer without its query as JSON; floats keep every bit."""
    return json.dumps(
        {
            "entries": [_entry_to(entry) for entry in answer.entries],
            "groups": [_group_to(group) for group in answer.query.groups],
            "segment_groups": [_group_to(group) for group in answer.query.segment_groups],
            "cells": [_cell_to(cell) for cell in answer.cells],
            "segment_cells": [_cell_to(cell) for cell in answer.segment_cells],
            "quantiles": {
                variant: {metric: quantile_to(arm) for metric, arm in arms.items()}
                for variant, arms in answer.quantiles.items()
            },
            "last_restated_us": answer.last_restated_us,
            "orders": [
                [each.variant, each.day, each.orders, each.revenue_micros] for each in answer.orders
            ],
            "coupons": [
                [each.variant, each.coupon, each.orders, each.discount_micros]
                for each in answer.coupons
            ],
            "late_amendments": answer.late_amendments,
            "facts": _facts_to(answer.facts),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def answer_from_json(text: str, query: LedgerQuery) -> LedgerAnswer:
    """What `answer_to_json` wrote, as the answer to a query that adds up what was added up then."""
    read = json.loads(text)
    groups, segment_groups = (
        tuple(_group_from(group) for group in read[name]) for name in ("groups", "segment_groups")
    )
    return LedgerAnswer(
        query=replace(query, groups=groups, segment_groups=segment_groups),
        entries=tuple(_entry_from(entry) for entry in read["entries"]),
        cells=tuple(_cell_from(cell) for cell in read["cells"]),
        segment_cells=tuple(_cell_from(cell) for cell in read["segment_cells"]),
        quantiles={
            variant: {metric: quantile_from(arm) for metric, arm in arms.items()}
            for variant, arms in read["quantiles"].items()
        },
        last_restated_us=read["last_restated_us"],
        orders=tuple(OrderCount(*each) for each in read["orders"]),
        coupons=tuple(CouponCount(*each) for each in read["coupons"]),
        late_amendments=read["late_amendments"],
        facts=_facts_from(read["facts"]) if "facts" in read else NO_FACTS,
    )


# JSON values of many shapes pass through here.


def _facts_to(facts: LedgerFacts) -> dict[str, Any]:
    return {
        "hours": [[variant, hour, units] for (variant, hour), units in sorted(facts.hours.items())],
        "largest_buyers": {arm: list(spent) for arm, spent in facts.largest_buyers.items()},
        "largest_sums": [
            [*key, list(sums), number]
            for key, (sums, number) in sorted(facts.largest_values.items())
        ],
        "sources": [[*key, orders] for key, orders in sorted(facts.sources.items())],
        "seen": [facts.seen.orders, facts.seen.unseen],
        "busy_units": dict(facts.busy_units),
        "twin_orders": facts.twins.pairs,  # and no ids: erasing must find them in the ledger alone
        "channels": [
            [
                each.channel,
                each.orders,
                each.first_orders,
                each.revenue_micros,
                each.profit_micros,
                each.cost_micros,
            ]
            for each in facts.channels
        ],
    }


def _facts_from(read: Mapping[str, Any]) -> LedgerFacts:
    return LedgerFacts(
        hours={(variant, hour): units for variant, hour, units in read["hours"]},
        # An older version kept none of these.
        largest_buyers={arm: tuple(spent) for arm, spent in read.get("largest_buyers", {}).items()},
        largest_values={
            (arm, name): (tuple(sums), number)
            for arm, name, sums, number in read.get("largest_sums", ())
        },
        sources={(arm, channel): orders for arm, channel, orders in read.get("sources", ())},
        seen=SeenOrders(*read.get("seen", ())),
        busy_units=read["busy_units"],
        twins=TwinOrders(read["twin_orders"], ()),
        channels=tuple(ChannelCount(*each) for each in read["channels"]),
    )


def _entry_to(entry: EntryCount) -> dict[str, Any]:
    return {
        "variant": entry.variant,
        "entry_day": entry.entry_day,
        "mixed_day": entry.mixed_day,
        "units": entry.units,
        "first_us": entry.first_us,
        "last_entry_us": entry.last_entry_us,
        "last_us": entry.last_us,
        "received_us": entry.received_us,
        "late_orders": entry.late_orders,
        "late_exposures": entry.late_exposures,
        "late_actions": entry.late_actions,
        "mature": [[window, units] for window, units in entry.mature.items()],
    }


def _entry_from(read: Mapping[str, Any]) -> EntryCount:
    return EntryCount(
        read["variant"],
        read["entry_day"],
        read["mixed_day"],
        read["units"],
        read["first_us"],
        read["last_entry_us"],
        read["last_us"],
        read["received_us"],
        read["late_orders"],
        read["late_exposures"],
        read["late_actions"],
        dict(read["mature"]),
    )


def _group_to(group: ColumnGroup) -> dict[str, Any]:
    return {
        "window_days": group.maturity,
        "columns": list(group.columns),
        "products": [list(pair) for pair in group.products],
        "thirds": [list(triple) for triple in group.thirds],
    }


def _group_from(read: Mapping[str, Any]) -> ColumnGroup:
    return ColumnGroup(
        read["window_days"],
        tuple(read["columns"]),
        tuple((a, b) for a, b in read["products"]),
        tuple((a, b, c) for a, b, c in read["thirds"]),
    )


def _cell_to(cell: LedgerCell) -> dict[str, Any]:
    return {
        "window_days": cell.maturity,
        "variant": cell.variant,
        "entry_day": cell.entry_day,
        "mature_day": cell.mature_day,
        "mixed_day": cell.mixed_day,
        "segments": cell.segments,
        "units": cell.sums.units,
        "totals": list(cell.sums.totals),
    }


def _cell_from(read: Mapping[str, Any]) -> LedgerCell:
    return LedgerCell(
        read["window_days"],
        read["variant"],
        read["entry_day"],
        read["mature_day"],
        read["mixed_day"],
        read["segments"],
        UnitSums(read["units"], tuple(read["totals"])),
    )
