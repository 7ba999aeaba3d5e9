"""Facts of all persons once some persons have others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from fairlift_server.analysis.fold_numbers import (
    UnknownNumber,
    folded_counts,
    folded_extreme,
)
from fairlift_server.analysis.ledger_facts import ChannelCount, LedgerFacts, SeenOrders

_COUNTED = ("orders", "first_orders", "revenue_micros", "profit_micros")


def folded_facts(old: LedgerFacts, before: LedgerFacts, after: LedgerFacts) -> LedgerFacts:
    """Old − before + after.

    Raises:
        UnknownNumber: a fact cannot be told from those that are known.
    """
    if before.twins != after.twins:
        # Which of all twins are the examples is not known.
        raise UnknownNumber
    return LedgerFacts(
        hours=folded_counts(old.hours, before.hours, after.hours),
        largest_orders=_largest_orders(old, before, after),
        largest_values=_largest_values(old, before, after),
        sources=folded_counts(old.sources, before.sources, after.sources),
        seen=SeenOrders(
            *(
                getattr(old.seen, field.name)
                - getattr(before.seen, field.name)
                + getattr(after.seen, field.name)
                for field in fields(SeenOrders)
            )
        ),
        busy_units=folded_counts(old.busy_units, before.busy_units, after.busy_units),
        twins=old.twins,
        channels=_channels(old.channels, before.channels, after.channels),
    )


def _largest_orders(old: LedgerFacts, before: LedgerFacts, after: LedgerFacts) -> dict[str, int]:
    by_key: dict[str, int] = {}
    for variant in sorted({*old.largest_orders, *after.largest_orders}):
        known = (facts.largest_orders.get(variant) for facts in (old, before, after))
        largest = folded_extreme(max, *known)
        assert largest is not None, "one of them has it"
        by_key[variant] = int(largest)
    return by_key


def _largest_values(
    old: LedgerFacts, before: LedgerFacts, after: LedgerFacts
) -> dict[tuple[str, str], tuple[float, int]]:
    parts = old, before, after
    numbers = folded_counts(
        *({key: number for key, (_, number) in facts.largest_values.items()} for facts in parts)
    )
    by_key: dict[tuple[str, str], tuple[float, int]] = {}
    for key, number in numbers.items():
        known = (facts.largest_values.get(key, (None, 0))[0] for facts in parts)
        largest = folded_extreme(max, *known)
        assert largest is not None, "there are values"
        by_key[key] = (largest, number)
    return by_key


def _channels(
    old: Iterable[ChannelCount], before: Iterable[ChannelCount], after: Iterable[ChannelCount]
) -> tuple[ChannelCount, ...]:
    """Costs are the same in all three: new ones are not folded in."""
    parts = [{each.channel: each for each in part} for part in (old, before, after)]
    spent = {channel: each.cost_micros for part in parts for channel, each in part.items()}
    channels = (
        ChannelCount(
            channel,
            **{name: _number(parts, channel, name) for name in _COUNTED},
            cost_micros=spent[channel],
        )
        for channel in sorted(spent)
    )
    return tuple(each for each in channels if each.orders or each.cost_micros)


def _number(parts: Sequence[Mapping[str, ChannelCount]], channel: str, name: str) -> int:
    old, before, after = (getattr(part[channel], name) if channel in part else 0 for part in parts)
    return int(old - before + after)
